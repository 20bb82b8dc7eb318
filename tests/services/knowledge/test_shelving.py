"""Large indexes under an HNSW index of their own: what is found there, and what the database lets nobody do."""

from __future__ import annotations

import asyncio
import random
from collections.abc import Sequence

import pytest
from sqlalchemy import text
from tests.conftest import make_scope
from tests.services.knowledge.shelf import Shelf, passage

from girih.db.engine import make_engine
from girih.db.halfvecs import halfvec, take_halfvecs
from girih.db.tenancy import OrgScope
from girih.db.unit_of_work import UnitOfWork
from girih.services.knowledge import meaning
from girih.services.knowledge.shelving import Shelving
from girih.services.knowledge.where import EVERYTHING, Where

DIMS = 16
LARGE = 1_200


def vectors(count: int, seed: int) -> list[list[float]]:
    """Directions all around."""
    drawn = random.Random(seed)
    return [[drawn.gauss(0, 1) for _ in range(DIMS)] for _ in range(count)]


def cosine(a: Sequence[float], b: Sequence[float]) -> float:
    """How alike two directions are."""
    dot, aa, bb = (sum(x * y for x, y in zip(p, q, strict=True)) for p, q in ((a, b), (a, a), (b, b)))
    return float(dot / (aa * bb) ** 0.5)


async def filled(uow: UnitOfWork, scope: OrgScope, made: list[list[float]]) -> Shelf:
    """An index of so many passages, in documents of a hundred; passage `n` begins at `n`."""
    shelf = await Shelf(uow, scope, DIMS).make()
    for at in range(0, len(made), 100):
        some = made[at : at + 100]
        await shelf.put(f"d{at}", [passage(f"rule {at + n} of parcels", at + n) for n in range(len(some))], some)
    return shelf


async def recall(shelf: Shelf, made: list[list[float]], where: Where = EVERYTHING, left: int | None = None) -> float:
    """How many of the ten nearest of the first `left` are found."""
    asked = vectors(20, seed=9)
    found = right = 0
    for vector in asked:
        nearest = sorted(range(len(made) if left is None else left), key=lambda n: -cosine(made[n], vector))[:10]
        starts = [place[1] for place in await shelf.near(vector, 10, where)]
        assert len(starts) == min(10, len(made) if left is None else left)
        found += len(set(starts) & set(nearest))
        right += len(nearest)
    return found / right


@pytest.fixture(scope="module")
def made() -> list[list[float]]:
    return vectors(LARGE, seed=1)


async def shelf_of(shelf: Shelf) -> int:
    async with shelf.uow(shelf.scope) as work:
        return (await shelf.index(work)).shelf


async def test_a_large_index_is_shelved_once_nothing_waits(
    uow: UnitOfWork, scope: OrgScope, other_scope: OrgScope, made: list[list[float]]
) -> None:
    large = await filled(uow, scope, made)
    small = await filled(uow, other_scope, made[:40])
    assert await recall(large, made) >= 0.99
    shelving = Shelving(uow, large=LARGE)
    assert await shelving.round() >= 1
    assert await shelf_of(large) > 0
    assert await shelf_of(small) == 0
    assert await shelving.round() == 0
    assert await recall(large, made) >= 0.97
    assert await recall(small, made[:40]) >= 0.99
    assert [place[1] for place in await large.say("777", 5)] == [777]


async def test_the_hnsw_index_is_what_answers(uow: UnitOfWork, scope: OrgScope, made: list[list[float]]) -> None:
    shelf = await filled(uow, scope, made)
    assert await shelf.shelve()
    async with uow(scope) as work:
        held = await shelf.index(work)
        await take_halfvecs(work.session)
        await work.session.execute(text("SET LOCAL enable_sort = off"))
        plan = await work.session.execute(
            text(
                "EXPLAIN "
                + meaning.NEAREST.format(
                    dims=DIMS, tuples=100, own=meaning.OWN.format(shelf=held.shelf), documents="", where="true"
                )
            ),
            {"org_id": scope.org_id, "index_id": held.id, "vector": halfvec(made[0]), "depth": 10},
        )
    said = "\n".join(row[0] for row in plan)
    assert f"nearest_{held.shelf}" in said
    assert "vectors_0" not in said


@pytest.mark.parametrize("left", [600, 120, 12, 3])
@pytest.mark.parametrize("few", [50, 10_000])
async def test_conditions_leave_all_their_hits(
    uow: UnitOfWork,
    scope: OrgScope,
    made: list[list[float]],
    left: int,
    few: int,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(meaning, "FEW", few)
    shelf = await filled(uow, scope, made)
    where = Where("c.start < :where_left AND d.name <> ''", {"where_left": left})
    assert await recall(shelf, made, where, left) == 1.0
    assert await shelf.shelve()
    assert await recall(shelf, made, where, left) >= 0.97
    assert len(await shelf.say("rule of parcels", 50, where)) == min(50, left)


async def test_no_more_than_the_nearest_are_looked_at_by_index(
    uow: UnitOfWork, scope: OrgScope, made: list[list[float]]
) -> None:
    shelf = await filled(uow, scope, made)
    assert await shelf.shelve()
    nearest = sorted(range(LARGE), key=lambda n: -cosine(made[n], made[7]))[:150]
    async with uow(scope) as work:
        await take_halfvecs(work.session)
        search = meaning.Search(work, await shelf.index(work), made[7], Where("c.start % 2 = 0"))
        starts = {row.start for row in await search.by_index(200, 150)}
    left = {start for start in nearest if start % 2 == 0}
    assert len(starts) <= 90
    assert len(starts & left) >= 0.95 * len(left)


async def test_few_among_many_are_compared_one_by_one(
    uow: UnitOfWork, scope: OrgScope, made: list[list[float]], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(meaning, "FEW", LARGE // 2)
    monkeypatch.setattr(meaning, "_SHORT", 150)
    shelf = await filled(uow, scope, made)
    assert await shelf.shelve()
    for left in (200, 60, 20):
        assert await recall(shelf, made, Where("c.start < :where_left", {"where_left": left}), left) == 1.0


async def test_what_is_written_while_the_index_is_built_is_there(
    uow: UnitOfWork, scope: OrgScope, made: list[list[float]]
) -> None:
    shelf = await filled(uow, scope, made)

    async def write() -> None:
        for number in range(8):
            await shelf.put(f"late {number}", [passage(f"late {number}", 5_000 + number)], [made[number]])
            await shelf.clear(f"d{number * 100}")

    shelved, _ = await asyncio.gather(shelf.shelve(), write())
    assert shelved
    assert (await shelf.counts())[0] == LARGE - 800 + 8
    assert (await shelf.rows())["chunk_vectors"] == LARGE - 800 + 8
    async with uow(scope) as work:
        assert await work.session.scalar(text("SELECT count(DISTINCT shelf) FROM chunk_vectors")) == 1
    for number in range(8):
        assert 5_000 + number in [place[1] for place in await shelf.near(made[number], 3)]


async def test_only_the_own_organization_has_its_index_shelved(
    uow: UnitOfWork, scope: OrgScope, other_scope: OrgScope, made: list[list[float]]
) -> None:
    shelf = await filled(uow, scope, made[:100])
    assert not await Shelving(uow).shelve(other_scope, shelf.index_id)
    assert await shelf.shelve()
    async with uow(other_scope) as work:
        await work.session.execute(text("SELECT empty_shelf(:id)"), {"id": shelf.index_id})
        assert await work.session.scalar(text("SELECT count(*) FROM chunk_vectors")) == 0
    assert (await shelf.rows())["chunk_vectors"] == 100
    async with uow.reading_for("sweep") as work:
        assert not await work.session.scalar(text("SELECT shelve_passages(:id)"), {"id": shelf.index_id})


async def test_partitions_are_guarded_as_their_table_is(
    uow: UnitOfWork, owner_database_url: str, made: list[list[float]]
) -> None:
    shelf = await filled(uow, await make_scope(uow), made[:100])
    assert await shelf.shelve()
    name = f"vectors_{await shelf_of(shelf)}"
    owner = make_engine(owner_database_url, role=None, pool_size=1)
    async with owner.connect() as connection:
        rows = await connection.execute(
            text(
                "SELECT c.relrowsecurity, c.relforcerowsecurity, c.relispartition, p.qual = g.qual, "
                "p.with_check = g.with_check FROM pg_class c "
                "JOIN pg_policies p ON p.schemaname = 'shelves' AND p.tablename = c.relname "
                "JOIN pg_policies g ON g.policyname = 'chunk_vectors_org' WHERE c.relname = :name"
            ),
            {"name": name},
        )
        assert [tuple(row) for row in rows] == [(True, True, True, True, True)]
    await owner.dispose()

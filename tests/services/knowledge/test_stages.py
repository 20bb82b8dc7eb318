"""An ingestion goes stage by stage, and does nothing twice: not after a fault, and not for equal bytes or passages."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Sequence
from dataclasses import dataclass, field
from datetime import timedelta
from pathlib import Path
from typing import Any
from uuid import UUID

import pytest
from sqlalchemy import text

from girih.db.tenancy import OrgScope
from girih.db.unit_of_work import UnitOfWork
from girih.errors import Unavailable
from girih.language.compiler.workspace import OtherSpec
from girih.providers.embeddings.hashing import Hashing
from girih.providers.embeddings.ladder import Embedders
from girih.providers.storage.local import LocalStorage
from girih.services.knowledge.documents import DocumentService
from girih.services.knowledge.lanes import BULK
from girih.services.knowledge.service import KnowledgeService
from girih.worker.pump import Pump

PARTS = [f"# Part {n}\n\n" + f"Sentence {n} says something about matter {n}. " * 12 for n in range(40)]
LONG = "\n\n".join(PARTS).encode()


class Watched(Hashing):
    """The hashing embedder, which counts what it embeds and may be told to fail."""

    name = "openai"  # the rung of the ladder it is put on

    def __init__(self) -> None:
        self.embedded = 0
        self.fails_after: int | None = None

    async def embed(self, texts: Sequence[str]) -> list[list[float]]:
        if self.fails_after is not None and self.embedded >= self.fails_after:
            raise Unavailable("the provider is away")
        self.embedded += len(texts)
        return await super().embed(texts)


@dataclass
class Place:
    """A knowledge service with documents, and what it embedded."""

    uow: UnitOfWork
    folder: Path
    embedder: Watched = field(default_factory=Watched)

    def __post_init__(self) -> None:
        storage = LocalStorage(self.folder)
        embedders = Embedders("openai", openai=lambda: self.embedder)
        self.knowledge = KnowledgeService(self.uow, self.folder, embedders, storage=storage, lease=timedelta(seconds=2))
        self.ingestion = self.knowledge.ingestion
        self.documents = DocumentService(self.uow, storage, self.folder)

    async def publish(self, scope: OrgScope, **more: Any) -> None:
        whole: dict[str, Any] = {"kind": "collection/v1", "name": "docs", "chunk": {"size": 50, "overlap": 10}} | more
        spec = OtherSpec("collection/v1", "docs", "docs.yaml", whole, digest=repr(sorted(whole)))
        async with self.uow(scope) as work:
            await self.knowledge.put_collections(work, [spec])

    async def bring(self, scope: OrgScope, name: str, content: bytes) -> Any:
        document = await self.documents.upload(scope, "docs", name, content)
        await self.work_off(scope)
        return await self.documents.document(scope, document.id)

    async def jobs(self, scope: OrgScope, what: str = "id") -> list[Any]:
        async with self.uow(scope) as work:
            rows = await work.session.execute(text(f"SELECT {what} FROM ingest_jobs ORDER BY created_at, id"))
            return [row[0] if len(row) == 1 else tuple(row) for row in rows]

    async def change(self, scope: OrgScope, statement: str, **values: Any) -> None:
        async with self.uow(scope) as work:
            await work.session.execute(text(statement), values)

    async def work_off(self, scope: OrgScope) -> None:
        for job in await self.jobs(scope):
            await self.knowledge.ingest(job)


@pytest.fixture
def uow(uow_apart: UnitOfWork) -> UnitOfWork:
    """On a database of its own: work that tests elsewhere left would be taken here."""
    return uow_apart


@pytest.fixture
async def place(uow: UnitOfWork, tmp_path: Path) -> AsyncIterator[Place]:
    yield Place(uow, tmp_path)
    async with uow.reading_for("reconcile") as work:  # what one test leaves waiting is not for the next one
        left = list(await work.session.scalars(text("SELECT DISTINCT org_id FROM ingest_jobs")))
    for org_id in left:
        async with uow(OrgScope(org_id, org_id)) as work:
            await work.session.execute(text("DELETE FROM ingest_jobs"))


async def test_the_stages_one_by_one(scope: OrgScope, place: Place) -> None:
    await place.publish(scope)
    document = await place.documents.upload(scope, "docs", "a.md", LONG)
    assert document.status == "queued"
    held = await place.ingestion.next("parse")
    assert held is not None
    assert held.stage == "parse"
    assert (await place.documents.document(scope, document.id)).status == "parsing"
    assert await place.ingestion.next("parse") is None, "it was given to two"
    assert await place.ingestion.next("embed") is None, "it is not cut yet"
    await place.ingestion.work(held)
    assert (await place.documents.document(scope, document.id)).status == "embedding"
    assert await place.jobs(scope, "lane, stage, status, attempts") == [("embed", "embed", "queued", 0)]
    held = await place.ingestion.next("embed")
    assert held is not None
    await place.ingestion.work(held)
    ready = await place.documents.document(scope, document.id)
    assert (ready.status, ready.chunks) == ("ready", place.embedder.embedded)
    assert await place.jobs(scope, "stage, status, done = total") == [("done", "done", True)]


async def test_equal_bytes_share_the_work(scope: OrgScope, place: Place, monkeypatch: pytest.MonkeyPatch) -> None:
    await place.publish(scope)
    one = await place.bring(scope, "a.md", LONG)
    embedded = place.embedder.embedded

    async def never(*_: object) -> None:
        raise AssertionError("it was parsed again")

    monkeypatch.setattr("girih.services.knowledge.stages.parse_file", never)
    two = await place.bring(scope, "b.md", LONG)
    assert (one.status, two.status) == ("ready", "ready")
    assert one.id != two.id
    assert place.embedder.embedded == embedded
    assert await place.jobs(scope, "reused = total") == [False, True]


async def test_one_changed_paragraph_is_all_that_is_embedded(scope: OrgScope, place: Place) -> None:
    await place.publish(scope)
    first = await place.bring(scope, "a.md", LONG)
    before = place.embedder.embedded
    changed = [*PARTS[:20], PARTS[20].replace("matter 20.", "question 20.", 1), *PARTS[21:]]
    second = await place.bring(scope, "a.md", "\n\n".join(changed).encode())
    assert second.id == first.id
    assert 1 <= place.embedder.embedded - before <= 2
    assert second.chunks == first.chunks


async def test_what_another_organization_embedded_is_not_shared(
    scope: OrgScope, other_scope: OrgScope, place: Place
) -> None:
    for each in (scope, other_scope):
        await place.publish(each)
    await place.bring(scope, "a.md", LONG)
    before = place.embedder.embedded
    await place.bring(other_scope, "a.md", LONG)
    assert place.embedder.embedded == 2 * before


async def test_a_fault_in_the_middle_keeps_what_is_done(scope: OrgScope, place: Place) -> None:
    await place.publish(scope)
    place.embedder.fails_after = 32
    document = await place.bring(scope, "a.md", LONG)
    assert document.status == "queued"
    assert await place.jobs(scope, "stage, status, attempts, reason") == [
        ("embed", "queued", 0, "the provider is away")  # something was embedded: that was no attempt in vain
    ]
    place.embedder.fails_after = None
    await place.change(scope, "UPDATE ingest_jobs SET not_before = NULL")
    await place.work_off(scope)
    ready = await place.documents.document(scope, document.id)
    assert ready.status == "ready"
    assert place.embedder.embedded == ready.chunks


async def test_artefacts_that_are_gone_are_made_again(scope: OrgScope, place: Place, tmp_path: Path) -> None:
    await place.publish(scope)
    document = await place.documents.upload(scope, "docs", "a.md", LONG)
    held = await place.ingestion.next("parse")
    assert held is not None
    await place.ingestion.work(held)
    await LocalStorage(tmp_path).delete_all(f"artefacts/{scope.org_id}/")
    await place.work_off(scope)
    assert (await place.documents.document(scope, document.id)).status == "ready"


async def test_organizations_take_turns_and_the_urgent_goes_first(
    scope: OrgScope, other_scope: OrgScope, place: Place
) -> None:
    for each, count in ((scope, 12), (other_scope, 3)):
        await place.publish(each)
        for number in range(count):
            await place.documents.upload(each, "docs", f"{number}.txt", b"words %d" % number)
    late = await place.documents.upload(scope, "docs", "bulk.txt", b"one of many")
    await place.change(
        scope, "UPDATE ingest_jobs SET priority = :bulk, created_at = now() - interval '1 hour' WHERE document_id = :id",
        bulk=BULK, id=late.id,
    )  # fmt: skip
    order: list[UUID] = []
    taken: list[UUID] = []
    while (held := await place.ingestion.next("parse")) is not None:
        order.append(held.scope.org_id)
        taken.append(held.document_id)
    mine = (scope.org_id, other_scope.org_id)
    order = [org for org in order if org in mine]  # beside them, what tests before this one left behind
    assert {order[0], order[1]} == set(mine)
    assert order[:6].count(other_scope.org_id) == 3
    assert [one for one in taken if one == late.id] == [taken[-1]]


async def test_who_has_enough_is_passed_over(scope: OrgScope, other_scope: OrgScope, place: Place) -> None:
    for each in (scope, other_scope):
        await place.publish(each)
        await place.documents.upload(each, "docs", "a.txt", b"words")
    held = await place.ingestion.next("parse", [scope.org_id])
    while held is not None:
        assert held.scope.org_id != scope.org_id
        held = await place.ingestion.next("parse", [scope.org_id])
    assert await place.jobs(scope, "status") == ["queued"]


async def test_the_dead_are_found_and_the_third_death_ends_it(scope: OrgScope, place: Place) -> None:
    await place.publish(scope)
    document = await place.documents.upload(scope, "docs", "a.md", LONG)
    for crash in (1, 2, 3):
        held = await place.ingestion.next("parse")
        while held is not None and held.scope.org_id != scope.org_id:  # what tests before this one left behind
            held = await place.ingestion.next("parse")
        assert held is not None
        assert held.crashes == crash - 1
        await place.change(scope, "UPDATE ingest_jobs SET lease_until = now() - interval '1 s'")
        assert await place.ingestion.recover() >= 1
    failed = await place.documents.document(scope, document.id)
    assert failed.status == "failed"
    assert "3 attempts" in (failed.reason or "")
    again = await place.documents.retry(scope, document.id)
    assert again.status == "queued"
    await place.work_off(scope)
    assert (await place.documents.document(scope, document.id)).status == "ready"


async def test_a_pump_works_on_both_lanes_at_once_and_lets_a_suspect_be_alone(scope: OrgScope, place: Place) -> None:
    await place.publish(scope)
    for number in range(12):
        await place.documents.upload(scope, "docs", f"{number}.md", LONG + b"\n\nnumber %d" % number)
    [suspect, *_] = await place.jobs(scope)
    await place.change(scope, "UPDATE ingest_jobs SET crashes = 2 WHERE id = :id", id=suspect)
    together: list[set[str]] = []
    alone: list[int] = []
    work = place.ingestion.work
    busy: dict[UUID, str] = {}

    async def watched(held: Any) -> None:
        busy[held.id] = held.lane
        together.append(set(busy.values()))
        if held.id == suspect and held.lane == "parse":
            alone.append(len(busy))
        try:
            await work(held)
        finally:
            busy.pop(held.id, None)

    place.ingestion.work = watched  # type: ignore[method-assign] - to look on
    async with Pump(place.ingestion, look=0.2).running():
        for _ in range(600):
            if set(await place.jobs(scope, "status")) == {"done"}:
                break
            await asyncio.sleep(0.1)
    assert await place.jobs(scope, "status") == ["done"] * 12
    assert {"parse", "embed"} in together
    assert alone == [1]


async def test_suspects_of_both_lanes_are_each_alone(scope: OrgScope, place: Place) -> None:
    """Whichever of them takes the worker with it, the other is not there to be blamed."""
    await place.publish(scope)
    for number in range(2):
        await place.documents.upload(scope, "docs", f"{number}.md", LONG + b"\n\nnumber %d" % number)
    held = await place.ingestion.next("parse")
    assert held is not None
    await place.ingestion.work(held)
    assert sorted(await place.jobs(scope, "lane")) == ["embed", "parse"]
    await place.change(scope, "UPDATE ingest_jobs SET crashes = 2")
    work, claimed, most = place.ingestion.work, set[UUID](), 0

    async def watched(held: Any) -> None:
        nonlocal most
        claimed.add(held.id)
        most = max(most, len(claimed))
        try:
            await work(held)
        finally:
            claimed.discard(held.id)

    place.ingestion.work = watched  # type: ignore[method-assign] - to look on
    async with Pump(place.ingestion, look=0.2).running():
        for _ in range(600):
            if set(await place.jobs(scope, "status")) == {"done"}:
                break
            await asyncio.sleep(0.1)
    assert await place.jobs(scope, "status") == ["done"] * 2
    assert most == 1


async def test_a_stop_hands_work_on_without_counting_it(scope: OrgScope, place: Place) -> None:
    await place.publish(scope)
    await place.documents.upload(scope, "docs", "a.md", LONG)
    asked = asyncio.Event()

    async def endless(texts: Sequence[str]) -> list[list[float]]:
        asked.set()
        await asyncio.Event().wait()
        return []

    place.embedder.embed = endless  # type: ignore[method-assign] - it never answers
    async with Pump(place.ingestion, look=0.2, grace=0.1).running():
        await asyncio.wait_for(asked.wait(), 60)
    assert await place.jobs(scope, "stage, status, attempts") == [("embed", "queued", 0)]


async def test_many_vectors_are_bounded(scope: OrgScope, place: Place, uow: UnitOfWork) -> None:
    from girih.services.knowledge.embedding_cache import EmbeddingCache, hash_of, packed, unpacked

    cache = EmbeddingCache(uow, most=10)
    hashes = [hash_of(str(number)) for number in range(25)]
    await cache.keep(scope, "f", {key: packed([float(number), 0.5]) for number, key in enumerate(hashes)})
    await place.change(scope, "UPDATE cached_embeddings SET used_on = CURRENT_DATE - 1")
    found = await cache.find(scope, "f", hashes[:3])
    assert [list(unpacked(found[key])) for key in hashes[:3]] == [[0.0, 0.5], [1.0, 0.5], [2.0, 0.5]]
    assert await cache.trim() == 16
    assert await cache.trim() == 0
    kept = await cache.find(scope, "f", hashes)
    assert len(kept) == 9
    assert set(hashes[:3]) <= set(kept)

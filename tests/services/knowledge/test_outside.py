"""Collections whose vectors are kept on another store: searched, narrowed, built anew, gone back to, and cleaned up."""

from __future__ import annotations

from collections.abc import AsyncIterator, Sequence
from pathlib import Path
from uuid import UUID

import pytest
from qdrant_client import AsyncQdrantClient
from sqlalchemy import text
from tests.services.knowledge.conftest import Dispatched, make_library, work_off

from girih.db.tenancy import OrgScope
from girih.db.unit_of_work import UnitOfWork
from girih.errors import Conflict, Unavailable
from girih.language.compiler.workspace import OtherSpec
from girih.language.nodes.ports import Hit, SearchRequest
from girih.language.nodes.searches import Asker
from girih.language.spec.tree import JsonObject, JsonValue
from girih.providers.embeddings.ladder import Embedders
from girih.providers.stores.base import Near, Point, VectorStores
from girih.providers.stores.qdrant import QdrantStore
from girih.services.knowledge.documents import DocumentService
from girih.services.knowledge.schemas import DocumentOut
from girih.services.knowledge.service import KnowledgeService
from girih.services.pipelines import publishing as pipelines

QDRANT: JsonObject = {"store": {"type": "qdrant", "endpoint": "main"}}

# It compares all vectors, and says that it needs no settings for that.
pytestmark = pytest.mark.filterwarnings("ignore:Local mode performs exact")


class Watched(QdrantStore):
    """Qdrant in this process; counts what it is asked for, and can be away."""

    def __init__(self) -> None:
        super().__init__(AsyncQdrantClient(location=":memory:"))
        self.is_away = False
        self.depths: list[int] = []

    async def put(self, index: UUID, points: Sequence[Point]) -> None:
        await super().put(index, points)
        self._require_here()

    async def remove(self, index: UUID, ids: Sequence[UUID]) -> None:
        self._require_here()
        await super().remove(index, ids)

    async def search(
        self, index: UUID, vector: Sequence[float], depth: int, among: Sequence[UUID] | None = None
    ) -> Near:
        self.depths.append(depth)
        return await super().search(index, vector, depth, among)

    def _require_here(self) -> None:
        if self.is_away:
            raise Unavailable("the vector store (Qdrant) does not answer")


class World:
    """One organization with a collection `docs`, and all that is done with it."""

    def __init__(self, uow: UnitOfWork, scope: OrgScope, folder: Path, rung: Dispatched) -> None:
        self.uow, self.scope, self.rung = uow, scope, rung
        self.store = Watched()
        stores = VectorStores({("qdrant", "main"): lambda: self.store})
        self.knowledge = KnowledgeService(uow, folder, Embedders("hashing"), stores=stores, attempts=1)
        self.library: DocumentService = make_library(uow, folder)

    async def publish(self, pipeline: JsonObject, **document: JsonValue) -> None:
        async with self.uow(self.scope) as work:
            whole = {"kind": "pipeline/v1", "name": "p"} | pipeline
            await pipelines.put(work, [OtherSpec("pipeline/v1", "p", "p.yaml", whole, repr(whole))])
            whole = {"kind": "collection/v1", "name": "docs", "pipeline": "pipeline://p"} | document
            spec = OtherSpec("collection/v1", "docs", "docs.yaml", whole, repr(whole) + repr(pipeline))
            await self.knowledge.put_collections(work, [spec])

    async def bring(self, name: str, content: str) -> DocumentOut:
        document = await self.library.upload(self.scope, "docs", name, content.encode())
        await work_off(self.knowledge, self.rung)
        return await self.library.document(self.scope, document.id)

    async def find(self, query: str, top_k: int = 5, **options: object) -> list[Hit]:
        request = SearchRequest("docs", query, mode="vector", top_k=top_k, **options)  # type: ignore[arg-type]
        return await self.knowledge.search(self.scope, request)

    async def held(self) -> dict[int, int]:
        """Points by the number of their index."""
        there = await self.knowledge.reindexing.indexes(self.scope, "docs")
        return {one.number: await self.store.count(one.id) for one in there}

    async def clean_up(self) -> int:
        """What the worker does when the time has come."""
        async with self.uow(self.scope) as work:
            await work.session.execute(text("UPDATE loose_points SET due_at = now() - interval '1 second'"))
        return await self.knowledge.leftovers.round()

    async def again(self) -> list[str]:
        """Try once more what is waiting for it; gives what each attempt before said."""
        async with self.uow(self.scope) as work:
            waiting = "UPDATE ingest_jobs SET not_before = NULL WHERE status = 'queued' RETURNING id, reason"
            jobs = (await work.session.execute(text(waiting))).all()
        for job in jobs:
            await self.knowledge.ingest(job.id)
        return [job.reason for job in jobs]

    async def rows(self, table: str) -> int:
        async with self.uow(self.scope) as work:
            return int(await work.session.scalar(text(f"SELECT count(*) FROM {table}")) or 0)


@pytest.fixture
async def world(uow: UnitOfWork, scope: OrgScope, tmp_path: Path, dispatched: Dispatched) -> AsyncIterator[World]:
    made = World(uow, scope, tmp_path, dispatched)
    yield made
    await made.store.aclose()


def about(*subjects: str) -> str:
    return "\n\n".join(f"# {one}\n\nThis part is about {one} and nothing else." for one in subjects)


async def test_a_collection_lives_on_another_store_from_its_first_to_its_last_document(world: World) -> None:
    await world.publish(QDRANT)
    rivers = await world.bring("rivers.md", about("otters", "salmon", "herons"))
    await world.bring("cities.md", about("trams", "bridges"))
    assert rivers.status == "ready"
    assert await world.held() == {1: 5}
    assert await world.rows("chunk_vectors") == 0
    assert await world.rows("loose_points") == 0
    best = (await world.find("otters"))[0]
    assert (best.document, "otters" in best.text) == ("rivers.md", True)
    # Another content: the passages that go are not found any more, at once.
    await world.bring("rivers.md", about("otters", "beavers", "herons"))
    assert all("salmon" not in hit.text for hit in await world.find("salmon", 10))
    assert "beavers" in (await world.find("beavers"))[0].text
    assert await world.held() == {1: 6}
    assert await world.clean_up() == 1
    assert await world.held() == {1: 5}
    # A new index beside it, and back again.
    await world.publish(QDRANT | {"splitter": {"size": 60, "overlap": 10}})
    await work_off(world.knowledge, world.rung)
    assert await world.held() == {1: 5, 2: 5}
    assert "trams" in (await world.find("trams"))[0].text
    first = (await world.knowledge.reindexing.indexes(world.scope, "docs"))[-1]
    await world.knowledge.reindexing.activate(world.scope, "docs", first.id)
    assert "trams" in (await world.find("trams"))[0].text
    # Nothing is left of what is deleted.
    await world.library.delete(world.scope, rivers.id)
    assert all(hit.document == "cities.md" for hit in await world.find("otters", 10))
    await world.clean_up()
    assert await world.held() == {1: 2, 2: 2}
    indexes = await world.knowledge.reindexing.indexes(world.scope, "docs")
    await world.knowledge.reindexing.remove(world.scope, "docs", indexes[0].id)
    await world.clean_up()
    assert [await world.store.count(one.id) for one in indexes] == [0, 2]
    assert not await world.store._client.collection_exists(f"girih-{indexes[0].id}")
    assert await world.rows("loose_points") == 0


async def test_who_may_not_read_a_document_does_not_find_it_and_all_others_get_their_hits(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    await world.publish(QDRANT)
    for number in range(30):
        await world.bring(f"{number}.md", about(f"otters {number}"))
    async with world.uow(world.scope) as work:
        hidden = "UPDATE documents SET readers = ARRAY['user:ann'] WHERE name <> ALL(ARRAY['7.md', '21.md'])"
        await work.session.execute(text(hidden))
    nobody = Asker(user="bob")
    # Few are left: the store compares those alone.
    assert {hit.document for hit in await world.find("otters", asker=nobody)} == {"7.md", "21.md"}
    # Too many are left to be named: it is asked for more and more until all hits are found.
    monkeypatch.setattr("girih.services.knowledge.outside.MOST_NAMED", 1)
    monkeypatch.setattr("girih.services.knowledge.outside._SPARE", 0)
    world.store.depths.clear()
    assert {hit.document for hit in await world.find("otters", 2, asker=nobody)} == {"7.md", "21.md"}
    assert len(world.store.depths) > 1
    assert world.store.depths == sorted(world.store.depths)


async def test_points_whose_passages_never_came_are_removed(world: World) -> None:
    await world.publish(QDRANT)
    world.store.is_away = True
    assert (await world.bring("a.md", about("otters"))).status == "queued"
    assert await world.held() == {1: 1}
    assert await world.find("otters") == []
    # Not while the store is away, but afterwards; and not before their time.
    assert await world.clean_up() == 0
    world.store.is_away = False
    assert await world.clean_up() == 1
    assert (await world.held(), await world.rows("loose_points")) == ({1: 0}, 0)
    assert await world.again() == ["the vector store (Qdrant) does not answer"]
    assert await world.knowledge.leftovers.round() == 0
    assert (await world.held(), await world.rows("loose_points")) == ({1: 1}, 0)


async def test_a_point_that_was_removed_in_between_is_put_again(world: World) -> None:
    await world.publish(QDRANT)
    put, swept = world.store.put, []

    async def put_and_lose(index: UUID, points: Sequence[Point]) -> None:
        await put(index, points)
        if not swept:
            swept.append(await world.clean_up())

    world.store.put = put_and_lose  # type: ignore[method-assign]
    assert (await world.bring("a.md", about("otters"))).status == "queued"
    assert (swept, await world.held()) == ([1], {1: 0})
    assert await world.again() == ["vectors of the document were removed while it was brought in"]
    assert await world.held() == {1: 1}
    assert "otters" in (await world.find("otters"))[0].text


async def test_a_collection_that_is_deleted_leaves_nothing(world: World) -> None:
    await world.publish(QDRANT)
    await world.bring("a.md", about("otters", "herons"))
    (index,) = await world.knowledge.reindexing.indexes(world.scope, "docs")
    async with world.uow(world.scope) as work:
        await work.session.execute(text("DELETE FROM collections WHERE name = 'docs'"))
    assert await world.clean_up() > 0
    assert not await world.store._client.collection_exists(f"girih-{index.id}")
    assert await world.rows("loose_points") == 0


async def test_a_store_that_the_operator_has_not_bound_is_refused_in_words(world: World) -> None:
    with pytest.raises(Conflict, match="keeps its vectors on the qdrant `spare`") as refused:
        await world.publish({"store": {"type": "qdrant", "endpoint": "spare"}})
    assert "bound here: main" in str(refused.value.help)

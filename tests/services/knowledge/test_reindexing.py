"""A new index beside the one that is searched: built, switched to, gone back to; nobody who searches notices."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from pathlib import Path
from typing import cast
from uuid import UUID, uuid4

import pytest
from sqlalchemy import text, update
from tests.services.knowledge.conftest import Dispatched, make_library, work_off

from girih.db.tenancy import OrgScope
from girih.db.unit_of_work import UnitOfWork
from girih.errors import Conflict, NotFound
from girih.language.compiler.workspace import OtherSpec
from girih.language.nodes.ports import SearchRequest
from girih.language.spec.tree import JsonObject, JsonValue
from girih.providers.embeddings.base import Embedder
from girih.providers.embeddings.hashing import Hashing
from girih.providers.embeddings.ladder import Embedders
from girih.services.knowledge.document_schemas import DocumentChange
from girih.services.knowledge.documents import DocumentService
from girih.services.knowledge.following import News
from girih.services.knowledge.index_schemas import IndexOut
from girih.services.knowledge.jobs import JobService
from girih.services.knowledge.schemas import PutAction
from girih.services.knowledge.service import KnowledgeService
from girih.services.knowledge.tables import SearchIndex
from girih.services.pipelines import publishing as pipelines

Put = Callable[..., Awaitable[PutAction]]


class Counting(Hashing):
    """Hashing that counts the texts it was given."""

    texts = 0

    async def embed(self, texts: Sequence[str]) -> list[list[float]]:
        type(self).texts += len(texts)
        return await super().embed(texts)


class Tiny:
    """An embedder with vectors of eight numbers: nothing that is compared with others' by mistake."""

    name, model, dims, fingerprint = "minilm", "tiny", 8, "tiny-8"

    def load(self) -> None:
        """Nothing to load."""

    async def embed(self, texts: Sequence[str]) -> list[list[float]]:
        await asyncio.sleep(0)
        return [_unit([float(text.lower().count(letter)) + 0.01 for letter in "aeiounrt"]) for text in texts]

    def close(self) -> None:
        """Nothing is open."""


def _unit(numbers: list[float]) -> list[float]:
    length = sum(number * number for number in numbers) ** 0.5
    return [number / length for number in numbers]


@pytest.fixture
def knowledge(uow: UnitOfWork, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> KnowledgeService:
    monkeypatch.setattr("girih.providers.embeddings.ladder.Hashing", Counting)
    tiny: Callable[[], Embedder] = Tiny
    return KnowledgeService(uow, tmp_path, Embedders("hashing", minilm=tiny))


@pytest.fixture
def library(uow: UnitOfWork, tmp_path: Path) -> DocumentService:
    return make_library(uow, tmp_path)


@pytest.fixture
def put(uow: UnitOfWork, knowledge: KnowledgeService) -> Put:
    """Publishes the collection `docs`, and the pipeline `p` if one is given."""

    async def publish(scope: OrgScope, pipeline: JsonObject | None = None, **document: JsonValue) -> PutAction:
        async with uow(scope) as work:
            if pipeline is not None:
                whole = {"kind": "pipeline/v1", "name": "p"} | pipeline
                await pipelines.put(work, [OtherSpec("pipeline/v1", "p", "p.yaml", whole, repr(whole))])
                document |= {"pipeline": "pipeline://p"}
            whole = {"kind": "collection/v1", "name": "docs"} | document
            spec = OtherSpec("collection/v1", "docs", "docs.yaml", whole, repr(sorted(whole.items(), key=str)))
            return (await knowledge.put_collections(work, [spec]))["docs"]

    return publish


async def bring(library: DocumentService, scope: OrgScope, *names: str) -> None:
    for name in names:
        body = " ".join(f"The {name} sentence number {n} speaks of otters and rivers." for n in range(40))
        await library.upload(scope, "docs", f"{name}.txt", f"{body} marker{name}".encode())


async def shown(knowledge: KnowledgeService, scope: OrgScope) -> dict[int, IndexOut]:
    return {one.number: one for one in await knowledge.reindexing.indexes(scope, "docs")}


async def found(knowledge: KnowledgeService, scope: OrgScope, word: str) -> set[str]:
    hits = await knowledge.search(scope, SearchRequest("docs", f"marker{word}", mode="keyword", top_k=20))
    return {hit.document for hit in hits}


async def test_a_change_is_built_beside_and_switched_to(
    knowledge: KnowledgeService, library: DocumentService, put: Put, scope: OrgScope, dispatched: Dispatched
) -> None:
    assert await put(scope, chunk={"size": 60, "overlap": 10}) == "create"
    await bring(library, scope, "a", "b", "c")
    await work_off(knowledge, dispatched)
    before = (await shown(knowledge, scope))[1]
    assert await put(scope, chunk={"size": 200, "overlap": 10}) == "update"
    during = await shown(knowledge, scope)
    assert {n: one.status for n, one in during.items()} == {1: "active", 2: "building"}
    assert (during[2].documents.done, during[2].documents.total) == (0, 3)
    assert await found(knowledge, scope, "a") == {"a.txt"}
    documents, _ = await library.documents(scope, "docs", limit=10)
    assert {one.status for one in documents} == {"ready"}
    await work_off(knowledge, dispatched)
    after = await shown(knowledge, scope)
    assert {n: one.status for n, one in after.items()} == {1: "former", 2: "active"}
    assert after[2].chunks < before.chunks == after[1].chunks
    assert after[2].documents.model_dump() == {"done": 3, "failed": 0, "total": 3, "eta_seconds": None}
    documents, _ = await library.documents(scope, "docs", limit=10)
    assert sum(one.chunks for one in documents) == after[2].chunks
    assert {one.status for one in documents} == {"ready"}
    assert await put(scope, chunk={"size": 200, "overlap": 10}) == "unchanged"


async def test_another_embedder_under_a_storm_of_searches(
    knowledge: KnowledgeService, library: DocumentService, put: Put, scope: OrgScope, dispatched: Dispatched
) -> None:
    await put(scope, embedder="hashing")
    await bring(library, scope, *"abcdefgh")
    await work_off(knowledge, dispatched)
    await put(scope, embedder="minilm")
    over = asyncio.Event()
    answers: list[int] = []

    async def storm() -> None:
        while not over.is_set():
            for mode in ("vector", "hybrid", "keyword"):
                request = SearchRequest("docs", "otters and rivers", mode=mode, top_k=8)  # type: ignore[arg-type]
                answers.append(len(await knowledge.search(scope, request)))

    storms = [asyncio.create_task(storm()) for _ in range(3)]
    await work_off(knowledge, dispatched)
    switched = len(answers)
    while len(answers) < switched + 9:
        await asyncio.sleep(0.01)
    over.set()
    await asyncio.gather(*storms)
    assert {one.number: (one.status, one.embedder_dims) for one in (await shown(knowledge, scope)).values()} == {
        1: ("former", Hashing().dims),
        2: ("active", 8),
    }
    assert switched > 0
    assert set(answers) == {8}


async def test_what_comes_during_a_build_is_in_both(
    knowledge: KnowledgeService, library: DocumentService, put: Put, scope: OrgScope, dispatched: Dispatched
) -> None:
    await put(scope)
    await bring(library, scope, "a")
    await work_off(knowledge, dispatched)
    await put(scope, embedder="minilm")
    await bring(library, scope, "b")
    for _, job in [*dispatched]:  # the newer one first
        await knowledge.ingest(dispatched.pop()[1])
        del job
    await work_off(knowledge, dispatched)
    after = await shown(knowledge, scope)
    assert (after[2].status, after[2].documents.done, after[1].documents.done) == ("active", 2, 2)
    assert await found(knowledge, scope, "b") == {"b.txt"}


async def test_rolling_back_brings_in_first_what_came_since(
    knowledge: KnowledgeService, library: DocumentService, put: Put, scope: OrgScope, dispatched: Dispatched
) -> None:
    await put(scope)
    await bring(library, scope, "a", "b")
    await work_off(knowledge, dispatched)
    await put(scope, embedder="minilm")
    await work_off(knowledge, dispatched)
    former = (await shown(knowledge, scope))[1]
    at_once = await knowledge.reindexing.activate(scope, "docs", former.id)
    assert at_once.status == "active"
    await knowledge.reindexing.activate(scope, "docs", (await shown(knowledge, scope))[2].id)
    await bring(library, scope, "c")
    documents, _ = await library.documents(scope, "docs", limit=10)
    await library.delete(scope, next(one.id for one in documents if one.name == "a.txt"))
    await work_off(knowledge, dispatched)
    Counting.texts = 0
    back = await knowledge.reindexing.activate(scope, "docs", former.id)
    assert back.status == "building"
    assert await found(knowledge, scope, "c") == {"c.txt"}
    await work_off(knowledge, dispatched)
    assert (await shown(knowledge, scope))[1].status == "active"
    assert await found(knowledge, scope, "c") == {"c.txt"}
    assert await found(knowledge, scope, "a") == set()
    assert Counting.texts > 0


async def test_a_build_that_would_lose_documents_is_not_switched_to(
    knowledge: KnowledgeService, library: DocumentService, put: Put, scope: OrgScope, dispatched: Dispatched
) -> None:
    await put(scope)
    await bring(library, scope, "a", "b")
    await work_off(knowledge, dispatched)
    await put(scope, pipeline={"loader": {"formats": ["pdf"]}})
    await work_off(knowledge, dispatched)
    after = await shown(knowledge, scope)
    assert {n: one.status for n, one in after.items()} == {1: "active", 2: "failed"}
    assert after[2].reason is not None
    assert "2 of 2 documents" in after[2].reason
    assert "takes no text files" in after[2].reason
    assert await found(knowledge, scope, "a") == {"a.txt"}
    documents, _ = await library.documents(scope, "docs", limit=10)
    assert {one.status for one in documents} == {"ready"}


async def test_few_failures_of_many_do_not_stop_a_switch(
    knowledge: KnowledgeService, library: DocumentService, put: Put, scope: OrgScope, dispatched: Dispatched
) -> None:
    await put(scope)
    for n in range(20):
        await library.upload(scope, "docs", f"{n}.txt", f"otter number {n}".encode())
    await library.upload(scope, "docs", "large.txt", b"large otter " * 20_000)
    await work_off(knowledge, dispatched)
    await put(scope, pipeline={"loader": {"max_mb": 0.1}})
    await work_off(knowledge, dispatched)
    after = await shown(knowledge, scope)
    assert {n: one.status for n, one in after.items()} == {1: "former", 2: "active"}
    assert (after[2].documents.done, after[2].documents.failed) == (20, 1)
    documents, _ = await library.documents(scope, "docs", limit=30)
    (lost,) = [one for one in documents if one.status == "failed"]
    assert lost.name == "large.txt"
    assert lost.reason is not None
    assert "at most 0.1 MB" in lost.reason


async def test_nothing_is_embedded_twice_when_an_index_is_built_anew(
    knowledge: KnowledgeService, library: DocumentService, put: Put, scope: OrgScope, dispatched: Dispatched
) -> None:
    await put(scope)
    await bring(library, scope, "a", "b")
    await work_off(knowledge, dispatched)
    Counting.texts = 0
    made = await knowledge.reindexing.rebuild(scope, "docs")
    assert made.status == "building"
    with pytest.raises(Conflict, match="is being built already"):
        await knowledge.reindexing.rebuild(scope, "docs")
    await work_off(knowledge, dispatched)
    assert (await shown(knowledge, scope))[2].status == "active"
    assert Counting.texts == 0


async def test_a_cancelled_build_changes_nothing_and_can_go_on(
    knowledge: KnowledgeService, library: DocumentService, put: Put, scope: OrgScope, dispatched: Dispatched
) -> None:
    await put(scope)
    await bring(library, scope, "a", "b")
    await work_off(knowledge, dispatched)
    made = await knowledge.reindexing.rebuild(scope, "docs")
    await knowledge.ingest(dispatched.pop(0)[1])
    cancelled = await knowledge.reindexing.cancel(scope, "docs", made.id)
    assert (cancelled.status, cancelled.reason) == ("cancelled", f"cancelled by {scope.actor}")
    await work_off(knowledge, dispatched)
    assert {n: one.status for n, one in (await shown(knowledge, scope)).items()} == {1: "active", 2: "cancelled"}
    with pytest.raises(Conflict, match="is not being built"):
        await knowledge.reindexing.cancel(scope, "docs", made.id)
    assert (await knowledge.reindexing.activate(scope, "docs", made.id)).documents.done == 1
    await work_off(knowledge, dispatched)
    assert (await shown(knowledge, scope))[2].status == "active"


async def test_former_indexes_go_and_the_last_one_stays(
    knowledge: KnowledgeService, library: DocumentService, put: Put, scope: OrgScope, dispatched: Dispatched,
    uow: UnitOfWork
) -> None:  # fmt: skip
    await put(scope)
    await bring(library, scope, "a")
    await work_off(knowledge, dispatched)
    for _ in range(3):
        await knowledge.reindexing.rebuild(scope, "docs")
        await work_off(knowledge, dispatched)
    left = await shown(knowledge, scope)
    assert {n: one.status for n, one in left.items()} == {3: "former", 4: "active"}
    with pytest.raises(Conflict, match="is searched"):
        await knowledge.reindexing.remove(scope, "docs", left[4].id)
    await knowledge.reindexing.remove(scope, "docs", left[3].id)
    assert [*await shown(knowledge, scope)] == [4]
    async with uow(scope) as work:
        indexes = await work.session.scalars(text("SELECT DISTINCT index_id FROM chunks"))
        assert [*indexes] == [left[4].id]


async def test_a_change_that_comes_during_a_build_replaces_it(
    knowledge: KnowledgeService, library: DocumentService, put: Put, scope: OrgScope, dispatched: Dispatched
) -> None:
    await put(scope)
    await bring(library, scope, "a")
    await work_off(knowledge, dispatched)
    await put(scope, embedder="minilm")
    await put(scope, chunk={"size": 60, "overlap": 10})
    assert {n: one.status for n, one in (await shown(knowledge, scope)).items()} == {
        1: "active", 2: "cancelled", 3: "building"}  # fmt: skip
    assert await put(scope) == "update"
    after = await shown(knowledge, scope)
    assert {n: one.status for n, one in after.items()} == {1: "active", 2: "cancelled", 3: "cancelled"}
    await work_off(knowledge, dispatched)
    assert (await shown(knowledge, scope))[1].status == "active"


async def test_without_documents_a_change_is_there_at_once(
    knowledge: KnowledgeService, library: DocumentService, put: Put, scope: OrgScope, dispatched: Dispatched
) -> None:
    await put(scope)
    await put(scope, embedder="minilm")
    assert {n: one.status for n, one in (await shown(knowledge, scope)).items()} == {1: "former", 2: "active"}
    await bring(library, scope, "a")
    await work_off(knowledge, dispatched)
    assert (await shown(knowledge, scope))[2].embedder_dims == 8


async def test_two_changes_at_once_leave_one_building(
    knowledge: KnowledgeService, library: DocumentService, put: Put, scope: OrgScope, dispatched: Dispatched
) -> None:
    await put(scope)
    await bring(library, scope, "a", "b")
    await work_off(knowledge, dispatched)
    sizes = (60, 80, 100, 120)
    await asyncio.gather(*(put(scope, chunk={"size": size, "overlap": 10}) for size in sizes))
    statuses = [one.status for one in (await shown(knowledge, scope)).values()]
    assert sorted(statuses) == ["active", "building", "cancelled", "cancelled", "cancelled"]
    await work_off(knowledge, dispatched)
    (active,) = [one for one in (await shown(knowledge, scope)).values() if one.status == "active"]
    assert active.documents.done == 2


async def test_uploads_beside_changes_are_never_forgotten(
    knowledge: KnowledgeService, library: DocumentService, put: Put, scope: OrgScope, dispatched: Dispatched
) -> None:
    await put(scope)
    names = [f"n{n}" for n in range(6)]

    async def change() -> None:
        for size in (60, 80, 100):
            await put(scope, chunk={"size": size, "overlap": 10})

    await asyncio.gather(change(), *(bring(library, scope, name) for name in names))
    await work_off(knowledge, dispatched)
    await knowledge.reindexing.settle_all()
    await work_off(knowledge, dispatched)
    for name in names:
        assert await found(knowledge, scope, name) == {f"{name}.txt"}


async def test_what_a_worker_did_not_see_to_is_seen_to_later(
    knowledge: KnowledgeService, library: DocumentService, put: Put, scope: OrgScope, dispatched: Dispatched,
    monkeypatch: pytest.MonkeyPatch
) -> None:  # fmt: skip
    await put(scope)
    await bring(library, scope, "a")
    await work_off(knowledge, dispatched)

    async def died(scope: OrgScope, index_id: UUID) -> None:
        raise RuntimeError("the process is gone")

    with monkeypatch.context() as gone:
        gone.setattr(knowledge.reindexing, "settle", died)
        await knowledge.reindexing.rebuild(scope, "docs")
        await work_off(knowledge, dispatched)
    assert (await shown(knowledge, scope))[2].status == "building"
    await knowledge.reindexing.settle_all()
    assert (await shown(knowledge, scope))[2].status == "active"


@pytest.mark.parametrize("how", ["delete", "cancel", "move"])
async def test_a_build_does_not_wait_for_a_document_that_went(
    knowledge: KnowledgeService, library: DocumentService, put: Put, scope: OrgScope, dispatched: Dispatched,
    uow: UnitOfWork, how: str
) -> None:  # fmt: skip
    await put(scope)
    async with uow(scope) as work:
        other = {"kind": "collection/v1", "name": "other"}
        await knowledge.put_collections(work, [OtherSpec("collection/v1", "other", "other.yaml", other, repr(other))])
    for name in "abcdefghijklmnopqrstu":
        await library.upload(scope, "docs", f"{name}.txt", f"about {name}".encode())
    await work_off(knowledge, dispatched)
    await knowledge.reindexing.rebuild(scope, "docs")
    *others, last = [job for _, job in dispatched]
    dispatched.clear()
    for job in others:
        await knowledge.ingest(job)
    assert (await shown(knowledge, scope))[2].status == "building"
    async with uow(scope) as work:
        given = {"id": last}
        document = await work.session.scalar(text("SELECT document_id FROM ingest_jobs WHERE id = :id"), given)
    if how == "delete":
        await library.delete(scope, document)
    elif how == "cancel":
        await JobService(uow, cast("News", None)).cancel(scope, document)
    else:
        await library.change(scope, document, DocumentChange(collection="other"))
    assert (await shown(knowledge, scope))[2].status == "active"


async def test_a_large_index_goes_in_steps(
    knowledge: KnowledgeService, library: DocumentService, put: Put, scope: OrgScope, dispatched: Dispatched,
    uow: UnitOfWork, monkeypatch: pytest.MonkeyPatch
) -> None:  # fmt: skip
    monkeypatch.setattr("girih.services.knowledge.reindexing._AT_ONCE", 2)
    await put(scope, chunk={"size": 50, "overlap": 10})
    await bring(library, scope, "a")
    await work_off(knowledge, dispatched)
    await knowledge.reindexing.rebuild(scope, "docs")
    await work_off(knowledge, dispatched)
    former = (await shown(knowledge, scope))[1]
    assert former.chunks > 6
    await knowledge.reindexing.remove(scope, "docs", former.id)
    left = (await shown(knowledge, scope))[1]
    assert (left.status, left.chunks) == ("removing", former.chunks - 4)
    with pytest.raises(NotFound):
        await knowledge.reindexing.remove(scope, "docs", former.id)
    rounds = 0
    while 1 in await shown(knowledge, scope):
        await knowledge.reindexing.settle_all()
        rounds += 1
    assert rounds == (former.chunks - 4) // 4 + 1
    assert await found(knowledge, scope, "a") == {"a.txt"}


async def test_vectors_of_another_length_are_refused_before_anything_is_stored(
    knowledge: KnowledgeService, library: DocumentService, put: Put, scope: OrgScope, dispatched: Dispatched,
    uow: UnitOfWork, monkeypatch: pytest.MonkeyPatch
) -> None:  # fmt: skip
    await put(scope, embedder="minilm")
    await bring(library, scope, "a")
    await work_off(knowledge, dispatched)

    async def longer(self: Tiny, texts: Sequence[str]) -> list[list[float]]:
        return [[0.5] * 4 for _ in texts]

    monkeypatch.setattr(Tiny, "embed", longer)
    await bring(library, scope, "b")
    await work_off(knowledge, dispatched)
    documents, _ = await library.documents(scope, "docs", limit=10)
    (failed,) = [one for one in documents if one.status == "failed"]
    assert failed.reason is not None
    assert "holds vectors of 8 numbers, and tiny gave 4" in failed.reason
    async with uow(scope) as work:
        count = await work.session.scalar(
            text("SELECT count(*) FROM chunks WHERE document_id = :id"), {"id": failed.id}
        )
    assert count == 0


async def test_of_strangers_nothing_is_known(
    knowledge: KnowledgeService, put: Put, scope: OrgScope, other_scope: OrgScope
) -> None:
    await put(scope)
    (index,) = (await shown(knowledge, scope)).values()
    for caller, name, id_ in ((other_scope, "docs", index.id), (scope, "docs", uuid4()), (scope, "nope", index.id)):
        for ask in (knowledge.reindexing.activate, knowledge.reindexing.cancel, knowledge.reindexing.remove):
            with pytest.raises(NotFound):
                await ask(caller, name, id_)


async def test_the_model_of_an_index_that_changed_is_said(
    knowledge: KnowledgeService, library: DocumentService, put: Put, scope: OrgScope, dispatched: Dispatched,
    uow: UnitOfWork
) -> None:  # fmt: skip
    await put(scope)
    await bring(library, scope, "a")
    await work_off(knowledge, dispatched)
    async with uow(scope) as work:
        await work.session.execute(update(SearchIndex).values(embedder_fingerprint="older"))
    with pytest.raises(Conflict, match="was embedded with") as refused:
        await knowledge.search(scope, SearchRequest("docs", "otter", mode="vector"))
    assert refused.value.help is not None
    assert "build a new index" in refused.value.help
    await knowledge.reindexing.rebuild(scope, "docs")
    await work_off(knowledge, dispatched)
    assert await knowledge.search(scope, SearchRequest("docs", "otter", mode="vector"))

"""Vectors of different lengths are never mixed: neither stored beside each other, nor remembered, nor compared."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Sequence
from pathlib import Path

import pytest
from sqlalchemy import text
from tests.services.knowledge.conftest import Dispatched, Publish, listed, work_off
from tests.services.knowledge.shelf import TABLES, Shelf, passage

from girih.db.tenancy import OrgScope
from girih.db.unit_of_work import UnitOfWork
from girih.errors import Conflict
from girih.language.nodes.ports import SearchRequest
from girih.providers.embeddings.ladder import Embedders
from girih.services.knowledge.documents import DocumentService
from girih.services.knowledge.service import KnowledgeService

BODY = "\n\n".join(f"# Part {n}\n\n" + f"Sentence {n} of the {{}} is about otters. " * 14 for n in range(40))


class Remote:
    """A model elsewhere, whose vectors are as long as it likes today; nobody knows before it has answered."""

    name, model, fingerprint = "openai", "elsewhere", "openai:elsewhere"

    def __init__(self, *lengths: int) -> None:
        self._lengths = lengths
        self.dims = 0
        self.answers = 0

    def load(self) -> None:
        """Nothing to load."""

    async def embed(self, texts: Sequence[str]) -> list[list[float]]:
        length = self._lengths[min(self.answers, len(self._lengths) - 1)]
        self.answers += 1
        self.dims = length
        return [[1.0 / length**0.5] * length for _ in texts]

    def close(self) -> None:
        """Nothing is open."""


Served = Callable[[Remote], KnowledgeService]
Bring = Callable[[KnowledgeService, str], Awaitable[str | None]]


@pytest.fixture
def served(uow: UnitOfWork, tmp_path: Path) -> Served:
    """A server whose embedder that is."""
    return lambda remote: KnowledgeService(uow, tmp_path, Embedders("openai", openai=lambda: remote))


@pytest.fixture
def bring(scope: OrgScope, library: DocumentService, dispatched: Dispatched) -> Bring:
    """Uploads and ingests; gives the reason if that failed."""

    async def one(knowledge: KnowledgeService, name: str) -> str | None:
        await library.upload(scope, "docs", name, BODY.replace("{}", name).encode())
        await work_off(knowledge, dispatched)
        return {document.name: document.reason for document in await listed(library, scope, "docs")}[name]

    return one


async def rows(uow: UnitOfWork, scope: OrgScope) -> dict[str, int]:
    """What is stored of passages and their vectors."""
    tables = (*TABLES, "cached_embeddings")
    async with uow(scope) as work:
        return {table: int(await work.session.scalar(text(f"SELECT count(*) FROM {table}")) or 0) for table in tables}


async def test_a_dimension_mismatch_is_refused_before_a_byte_is_stored(
    scope: OrgScope, publish: Publish, served: Served, bring: Bring, uow: UnitOfWork
) -> None:
    await publish(scope)
    assert await bring(served(Remote(8)), "a.md") is None
    before = await rows(uow, scope)
    assert before["chunks"] == before["cached_embeddings"] > 32, "it takes several answers"
    reason = await bring(served(Remote(4)), "b.md")
    assert reason is not None
    assert "index 1 holds vectors of 8 numbers, and elsewhere gave 4" in reason
    assert "nothing was stored" in reason
    assert await rows(uow, scope) == before


async def test_a_model_that_changes_between_two_answers_is_refused(
    scope: OrgScope, publish: Publish, served: Served, bring: Bring, uow: UnitOfWork
) -> None:
    await publish(scope)
    reason = await bring(served(Remote(8, 4)), "a.md")
    assert reason is not None
    assert "elsewhere gave 4 and 8" in reason
    stored = await rows(uow, scope)
    assert stored.pop("cached_embeddings") == 16, "those of the first answer"
    assert set(stored.values()) == {0}


async def test_a_question_is_not_compared_with_vectors_of_another_length(
    scope: OrgScope, publish: Publish, served: Served, bring: Bring
) -> None:
    await publish(scope)
    knowledge = served(Remote(8))
    assert await bring(knowledge, "a.md") is None
    assert await knowledge.search(scope, SearchRequest("docs", "otters", mode="vector"))
    for mode in ("vector", "hybrid"):
        with pytest.raises(Conflict, match="holds vectors of 8 numbers, and elsewhere gave 4") as refused:
            await served(Remote(4)).search(scope, SearchRequest("docs", "otters", mode=mode))
        assert "build a new index" in (refused.value.help or "")
    assert await served(Remote(4)).search(scope, SearchRequest("docs", "otters", mode="keyword"))


async def test_a_new_index_takes_nothing_of_another_length_from_what_is_remembered(
    scope: OrgScope, publish: Publish, served: Served, bring: Bring, dispatched: Dispatched
) -> None:
    await publish(scope)
    assert await bring(served(Remote(8)), "a.md") is None
    changed = served(Remote(4))
    await changed.reindexing.rebuild(scope, "docs")
    await work_off(changed, dispatched)
    assert await changed.search(scope, SearchRequest("docs", "otters", mode="vector"))
    remote = Remote(4)
    again = served(remote)
    await again.reindexing.rebuild(scope, "docs")
    await work_off(again, dispatched)
    assert remote.answers == 1, "the new vectors are remembered in the place of the former ones"


async def test_vectors_given_by_hand_are_measured(uow: UnitOfWork, scope: OrgScope) -> None:
    shelf = await Shelf(uow, scope, dims=2).make()
    await shelf.put("a.txt", [passage("one")], [[1.0, 0.0]])
    for given in ([[1.0, 0.0, 0.0]], [[1.0, 0.0], [1.0]]):
        with pytest.raises(Conflict, match="index 1 holds vectors of 2 numbers"):
            await shelf.put("a.txt", [passage("two"), passage("three", 3)][: len(given)], given)
    assert (await shelf.rows())["chunks"] == 1
    assert list(await shelf.say("one", 5))

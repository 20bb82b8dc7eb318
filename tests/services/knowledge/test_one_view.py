"""A search sees all old or all new passages of a document, however it meets the transaction that swaps them."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from typing import Any

import pytest
from tests.services.knowledge.conftest import Ingest, Publish

from girih.db.tenancy import OrgScope
from girih.language.nodes.ports import Hit, SearchRequest
from girih.services.knowledge import search, searching
from girih.services.knowledge.service import KnowledgeService

Swap = Callable[[str], Awaitable[None]]

ASKED = SearchRequest("docs", "otter", top_k=50)


@pytest.fixture
async def swap(scope: OrgScope, publish: Publish, ingest: Ingest) -> Swap:
    """Makes all passages of the one document speak of the word; there is an old state to begin with."""
    await publish(scope, chunk={"strategy": "sentence", "size": 50, "overlap": 0})

    async def bring(word: str) -> None:
        lines = [f"The otter number {n} of the river is {word}, {' '.join([word] * 30)}." for n in range(12)]
        assert (await ingest(scope, "a.txt", "\n\n".join(lines).encode())).status == "ready"

    await bring("old")
    return bring


def words(hits: list[Hit]) -> set[str]:
    """Which states the hits are of."""
    return {word for hit in hits for word in ("old", "new") if f" is {word}," in hit.text}


def between(monkeypatch: pytest.MonkeyPatch, module: Any, name: str, swap: Swap) -> None:
    """Let passages be swapped by another transaction just before a search calls that function for the first time."""
    real = getattr(module, name)
    swaps = ["new"]

    async def swapped_first(*given: Any) -> Any:
        if swaps:
            await swap(swaps.pop())
        return await real(*given)

    monkeypatch.setattr(module, name, swapped_first)


@pytest.mark.parametrize("name", ["by_words", "_hits"])
async def test_a_swap_between_two_reads_of_a_search_is_not_seen(
    name: str, scope: OrgScope, knowledge: KnowledgeService, swap: Swap, monkeypatch: pytest.MonkeyPatch
) -> None:
    between(monkeypatch, search, name, swap)
    hits = await knowledge.search(scope, ASKED)
    assert words(hits) == {"old"}
    assert len(hits) == 12
    assert words(await knowledge.search(scope, ASKED)) == {"new"}


async def test_neighbours_are_of_the_same_state_as_the_hits(
    scope: OrgScope, knowledge: KnowledgeService, publish: Publish, ingest: Ingest, monkeypatch: pytest.MonkeyPatch
) -> None:
    await publish(scope, chunk={"strategy": "sentence", "size": 50, "overlap": 0})

    async def swap(word: str) -> None:
        lines = [f"Sentence {n} is {word if n == 3 else 'same'}, {f'boat{n} ' * 30}." for n in range(6)]
        assert (await ingest(scope, "a.txt", "\n\n".join(lines).encode())).status == "ready"

    await swap("old")
    asked = SearchRequest("docs", "boat2 boat3", mode="keyword", top_k=2, neighbours=1)
    assert words(await knowledge.search(scope, asked)) == {"old"}
    between(monkeypatch, searching, "with_neighbours", swap)
    hits = await knowledge.search(scope, asked)
    assert len(hits) == 2
    assert words(hits) == {"old"}, "one of the hits stays, and its neighbour is another now"
    assert words(await knowledge.search(scope, asked)) == {"new"}


async def test_searches_in_a_storm_of_swaps(scope: OrgScope, knowledge: KnowledgeService, swap: Swap) -> None:
    is_over = False

    async def ask() -> list[set[str]]:
        seen = []
        while not is_over:
            seen.append(words(await knowledge.search(scope, ASKED)))
        return seen

    asking = [asyncio.create_task(ask()) for _ in range(3)]
    for word in ("new", "old", "new", "old", "new", "old"):
        await swap(word)
    is_over = True
    seen = [each for answers in await asyncio.gather(*asking) for each in answers]
    assert {len(each) for each in seen} == {1}

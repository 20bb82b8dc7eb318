"""Search finds what answers, in each mode, in small collections beside big ones, whatever is asked."""

from __future__ import annotations

from pathlib import Path
from uuid import UUID

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from tests.services.knowledge.conftest import Dispatched, Ingest, Publish, work_off

from girih.db.tenancy import OrgScope
from girih.db.unit_of_work import UnitOfWork
from girih.errors import NotFound
from girih.language.nodes.ports import SearchMode, SearchRequest
from girih.providers.embeddings.ladder import Embedders
from girih.services.knowledge.documents import DocumentService
from girih.services.knowledge.fusion import fused
from girih.services.knowledge.service import KnowledgeService

CORPUS = {
    "delivery.txt": b"Parcels leave the warehouse on the day of the order and take two days.",
    "returns.txt": b"An article may be sent back within thirty days for a full refund.",
    "warranty.txt": b"Every compass has a warranty of five years against faults of material.",
    "workshop.txt": b"The workshop for beginners teaches drawing of geometric patterns by hand.",
    "hours.txt": b"The shop opens at nine in the morning and closes at six.",
    "glue.txt": b"Glue with the article number GX-4711 sets in twelve hours.",
}


@pytest.fixture(scope="module")
def minilm() -> Embedders:
    """The local model, which takes a second or two to load."""
    return Embedders("minilm")


@pytest.fixture
async def shop(
    uow: UnitOfWork,
    scope: OrgScope,
    publish: Publish,
    library: DocumentService,
    tmp_path: Path,
    dispatched: Dispatched,
    minilm: Embedders,
) -> KnowledgeService:
    """A service with the local model and a small corpus."""
    await publish(scope, embedder="minilm")
    service = KnowledgeService(uow, tmp_path, minilm)
    for name, content in CORPUS.items():
        await library.upload(scope, "docs", name, content)
    await work_off(service, dispatched)
    return service


async def test_each_mode_finds_what_answers(shop: KnowledgeService, scope: OrgScope) -> None:
    async def first(query: str, mode: SearchMode) -> str:
        return (await shop.search(scope, SearchRequest("docs", query, mode=mode)))[0].document

    for query, answer in {
        "When will my package arrive?": "delivery.txt",
        "Can I get my money back?": "returns.txt",
        "course for people who have never drawn": "workshop.txt",
        "How late is the store open?": "hours.txt",
    }.items():
        assert await first(query, "vector") == answer
    assert await first("GX-4711", "keyword") == "glue.txt"
    assert await first("GX-4711", "hybrid") == "glue.txt"
    assert await first("refund for an article", "hybrid") == "returns.txt"


async def test_scores(shop: KnowledgeService, scope: OrgScope) -> None:
    for mode in ("hybrid", "vector", "keyword"):
        hits = await shop.search(scope, SearchRequest("docs", "warranty of a compass", mode=mode))
        scores = [hit.score for hit in hits]
        assert scores == sorted(scores, reverse=True)
        floor = scores[0] if len(scores) == 1 else (scores[0] + scores[1]) / 2
        kept = await shop.search(scope, SearchRequest("docs", "warranty of a compass", mode=mode, min_score=floor))
        assert [hit.document for hit in kept] == ["warranty.txt"]
        assert len(await shop.search(scope, SearchRequest("docs", "warranty", top_k=1, mode=mode))) == 1
    assert hits[0].score > 0
    vector = await shop.search(scope, SearchRequest("docs", CORPUS["glue.txt"].decode(), mode="vector"))
    assert 0.95 < vector[0].score <= 1.001
    assert len(vector) == len(CORPUS)


async def test_keywords_that_stand_nowhere_find_nothing(shop: KnowledgeService, scope: OrgScope) -> None:
    assert await shop.search(scope, SearchRequest("docs", "zebra", mode="keyword")) == []
    assert await shop.search(scope, SearchRequest("docs", "   ")) == []
    assert await shop.search(scope, SearchRequest("docs", "the of and", mode="keyword")) == []
    with pytest.raises(NotFound, match="nothing"):
        await shop.search(scope, SearchRequest("nothing", "zebra"))
    with pytest.raises(NotFound):
        await shop.search(scope, SearchRequest("\x00", "zebra"))


@settings(max_examples=25, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(query=st.text(alphabet=st.characters(exclude_categories=["Cs"]), max_size=80))
async def test_any_question_is_harmless(shop: KnowledgeService, scope: OrgScope, query: str) -> None:
    assert len(await shop.search(scope, SearchRequest("docs", query))) <= 8


@pytest.mark.parametrize(
    "query", ["'; DROP TABLE chunks; --", "a & b | !c <-> :*", "\\", "%s :query $1", "\x00", "half \ud800"]
)
async def test_hostile_questions_are_words(shop: KnowledgeService, scope: OrgScope, query: str) -> None:
    for mode in ("hybrid", "keyword", "vector"):
        await shop.search(scope, SearchRequest("docs", query, mode=mode))
    assert len(await shop.search(scope, SearchRequest("docs", "shop", mode="vector"))) == len(CORPUS)


async def test_a_small_tenant_beside_a_big_one_finds_all_its_hits(
    scope: OrgScope, other_scope: OrgScope, publish: Publish, ingest: Ingest, knowledge: KnowledgeService
) -> None:
    big = "\n\n".join(f"# Rule {n}\n\nThe rule number {n} is about parcels and their delivery." for n in range(1500))
    await publish(scope)
    assert (await ingest(scope, "big.md", big.encode())).chunks == 1500
    await publish(other_scope)
    for number in range(10):
        await ingest(other_scope, f"{number}.txt", b"A rule about parcels, number %d." % number)
    for mode in ("hybrid", "vector", "keyword"):
        request = SearchRequest("docs", "rule about parcels", top_k=10, mode=mode)
        hits = await knowledge.search(other_scope, request)
        assert {hit.document for hit in hits} == {f"{number}.txt" for number in range(10)}
        assert {hit.document for hit in await knowledge.search(scope, request)} == {"big.md"}


def test_fusion() -> None:
    a, b, c = (UUID(int=n) for n in (1, 2, 3))
    ranked = fused([[(a, 9.0), (b, 1.0)], [(b, 0.3), (c, 0.2)]])
    assert [chunk for chunk, _ in ranked] == [b, a, c]
    assert fused([[(a, 1.0)], [(a, 1.0)]]) == [(a, 1.0)]
    assert fused([]) == []


async def test_parts_are_searched_and_the_whole_is_found_once(
    scope: OrgScope, publish: Publish, ingest: Ingest, knowledge: KnowledgeService
) -> None:
    tools = ["compass", "ruler", "chisel", "hammer", "brush", "pencil", "plane", "square"]
    paragraph = " ".join(f"The {tool} hangs on hook number {n} by the door." for n, tool in enumerate(tools))
    pages = "\n\n".join(f"# Room {n}\n\n{paragraph.replace('hook', f'hook{n}')}" for n in range(8))
    await publish(scope, chunk={"strategy": "parent", "size": 100, "overlap": 0})
    document = await ingest(scope, "rooms.md", pages.encode())
    assert document.chunks > 3 * 8
    for mode in ("hybrid", "vector", "keyword"):
        hits = await knowledge.search(scope, SearchRequest("docs", "where does the chisel hang", mode=mode, top_k=6))
        assert len({(hit.place["start"], hit.text) for hit in hits}) == len(hits) == 6
        assert all(hit.text.startswith("Room") and "compass" in hit.text and "square" in hit.text for hit in hits)
        assert all(hit.place["end"] - hit.place["start"] == len(hit.text) for hit in hits)
    [best] = await knowledge.search(scope, SearchRequest("docs", "the ruler on hook3", mode="keyword", top_k=1))
    assert best.place["heading"] == ["Room 3"]


async def test_context_is_searched_by_meaning_and_never_shown(
    scope: OrgScope, publish: Publish, ingest: Ingest, knowledge: KnowledgeService
) -> None:
    scores = {}
    for context in ("headings", "title", "none"):
        await publish(scope, name=context, chunk={"context": context})
        await ingest(scope, "a.md", b"---\ntitle: Compasses\n---\n# Warranty\n\nFive years.", collection=context)
        request = SearchRequest(context, "Compasses Warranty Warranty Five years", mode="vector")
        [hit] = await knowledge.search(scope, request)
        assert hit.text == "Warranty\n\nFive years."
        scores[context] = hit.score
    assert scores["headings"] > scores["title"] > scores["none"]

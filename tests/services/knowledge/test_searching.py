"""What a search can be asked besides a question: narrower, for somebody, wider, more diverse, in another order."""

from __future__ import annotations

import json
from collections.abc import AsyncIterator, Sequence
from dataclasses import dataclass, field

import pytest
from sqlalchemy import text
from tests.services.knowledge.conftest import Dispatched, Ingest, Publish, work_off

from girih.db.tenancy import OrgScope
from girih.db.unit_of_work import UnitOfWork
from girih.errors import InvalidInput, NodeError, Unavailable
from girih.language.nodes.ports import Asker, Hit, ModelDone, ModelEvent, ModelRequest, SearchRequest, TextDelta, Usage
from girih.providers.embeddings.ladder import Embedders
from girih.services.knowledge.diversity import diverse
from girih.services.knowledge.documents import DocumentService
from girih.services.knowledge.neighbours import Around, joined
from girih.services.knowledge.searching import SearchService
from girih.services.knowledge.service import KnowledgeService

TEXTS = {
    "a.md": b"# Returns\n\nAn article may be sent back within thirty days.",
    "b.md": b"# Returns\n\nAn article may be sent back within sixty days.",
    "c.md": b"# Vouchers\n\nA voucher for an article lasts two years.",
    "secret.md": b"# Margins\n\nThe margin of an article is forty per cent.",
}


@pytest.fixture
async def shop(
    uow: UnitOfWork, scope: OrgScope, publish: Publish, ingest: Ingest, knowledge: KnowledgeService
) -> KnowledgeService:
    """Four documents; two have a year, one may be read by Ada and by the group of buyers alone."""
    await publish(scope, metadata={"year": "integer?", "lang": "string?"})
    for name, content in TEXTS.items():
        await ingest(scope, name, content)
    async with uow(scope) as work:
        for name, year in (("a.md", 2019), ("b.md", 2024)):
            values = {"name": name, "facts": json.dumps({"year": year, "lang": "en"})}
            await work.session.execute(
                text("UPDATE documents SET metadata = CAST(:facts AS jsonb) WHERE name = :name"), values
            )
        readers = text("UPDATE documents SET readers = ARRAY['user:ada', 'group:buyers'] WHERE name = 'secret.md'")
        await work.session.execute(readers)
    return knowledge


async def names(shop: KnowledgeService, scope: OrgScope, query: str = "article", **asked: object) -> set[str]:
    """The documents found, in each mode the same."""
    found = [
        {hit.document for hit in await shop.search(scope, SearchRequest("docs", query, mode=mode, **asked))}  # type: ignore[arg-type]
        for mode in ("hybrid", "vector", "keyword")
    ]
    assert found[0] == found[1] == found[2]
    return found[0]


async def test_filters_narrow_every_mode(shop: KnowledgeService, scope: OrgScope) -> None:
    assert await names(shop, scope) == {"a.md", "b.md", "c.md"}
    assert await names(shop, scope, filter="metadata.year >= 2020") == {"b.md"}
    assert await names(shop, scope, filter="!(metadata.year >= 2020)") == {"a.md", "c.md"}
    assert await names(shop, scope, filter="has(metadata.year) && document.name.startsWith('a')") == {"a.md"}
    assert await names(shop, scope, filter="document.name in g0", given={"g0": ["c.md", "secret.md"]}) == {"c.md"}
    assert await names(shop, scope, filter="document.version == 1 && document.size > 0 || false") == {
        "a.md",
        "b.md",
        "c.md",
    }
    with pytest.raises(InvalidInput, match=r"column 10: .*no field 'yaer'") as caught:
        await names(shop, scope, filter="metadata.yaer == 2020")
    assert "did you mean 'year'?" in (caught.value.help or "")


async def test_only_readers_find_what_names_its_readers(shop: KnowledgeService, scope: OrgScope) -> None:
    everybody = {"a.md", "b.md", "c.md"}
    for asker in (Asker(), Asker("bob"), Asker("buyers"), Asker(roles=("buyers", "ada")), Asker("ada' OR true --")):
        assert await names(shop, scope, asker=asker) == everybody
    for asker in (Asker("ada"), Asker("bob", groups=("buyers",))):
        assert await names(shop, scope, asker=asker) == {*everybody, "secret.md"}
    assert await names(shop, scope, asker=Asker("bob"), filter="document.name == 'secret.md' || true") == everybody


async def test_hits_tell_where_they_are_from_and_how_they_were_found(shop: KnowledgeService, scope: OrgScope) -> None:
    [hit, *_] = await shop.search(scope, SearchRequest("docs", "sixty days"))
    assert (hit.document, hit.version, hit.metadata) == ("b.md", 1, {"year": 2024, "lang": "en"})
    assert hit.place["heading"] == ["Returns"]
    assert hit.scores["vector_rank"] == hit.scores["keyword_rank"] == 1
    assert hit.scores["fused"] == hit.score == 1
    searched = await shop.searches.search(scope, SearchRequest("docs", "sixty days", top_k=1, filter="metadata.year>1"))
    told = searched.explanation
    assert told.filter == "metadata.year > 1"
    assert told.readers == []
    assert [leg.by for leg in told.legs] == ["vector", "keyword"]
    assert sum(leg.weight for leg in told.legs) == 1
    assert told.legs[1].best[0].chunk_id == hit.chunk_id
    assert [left.document for left in told.left_out] == ["a.md"]
    assert {"embed", "vector", "keyword", "passages"} <= told.milliseconds.keys()


async def test_headings_are_words(shop: KnowledgeService, scope: OrgScope, publish: Publish, ingest: Ingest) -> None:
    long = "\n\n".join(f"Paragraph {n} speaks of nothing but shelves and their boards." for n in range(60))
    await publish(scope, "shelves", chunk={"size": 60, "overlap": 0})
    await ingest(scope, "long.md", f"# Carpentry\n\n{long}".encode(), collection="shelves")
    hits = await shop.search(scope, SearchRequest("shelves", "carpentry", mode="keyword", top_k=50))
    assert len(hits) > 5


async def test_neighbours_are_joined_in_order(
    scope: OrgScope, publish: Publish, ingest: Ingest, knowledge: KnowledgeService
) -> None:
    sentences = [
        f"Sentence number {n} is about the tool {tool}." for n, tool in enumerate(["saw", "axe", "file", "awl", "rasp"])
    ]
    await publish(scope, chunk={"strategy": "sentence", "size": 9, "overlap": 0})
    await ingest(scope, "tools.txt", " ".join(sentences).encode())
    request = SearchRequest("docs", "file", mode="keyword", top_k=1)
    [alone] = await knowledge.search(scope, request)
    assert alone.text == sentences[2]
    [wide] = await knowledge.search(scope, SearchRequest("docs", "file", mode="keyword", top_k=1, neighbours=1))
    assert wide.text.split() == " ".join(sentences[1:4]).split()
    assert wide.place["end"] - wide.place["start"] == len(wide.text)
    assert wide.chunk_id == alone.chunk_id
    found = await knowledge.search(scope, SearchRequest("docs", "sentence number tool", top_k=5, neighbours=5))
    assert len(found) == 1, "one hit shows all of the others"


def test_joined_texts_are_as_long_as_their_offsets_say() -> None:
    hit = Hit("c", "d", "n", "cd", 1.0, {"start": 2, "end": 4, "page": 2})
    around = [Around(0, 3, "abc", 1), Around(2, 4, "cd", 2), Around(6, 8, "gh", 3)]
    whole = joined(hit, around)
    assert whole.text == "abcd\n\ngh"
    assert whole.place == {"start": 0, "end": 8, "page": 1}
    assert joined(hit, around[1:2]) == hit
    assert joined(hit, [Around(0, 1, "a", None), Around(2, 4, "cd", None)]).text == "a cd"


async def test_diversity_prefers_what_says_something_else(shop: KnowledgeService, scope: OrgScope) -> None:
    request = SearchRequest("docs", "article sent back within days", top_k=2)
    assert {hit.document for hit in await shop.search(scope, request)} == {"a.md", "b.md"}
    varied = SearchRequest("docs", "article sent back within days", top_k=2, diversity=0.9)
    assert [hit.document for hit in await shop.search(scope, varied)][1] == "c.md"
    same, other = "one two three", "four five six"
    assert diverse([same, same, other], [1.0, 0.9, 0.2], 2, 0.0) == [0, 1]
    assert diverse([same, same, other], [1.0, 0.9, 0.2], 2, 0.7) == [0, 2]
    assert diverse([], [], 3, 0.5) == []


async def test_repeated_texts_come_last(
    scope: OrgScope, publish: Publish, ingest: Ingest, knowledge: KnowledgeService
) -> None:
    await publish(scope)
    for name in ("one.txt", "two.txt", "three.txt"):
        await ingest(scope, name, b"The lamp is bright.")
    await ingest(
        scope, "other.txt", b"A lamp stands on each of the many long tables of the hall, and it is switched off."
    )
    hits = await knowledge.search(scope, SearchRequest("docs", "lamp", mode="keyword", top_k=2))
    assert len({hit.text for hit in hits}) == 2
    assert len(await knowledge.search(scope, SearchRequest("docs", "lamp", mode="keyword"))) == 4


async def test_an_answer_without_hits_is_explained(
    scope: OrgScope, publish: Publish, ingest: Ingest, library: DocumentService, knowledge: KnowledgeService,
    dispatched: Dispatched,
) -> None:  # fmt: skip
    async def said(query: str, **asked: object) -> list[str]:
        request = SearchRequest("docs", query, **asked)  # type: ignore[arg-type]
        return (await knowledge.searches.explained(scope, request)).explanation.remarks

    await publish(scope)
    assert await said("lamp") == ["the collection has no documents: upload some"]
    assert await said(" ") == ["the question is blank"]
    await library.upload(scope, "docs", "a.txt", b"The lamp is bright.")
    assert await said("lamp") == ["1 document is being brought in, and not found before that is done"]
    await work_off(knowledge, dispatched)
    await ingest(scope, "b.pdf", b"no PDF")
    assert await said("lamp") == []
    unknown = ["no word of the question stands in any passage"]
    assert await said("grommet") == await said("grommet", mode="keyword") == unknown
    assert await said("grommet", mode="vector") == []
    [common] = await said("the of and?")
    assert "no word that is looked for" in common
    assert await said("lamp", filter="document.name == 'c.txt'", mode="vector") == [
        "the filter and the readers of the documents leave no passage at all"
    ]
    await knowledge.reindexing.rebuild(scope, "docs")
    [building] = await said("lamp")
    assert building == "index 2 is being built (0 of 2 documents); index 1 is searched until it is complete"


async def test_failed_documents_of_a_collection_without_passages_are_named(
    scope: OrgScope, publish: Publish, ingest: Ingest, knowledge: KnowledgeService
) -> None:
    await publish(scope)
    await ingest(scope, "b.pdf", b"no PDF")
    searched = await knowledge.searches.explained(scope, SearchRequest("docs", "lamp"))
    assert searched.explanation.remarks == ["1 document has failed: see their reasons"]


# --- models and services


@dataclass
class Scripted:
    """Models that answer one text after another; a `NodeError` among them is raised."""

    answers: list[object]
    asked: list[ModelRequest] = field(default_factory=list)

    async def stream(self, request: ModelRequest) -> AsyncIterator[ModelEvent]:
        self.asked.append(request)
        answer = self.answers.pop(0)
        if isinstance(answer, NodeError):
            raise answer
        yield TextDelta(answer if isinstance(answer, str) else json.dumps(answer))
        yield ModelDone(Usage(10, 5, 0.25), "scripted", "test")


async def test_other_wordings_are_asked_as_well(shop: KnowledgeService, scope: OrgScope) -> None:
    models = Scripted([{"questions": ["voucher lasts", "gift card"]}])
    request = SearchRequest("docs", "coupon", mode="keyword", rewrite=("fast",), queries=2)
    assert await shop.search(scope, SearchRequest("docs", "coupon", mode="keyword")) == []
    searched = await shop.searches.search(scope, request, models)
    assert [hit.document for hit in searched.hits] == ["c.md"]
    told = searched.explanation
    assert told.questions == ["coupon", "voucher lasts", "gift card"]
    assert told.rewrite is not None
    assert (told.rewrite.by, told.rewrite.cost_usd, told.rewrite.failed) == ("model://fast", 0.25, None)
    assert models.asked[0].models == ("fast",)
    assert "coupon" in models.asked[0].messages[-1].content


@pytest.mark.parametrize(
    "answer", [NodeError("timeout", "the model was silent"), "no JSON", {"questions": "one"}, {"questions": [""]}, {}]
)
async def test_a_failed_rewriting_leaves_the_question_itself(
    shop: KnowledgeService, scope: OrgScope, answer: object
) -> None:
    request = SearchRequest("docs", "voucher", mode="keyword", rewrite=("fast",))
    searched = await shop.searches.search(scope, request, Scripted([answer]))
    assert [hit.document for hit in searched.hits] == ["c.md"]
    assert searched.explanation.questions == ["voucher"]
    assert searched.explanation.rewrite is not None
    assert searched.explanation.rewrite.failed


async def test_a_model_orders_the_best_anew(shop: KnowledgeService, scope: OrgScope) -> None:
    request = SearchRequest("docs", "article", top_k=2, rerank=("model://judge",))
    plain = await shop.search(scope, SearchRequest("docs", "article", top_k=3))
    models = Scripted([{"best": [3, 1, 3]}])
    searched = await shop.searches.search(scope, request, models)
    assert [hit.chunk_id for hit in searched.hits] == [plain[2].chunk_id, plain[0].chunk_id]
    assert searched.hits[0].score == searched.hits[0].scores["rerank"] == 1
    assert searched.explanation.rerank is not None
    assert searched.explanation.rerank.cost_usd == 0.25
    for answer in ({"best": [99]}, {"best": "all"}, NodeError("unavailable", "gone")):
        again = await shop.searches.search(scope, request, Scripted([answer]))
        assert [hit.chunk_id for hit in again.hits] == [hit.chunk_id for hit in plain[:2]]
        assert again.explanation.rerank is not None
        assert again.explanation.rerank.failed


@dataclass
class Shelf:
    """Rerankers by name: `long` prefers long texts, any other is not there."""

    def get(self, name: str) -> Shelf:
        if name != "long":
            raise Unavailable(f"there is no endpoint '{name}' on this server")
        return self

    async def scores(self, query: str, texts: Sequence[str]) -> list[float | None]:
        return [float(len(text)) if "voucher" not in text else None for text in texts]


async def test_a_service_orders_the_best_anew(uow: UnitOfWork, shop: KnowledgeService, scope: OrgScope) -> None:
    searches = SearchService(uow, Embedders("hashing"), rerankers=Shelf())
    everybody = SearchRequest("docs", "article", rerank=("endpoint://long",), asker=Asker("ada"))
    hits = (await searches.search(scope, everybody)).hits
    lengths = [len(hit.text) for hit in hits if "voucher" not in hit.text]
    assert lengths == sorted(lengths, reverse=True)
    assert hits[-1].document == "c.md"
    absent = await searches.search(scope, SearchRequest("docs", "article", rerank=("endpoint://none",)))
    assert len(absent.hits) == 3
    assert absent.explanation.rerank is not None
    assert "no endpoint" in (absent.explanation.rerank.failed or "")
    for name in ("judge", "http://evil.example", "endpoint://"):
        with pytest.raises(InvalidInput, match="names no reranker"):
            await searches.search(scope, SearchRequest("docs", "article", rerank=(name,)))


@pytest.mark.parametrize(
    ("language", "document", "question"),
    [
        ("japanese", "東京の図書館は月曜日に閉まります。", "図書館"),
        ("japanese", "東京の図書館は月曜日に閉まります。", "月曜日の図書館"),
        ("chinese", "本店接受三十天内的退货。", "退货"),
        ("german", "Die Häuser der Stadt sind alt.", "Haus"),
        ("french", "Les chevaux galopaient dans les prés.", "galoper"),
        ("spanish", "Los niños jugaban en la plaza.", "niño"),
        ("simple", "Naïve façade", "façade"),
    ],
)
async def test_words_of_other_languages(
    scope: OrgScope,
    publish: Publish,
    ingest: Ingest,
    knowledge: KnowledgeService,
    language: str,
    document: str,
    question: str,
) -> None:
    await publish(scope, language=language)
    await ingest(scope, "a.txt", document.encode())
    await ingest(scope, "b.txt", b"Something else in English.")
    hits = await knowledge.search(scope, SearchRequest("docs", question, mode="keyword"))
    assert [hit.document for hit in hits] == ["a.txt"]

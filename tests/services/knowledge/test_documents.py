"""Documents: uploaded, ingested, replaced, retried, deleted, and never seen by another organization."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from pathlib import Path

import pytest
from sqlalchemy import text
from tests.providers.parsers import office, samples
from tests.services.knowledge.conftest import Dispatched, Ingest, Publish, listed, make_library, work_off

from girih.db.tenancy import OrgScope
from girih.db.unit_of_work import UnitOfWork
from girih.errors import Conflict, InvalidInput, NotFound, TooLarge, Unsupported
from girih.language.nodes.ports import SearchRequest
from girih.services.knowledge.collections import CollectionService
from girih.services.knowledge.documents import DocumentService
from girih.services.knowledge.service import KnowledgeService

TABLES = ("chunks", "chunk_words", "chunk_postings", "documents", "ingest_jobs")


async def counts(uow: UnitOfWork, scope: OrgScope) -> dict[str, int]:
    async with uow(scope) as work:
        return {t: (await work.session.execute(text(f"SELECT count(*) FROM {t}"))).scalar_one() for t in TABLES}


def files(folder: Path) -> list[Path]:
    """The files that were uploaded; what ingestion worked out of them is another matter."""
    return [path for path in folder.rglob("*") if path.is_file() and "artefacts" not in path.parts]


async def texts(knowledge: KnowledgeService, scope: OrgScope, query: str, collection: str = "docs") -> list[str]:
    return [hit.text for hit in await knowledge.search(scope, SearchRequest(collection, query, mode="keyword"))]


@pytest.mark.parametrize(
    ("name", "content", "question", "place"),
    [
        ("a.pdf", samples.good_pdf(), "parcel abroad costs", {"page": 2, "heading": ["Delivery", "Abroad"]}),
        ("a.docx", samples.good_docx(), "bring the receipt", {"heading": ["Warranty", "Claims"]}),
        ("a.html", samples.HTML, "hours on Monday", {"heading": ["Opening hours"]}),
        ("a.md", samples.MARKDOWN, "return within 30 days", {"heading": ["Returns policy"]}),
        ("a.txt", samples.TEXT, "Öffnungszeiten", {}),
        ("a.pptx", office.good_pptx(), "what grew", {"page": 1, "heading": ["Quarter"]}),
        ("a.xlsx", office.good_xlsx(), "price of a compass", {"page": 1, "heading": ["Prices"]}),
        ("a.csv", office.CSV, "the city of Anna", {}),
        ("a.json", office.JSON, "city of the address", {"heading": ["address"]}),
        ("a.eml", office.good_mail(), "parcel came", {"heading": ["Grüße"]}),
        ("a.rtf", office.RTF, "price of soup", {"heading": ["Menu"]}),
        ("a.epub", office.good_epub(), "ten points", {"page": 2, "heading": ["Stars"]}),
    ],
)
async def test_each_kind_can_be_found_by_its_place(
    scope: OrgScope, publish: Publish, ingest: Ingest, knowledge: KnowledgeService,
    name: str, content: bytes, question: str, place: dict[str, object], tmp_path: Path,
) -> None:  # fmt: skip
    await publish(scope)
    document = await ingest(scope, name, content)
    assert (document.status, document.stage, document.reason) == ("ready", "done", None)
    assert document.done == document.total == document.chunks > 0
    best = (await knowledge.search(scope, SearchRequest("docs", question)))[0]
    assert {key: best.place[key] for key in place} == place
    assert best.document == name
    assert best.document_id == str(document.id)


async def test_what_cannot_be_read_fails_with_a_reason_and_the_rest_goes_on(
    scope: OrgScope, publish: Publish, ingest: Ingest, library: DocumentService
) -> None:
    await publish(scope)
    bad = {"locked.pdf": samples.encrypted_pdf(), "scan.pdf": samples.scan(), "bomb.docx": samples.bomb_docx()}
    bad["macros.xlsx"] = office.repacked(office.good_xlsx(), {"xl/vbaProject.bin": b"x"})
    for name, content in bad.items():
        await ingest(scope, name, content)
    await ingest(scope, "good.md", samples.MARKDOWN)
    found = {d.name: (d.status, d.reason or "") for d in await listed(library, scope, "docs")}
    assert found["good.md"] == ("ready", "")
    assert {name: status for name, (status, _) in found.items() if name in bad} == dict.fromkeys(bad, "failed")
    assert "encrypted" in found["locked.pdf"][1]
    assert "OCR" in found["scan.pdf"][1]
    assert "unpacks" in found["bomb.docx"][1]
    assert "macros" in found["macros.xlsx"][1]


async def test_what_is_refused_at_the_door(
    scope: OrgScope, publish: Publish, library: DocumentService, uow: UnitOfWork, tmp_path: Path
) -> None:
    await publish(scope)
    small = make_library(uow, tmp_path, max_upload_bytes=100)
    read = 0

    async def endless() -> AsyncIterator[bytes]:
        nonlocal read
        while True:
            read += 50
            yield b"x" * 50

    with pytest.raises(TooLarge, match="limit"):
        await small.upload(scope, "docs", "a.txt", endless())
    assert read == 150
    with pytest.raises(InvalidInput, match="empty"):
        await library.upload(scope, "docs", "a.txt", b"")
    with pytest.raises(Unsupported, match=r"\.exe"):
        await library.upload(scope, "docs", "a.exe", b"MZ")
    with pytest.raises(NotFound, match="nothing"):
        await library.upload(scope, "nothing", "a.txt", b"x")
    for name in ("", "  ", "a\x00.txt", "x" * 300 + ".txt"):
        with pytest.raises((InvalidInput, Unsupported)):
            await library.upload(scope, "docs", name, b"x")
    assert (await counts(uow, scope))["documents"] == 0
    assert not files(tmp_path)


async def test_no_name_leads_out_of_the_folder(
    scope: OrgScope, publish: Publish, ingest: Ingest, tmp_path: Path
) -> None:
    await publish(scope)
    document = await ingest(scope, "../../../etc/passwd.txt", b"words to find")
    assert document.status == "ready"
    assert {path.name for path in files(tmp_path)} == {document.sha256}


async def test_equal_bytes_change_nothing(
    scope: OrgScope, publish: Publish, ingest: Ingest, library: DocumentService, dispatched: Dispatched
) -> None:
    await publish(scope)
    first = await ingest(scope, "a.txt", b"the first words")
    again = await library.upload(scope, "docs", "a.txt", b"the first words")
    assert again == first
    assert dispatched == []


async def test_equal_bytes_under_another_name_are_another_document(
    scope: OrgScope,
    publish: Publish,
    ingest: Ingest,
    knowledge: KnowledgeService,
    library: DocumentService,
    tmp_path: Path,
) -> None:
    await publish(scope)
    one, two = await ingest(scope, "a.txt", b"same words"), await ingest(scope, "b.txt", b"same words")
    assert one.id != two.id
    assert len(files(tmp_path)) == 1
    await library.delete(scope, one.id)
    assert len(files(tmp_path)) == 1
    assert await texts(knowledge, scope, "words") == ["same words"]
    await library.delete(scope, two.id)
    assert files(tmp_path) == []


async def test_new_bytes_replace_the_old_when_they_are_ready(
    scope: OrgScope, publish: Publish, ingest: Ingest, knowledge: KnowledgeService, library: DocumentService, dispatched: Dispatched,
    tmp_path: Path, uow: UnitOfWork,
) -> None:  # fmt: skip
    await publish(scope)
    first = await ingest(scope, "a.txt", b"ancient words")
    second = await library.upload(scope, "docs", "a.txt", b"modern words")
    assert (second.id, second.status) == (first.id, "queued")
    assert await texts(knowledge, scope, "words") == ["ancient words"]
    await work_off(knowledge, dispatched)
    assert await texts(knowledge, scope, "words") == ["modern words"]
    assert await texts(knowledge, scope, "ancient") == []
    assert {path.name for path in files(tmp_path)} == {first.sha256, second.sha256}
    assert (await counts(uow, scope))["chunks"] == 1


async def test_a_bad_replacement_leaves_the_old_content_findable(
    scope: OrgScope, publish: Publish, ingest: Ingest, knowledge: KnowledgeService
) -> None:
    await publish(scope)
    await ingest(scope, "a.pdf", samples.good_pdf())
    assert (await ingest(scope, "a.pdf", samples.scan())).status == "failed"
    assert await texts(knowledge, scope, "warehouse")


async def test_deleting_leaves_nothing(
    scope: OrgScope,
    publish: Publish,
    ingest: Ingest,
    knowledge: KnowledgeService,
    library: DocumentService,
    uow: UnitOfWork,
    tmp_path: Path,
    shelves: CollectionService,
) -> None:
    await publish(scope)
    document = await ingest(scope, "a.md", samples.MARKDOWN)
    await library.delete(scope, document.id)
    assert set((await counts(uow, scope)).values()) == {0}
    assert [path for path in tmp_path.rglob("*") if path.is_file()] == []
    [collection] = (await shelves.collections(scope))[0]
    assert (collection.documents, collection.chunks) == (0, 0)
    with pytest.raises(NotFound):
        await library.document(scope, document.id)


async def test_retry(
    scope: OrgScope,
    publish: Publish,
    ingest: Ingest,
    knowledge: KnowledgeService,
    library: DocumentService,
    dispatched: Dispatched,
) -> None:
    await publish(scope)
    bad = await ingest(scope, "a.pdf", samples.scan())
    again = await library.retry(scope, bad.id)
    assert (again.status, again.reason, again.stage) == ("queued", None, "parse")
    assert (await library.retry(scope, bad.id)).status == "queued"
    assert len(dispatched) == 1
    await work_off(knowledge, dispatched)
    assert (await library.document(scope, bad.id)).status == "failed"
    good = await ingest(scope, "b.txt", b"words")
    with pytest.raises(Conflict, match="ready"):
        await library.retry(scope, good.id)


async def test_uploads_at_once_make_one_document(
    scope: OrgScope,
    publish: Publish,
    knowledge: KnowledgeService,
    library: DocumentService,
    dispatched: Dispatched,
    uow: UnitOfWork,
) -> None:
    await publish(scope)
    documents = await asyncio.gather(*(library.upload(scope, "docs", "a.txt", b"words") for _ in range(6)))
    assert len({document.id for document in documents}) == 1
    assert len(dispatched) == 1
    versions = [b"words %d" % number for number in range(6)]
    await asyncio.gather(*(library.upload(scope, "docs", "a.txt", content) for content in versions))
    await work_off(knowledge, dispatched)
    [document] = await listed(library, scope, "docs")
    assert document.status == "ready"
    assert (await counts(uow, scope))["chunks"] == 1


async def test_other_organizations_see_nothing(
    scope: OrgScope,
    other_scope: OrgScope,
    publish: Publish,
    ingest: Ingest,
    knowledge: KnowledgeService,
    library: DocumentService,
    shelves: CollectionService,
) -> None:
    await publish(scope)
    document = await ingest(scope, "a.txt", b"a secret of the first organization")
    assert (await shelves.collections(other_scope))[0] == []
    for attempt in (
        library.document(other_scope, document.id),
        library.delete(other_scope, document.id),
        library.retry(other_scope, document.id),
        listed(library, other_scope, "docs"),
        library.upload(other_scope, "docs", "b.txt", b"x"),
        knowledge.search(other_scope, SearchRequest("docs", "secret")),
    ):
        with pytest.raises(NotFound):
            await attempt
    await publish(other_scope)
    assert await knowledge.search(other_scope, SearchRequest("docs", "secret")) == []
    await ingest(other_scope, "a.txt", b"another secret")
    assert await texts(knowledge, other_scope, "secret") == ["another secret"]


async def test_publishing_collections(
    scope: OrgScope,
    publish: Publish,
    ingest: Ingest,
    knowledge: KnowledgeService,
    library: DocumentService,
    dispatched: Dispatched,
    shelves: CollectionService,
) -> None:
    assert await publish(scope, chunk={"size": 50, "overlap": 0}) == "create"
    assert await publish(scope, chunk={"size": 50, "overlap": 0}) == "unchanged"
    await ingest(scope, "a.txt", b" ".join(b"word%d." % i for i in range(300)))
    assert await publish(scope, chunk={"size": 100, "overlap": 0}, description="Bigger.") == "update"
    assert len(dispatched) == 1
    before = (await listed(library, scope, "docs"))[0].chunks
    await work_off(knowledge, dispatched)
    assert (before, (await listed(library, scope, "docs"))[0].chunks) == (6, 3)
    for rules in ({"strategy": "tokens"}, {"strategy": "parent"}, {"strategy": "parent", "context": "none"}):
        chunk = {"size": 100, "overlap": 0} | rules
        assert await publish(scope, chunk=chunk) == "update"
        assert len(dispatched) == 1
        await work_off(knowledge, dispatched)
        [collection] = (await shelves.collections(scope))[0]
        assert (collection.chunk_strategy, collection.chunk_size) == (rules["strategy"], 100)
        assert collection.chunks == {"tokens": 12, "parent": 12}[rules["strategy"]]
    assert collection.chunk_context == "none"
    assert await publish(scope, chunk={"size": 100, "overlap": 0}, description="Bigger.") == "update"
    await work_off(knowledge, dispatched)
    assert await publish(scope, embedder="minilm", chunk={"size": 100, "overlap": 0}) == "update"
    # The other embedder's index is built beside the one that is searched.
    [collection] = (await shelves.collections(scope))[0]
    assert (collection.embedder_name, collection.documents, collection.chunks) == ("hashing", 1, 3)

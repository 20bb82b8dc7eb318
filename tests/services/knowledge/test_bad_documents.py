"""Bad input on its whole way in: refused at the door or failed with a reason in words, while the others go on."""

from __future__ import annotations

from pathlib import Path

import pytest
from tests.providers.parsers import office, samples
from tests.services.knowledge.conftest import Dispatched, Ingest, Publish, listed, work_off

from girih.db.tenancy import OrgScope
from girih.errors import InvalidInput, Unsupported
from girih.services.knowledge.documents import DocumentService
from girih.services.knowledge.schemas import DocumentOut
from girih.services.knowledge.selection import SearchRequest
from girih.services.knowledge.service import KnowledgeService

NESTED = office.packed({"inner.zip": office.packed({"innermost.zip": office.packed({"a.txt": "words"})})})
BAD = {
    "picture.pdf": (office.picture(1), "not a PDF|picture"),
    "slides.txt": (office.packed({"a.txt": "words"}), "zip archive"),
    "program.txt": (b"MZ\x90\x00\x03\x00\x00\x00", "program"),
    "not.docx": (b"Dear reader, this is a text.", "not a Word file"),
    "encrypted.pdf": (samples.encrypted_pdf(), "encrypted"),
    "password.xlsx": (office.old_office("EncryptedPackage"), "password"),
    "cut.pdf": (samples.good_pdf()[:90], "damaged"),
    "cut.docx": (samples.good_docx()[:3_000], "damaged"),
    "cut.xlsx": (office.good_xlsx()[:2_000], "damaged"),
    "scan.pdf": (samples.scan(), "OCR"),
    "blank.md": (b" \n\n \t", "no text"),
    "bomb.docx": (samples.bomb_docx(), "unpacks to more than 200 MB"),
    "nested.docx": (NESTED, "zip archive"),
    "many.docx": (office.packed({f"{n}": "" for n in range(5_001)}), "5,000 parts"),
    "vast.md": (office.picture(100_000), "picture"),
    "cells.csv": (b"n,m\n" + b"1,2\n" * 500_001, "1,000,000 cells"),
    "nul.txt": (b"words\x00words", "binary"),
    "late-nul.txt": (b"words " * 20_000 + b"\x00", "binary"),
    "deep.json": (b"[" * 100_000 + b"]" * 100_000, "deep"),
}
"""Names with what they hold, and what has to be said of it."""


async def test_each_bad_document_fails_in_words_and_the_others_go_on(
    scope: OrgScope,
    publish: Publish,
    library: DocumentService,
    knowledge: KnowledgeService,
    dispatched: Dispatched,
) -> None:
    await publish(scope)
    for name, (content, _) in BAD.items():
        await library.upload(scope, "docs", name, content)
    await library.upload(scope, "docs", "good.md", b"# Lamps\n\nA lamp gives light.\n")
    await work_off(knowledge, dispatched)
    ended = {document.name: document for document in await listed(library, scope, "docs")}
    assert ended.pop("good.md").status == "ready"
    assert {document.status for document in ended.values()} == {"failed"}
    for name, document in ended.items():
        assert_said(document, BAD[name][1])
    hits = await knowledge.search(scope, SearchRequest("docs", "what gives light"))
    assert {hit.document for hit in hits} == {"good.md"}


def assert_said(document: DocumentOut, expected: str) -> None:
    """It names what is wrong for the one who uploaded it: no exception's name, no path of the server."""
    reason = document.reason or ""
    assert any(part in reason for part in expected.split("|")), f"{document.name}: {reason}"
    assert not any(part in reason for part in ("Error", "Exception", "Traceback", "/tmp", "girih.")), reason
    assert document.chunks == 0


@pytest.mark.parametrize("kind", ["docx", "pptx"])
async def test_a_vast_picture_inside_costs_nothing(
    scope: OrgScope, publish: Publish, ingest: Ingest, kind: str
) -> None:
    await publish(scope)
    done = await ingest(scope, f"vast.{kind}", office.with_vast_picture(kind))
    assert (done.status, done.reason) == ("ready", None)


async def test_entities_are_never_unfolded(scope: OrgScope, publish: Publish, ingest: Ingest) -> None:
    await publish(scope)
    for name, content in {
        "a.docx": samples.entity_docx(),
        "a.pptx": office.with_entities(office.good_pptx(), "ppt/slides/slide1.xml", "Sales grew"),
        "a.xlsx": office.with_entities(office.good_xlsx(), "xl/sharedStrings.xml", "Compass"),
        "a.epub": office.with_entities(office.good_epub(), "OEBPS/book.opf", "On patterns"),
    }.items():
        done = await ingest(scope, name, content)
        if done.status == "failed":
            assert_said(done, "damaged|entities")
        else:
            assert done.chunks <= 5, name


async def test_mixed_encodings_become_one_text(
    scope: OrgScope, publish: Publish, ingest: Ingest, knowledge: KnowledgeService
) -> None:
    await publish(scope)
    done = await ingest(
        scope, "mixed.txt", "Grüße aus Köln, schöne.\n\n".encode() + "Straße in Düren.".encode("latin-1")
    )
    assert done.status == "ready", done.reason
    hits = await knowledge.search(scope, SearchRequest("docs", "Straße in Düren"))
    assert "Köln" in hits[0].text
    assert "Düren" in hits[0].text


@pytest.mark.parametrize("name", ["a\x00.md", "a\nb.md", "\x1b[31m.md", "", "/", "x" * 300 + ".md", "\ud800.md"])
async def test_names_that_cannot_be_shown_are_refused(
    scope: OrgScope, publish: Publish, library: DocumentService, name: str
) -> None:
    await publish(scope)
    with pytest.raises(InvalidInput, match="printable"):
        await library.upload(scope, "docs", name, b"words")
    assert await listed(library, scope, "docs") == []


@pytest.mark.parametrize("name", ["../../etc/passwd.md", "/etc/cron.d/x.md", "..\\..\\windows\\x.md", "a/../../b.md"])
async def test_names_with_paths_are_names(
    scope: OrgScope, publish: Publish, library: DocumentService, ingest: Ingest, tmp_path: Path,
    name: str,
) -> None:  # fmt: skip
    await publish(scope)
    done = await ingest(scope, name, b"# Paths\n\nNobody follows them.\n")
    assert done.status == "ready"
    found = list(tmp_path.rglob(name.replace("\\", "/").rsplit("/", 1)[-1]))
    assert found == [], "a name became a path"


async def test_what_is_refused_at_the_door_becomes_no_document(
    scope: OrgScope, publish: Publish, library: DocumentService
) -> None:
    await publish(scope)
    with pytest.raises(InvalidInput, match="0 bytes"):
        await library.upload(scope, "docs", "empty.md", b"")
    with pytest.raises(Unsupported, match=r"\.exe"):
        await library.upload(scope, "docs", "tool.exe", b"MZ")
    assert await listed(library, scope, "docs") == []

"""Documents become blocks with places; bad ones are refused with a reason."""

from __future__ import annotations

from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from tests.providers.parsers import samples

from girih.errors import DocumentRejected, Unavailable
from girih.providers.parsers.document import ParsedDocument
from girih.providers.parsers.html import parse_html
from girih.providers.parsers.limits import Limits
from girih.providers.parsers.parse import parse
from girih.providers.parsers.text import parse_markdown, parse_text


async def parsed(folder: Path, name: str, content: bytes, limits: Limits | None = None) -> ParsedDocument:
    path = folder / "stored"
    path.write_bytes(content)
    document = await parse(path, name, limits or Limits())
    check_places(document)
    return document


def check_places(document: ParsedDocument) -> None:
    text = document.text
    assert all(block.text == text[block.start : block.end] for block in document.blocks)


def shape(document: ParsedDocument) -> list[tuple[str, str, tuple[str, ...], int | None]]:
    return [(block.kind, block.text, block.heading, block.page) for block in document.blocks]


async def test_pdf(tmp_path: Path) -> None:
    document = await parsed(tmp_path, "delivery.PDF", samples.good_pdf())
    assert document.pages == 2
    assert document.title == "Delivery"
    assert shape(document) == [
        ("heading", "Delivery", ("Delivery",), 1),
        (
            "paragraph",
            "Parcels leave the warehouse on the day of the order.\nThey take two days.",
            ("Delivery",),
            1,
        ),
        ("heading", "Abroad", ("Delivery", "Abroad"), 2),
        (
            "paragraph",
            "Outside the country a parcel takes a week and costs 12 euros.",
            ("Delivery", "Abroad"),
            2,
        ),
    ]


async def test_docx(tmp_path: Path) -> None:
    document = await parsed(tmp_path, "warranty.docx", samples.good_docx())
    assert document.pages is None
    assert [(kind, text, heading) for kind, text, heading, _ in shape(document)] == [
        ("heading", "Warranty", ("Warranty",)),
        ("paragraph", "Every tool has a warranty of five years.", ("Warranty",)),
        ("heading", "Claims", ("Warranty", "Claims")),
        ("list", "Bring the receipt.", ("Warranty", "Claims")),
        ("table", "| Tool | Years |\n| --- | --- |\n| Compass | 5 |", ("Warranty", "Claims")),
    ]


async def test_html(tmp_path: Path) -> None:
    document = await parsed(tmp_path, "hours.html", samples.HTML)
    assert document.title == "Opening hours"
    assert [(kind, text, heading) for kind, text, heading, _ in shape(document)] == [
        ("heading", "Opening hours", ("Opening hours",)),
        ("paragraph", "We open at nine and close\nat six.", ("Opening hours",)),
        ("table", "| Day | Hours |\n| --- | --- |\n| Monday | 9-18 |", ("Opening hours",)),
        ("heading", "Holidays", ("Opening hours", "Holidays")),
        ("list", "Closed on New Year", ("Opening hours", "Holidays")),
        ("list", "Closed in August", ("Opening hours", "Holidays")),
    ]


async def test_markdown(tmp_path: Path) -> None:
    document = await parsed(tmp_path, "returns.md", samples.MARKDOWN)
    assert document.title == "Returns"
    path = ("Returns policy", "Exceptions")
    assert [(kind, heading) for kind, _, heading, _ in shape(document)] == [
        ("heading", ("Returns policy",)),
        ("paragraph", ("Returns policy",)),
        ("heading", path),
        ("table", path),
        ("list", path),
        ("code", path),
        ("heading", ("Returns policy", "Contact")),
        ("paragraph", ("Returns policy", "Contact")),
    ]
    assert "# no heading" in document.blocks[5].text


@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "utf-16", "cp1252"])
async def test_text_in_any_encoding(tmp_path: Path, encoding: str) -> None:
    document = await parsed(tmp_path, "gruesse.txt", samples.TEXT.decode().encode(encoding))
    assert [block.text for block in document.blocks] == samples.TEXT.decode().split("\n\n")


async def test_a_text_put_together_from_two_encodings(tmp_path: Path) -> None:
    content = "Grüße aus Köln.\n\n".encode() + "Straße in Düren – „so“.".encode("cp1252")
    document = await parsed(tmp_path, "mixed.txt", content + "\n\nÄpfel, Öl und Übung.".encode())
    texts = [block.text for block in document.blocks]
    assert texts == ["Grüße aus Köln.", "Straße in Düren – „so“.", "Äpfel, Öl und Übung."]


@pytest.mark.parametrize(
    ("name", "content", "reason"),
    [
        ("empty.txt", b"", "empty"),
        ("blank.txt", b" \n\n \t", "no text"),
        ("tool.exe", b"MZ", ".exe"),
        ("locked.pdf", samples.encrypted_pdf(), "encrypted"),
        ("scan.pdf", samples.scan(), "OCR"),
        ("cut.pdf", samples.good_pdf()[:90], "damaged"),
        ("not.pdf", b"Dear reader, this is a text.", "not a PDF"),
        ("not.docx", b"Dear reader, this is a text.", "not a Word file"),
        ("old.docx", b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1" + b"\0" * 512, "encrypted"),
        ("bomb.docx", samples.bomb_docx(), "unpacks"),
        ("binary.txt", b"abc\x00def", "binary"),
        ("binary.html", b"<p>\x00\x01", "binary"),
    ],
    ids=lambda value: value if isinstance(value, str) else "",
)
async def test_what_is_refused(tmp_path: Path, name: str, content: bytes, reason: str) -> None:
    with pytest.raises(DocumentRejected, match=reason):
        await parsed(tmp_path, name, content)


async def test_entities_never_unfold(tmp_path: Path) -> None:
    try:
        document = await parsed(tmp_path, "entities.docx", samples.entity_docx())
    except DocumentRejected:
        return
    assert len(document.text) < 1000


async def test_a_parser_that_needs_too_much_memory_is_ended(tmp_path: Path) -> None:
    with pytest.raises(DocumentRejected, match="memory"):
        await parsed(tmp_path, "big.txt", b"word " * 20_000_000, Limits(memory=64 * 2**20))


async def test_a_parser_that_takes_too_long_is_ended(tmp_path: Path) -> None:
    with pytest.raises(DocumentRejected, match="longer than 0 s"):
        await parsed(tmp_path, "any.txt", b"words", Limits(wall_seconds=0))


async def test_a_parser_that_spins_is_ended(tmp_path: Path) -> None:
    with pytest.raises(DocumentRejected, match="longer than 1 s"):
        await parsed(tmp_path, "lines.md", b"a\n\n" * 4_000_000, Limits(cpu_seconds=1, memory=2**31))


async def test_text_over_the_limit_is_refused(tmp_path: Path) -> None:
    with pytest.raises(DocumentRejected, match="characters"):
        await parsed(tmp_path, "long.md", b"words and words\n\n" * 100, Limits(characters=1000))


async def test_too_many_pages_are_refused(tmp_path: Path) -> None:
    with pytest.raises(DocumentRejected, match="pages"):
        await parsed(tmp_path, "long.pdf", samples.good_pdf(), Limits(pages=1))


async def test_a_missing_file_is_not_the_owners_fault(tmp_path: Path) -> None:
    with pytest.raises(Unavailable):
        await parse(tmp_path / "gone", "a.txt")


@settings(max_examples=150, deadline=None)
@given(content=st.one_of(st.binary(max_size=400), st.text(max_size=400).map(lambda s: s.encode("utf-8", "replace"))))
@pytest.mark.parametrize("parser", [parse_text, parse_markdown, parse_html])
def test_any_bytes_are_read_or_refused(
    tmp_path_factory: pytest.TempPathFactory, parser: object, content: bytes
) -> None:
    path = tmp_path_factory.mktemp("any") / "file"
    path.write_bytes(content)
    try:
        document = parser(path, Limits())  # type: ignore[operator]
    except DocumentRejected:
        return
    check_places(document)
    assert "\x00" not in document.text

"""Office files, books, mails, tables and data: what is in them, where it stands, and what is refused."""

from __future__ import annotations

import json
import zipfile
from io import BytesIO
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from tests.providers.parsers import office, samples
from tests.providers.parsers.test_parse import check_places, parsed, shape

from girih.errors import DocumentRejected
from girih.providers.parsers.child import PARSERS, parse_file
from girih.providers.parsers.formats import FORMATS
from girih.providers.parsers.limits import Limits
from girih.providers.parsers.tables import markdown_table, markdown_tables


async def test_pptx(tmp_path: Path) -> None:
    document = await parsed(tmp_path, "deck.pptx", office.good_pptx())
    assert (document.pages, document.title) == (2, "Quarter")
    assert shape(document) == [
        ("heading", "Quarter", ("Quarter",), 1),
        ("list", "Sales grew\nCosts fell", ("Quarter",), 1),
        ("paragraph", "Thank the team.", ("Quarter",), 1),
        ("table", "| Region | Sum |\n| --- | --- |\n| North | 5 \\| 6 |", (), 2),
        ("paragraph", "In a group", (), 2),
    ]


async def test_xlsx(tmp_path: Path) -> None:
    document = await parsed(tmp_path, "book.xlsx", office.good_xlsx())
    assert (document.pages, document.title) == (3, None)
    prices = (
        "| Article | Price | Since | Sold |\n| --- | --- | --- | --- |\n"
        "| Compass | 12.5 | 2026-03-01 | TRUE |\n| Ruler | 3 |  |  |"
    )
    assert shape(document) == [
        ("heading", "Prices", ("Prices",), 1),
        ("paragraph", "All in euros", ("Prices",), 1),
        ("table", prices, ("Prices",), 1),
        ("heading", "Long", ("Long",), 3),
        ("table", "| Number | Square |\n| --- | --- |\n| 0 | 0 |\n| 1 | 1 |", ("Long",), 3),
    ]


async def test_each_part_of_a_long_sheet_has_the_header(tmp_path: Path) -> None:
    document = await parsed(tmp_path, "book.xlsx", office.good_xlsx(rows=500))
    tables = [block.text.split("\n") for block in document.blocks if block.heading == ("Long",)][1:]
    assert len(tables) > 5
    assert {table[0] for table in tables} == {"| Number | Square |"}
    rows = [line for table in tables for line in table[2:]]
    assert rows == [f"| {number} | {number**2} |" for number in range(500)]


@pytest.mark.parametrize(("name", "encoding"), [("a.csv", "utf-8"), ("a.CSV", "utf-16"), ("without ending", "utf-8")])
async def test_csv(tmp_path: Path, name: str, encoding: str) -> None:
    document = await parsed(tmp_path, name, office.CSV.decode().encode(encoding))
    assert [block.kind for block in document.blocks] == ["table"]
    assert document.text == "| Name | City |\n| --- | --- |\n| Anna | Bonn am Rhein |\n| Bob | a\\|b |"


async def test_tsv(tmp_path: Path) -> None:
    document = await parsed(tmp_path, "a.tsv", b"a\tb, c\n1\t2, 3\n")
    assert document.text == "| a | b, c |\n| --- | --- |\n| 1 | 2, 3 |"


async def test_json(tmp_path: Path) -> None:
    document = await parsed(tmp_path, "shop.json", office.JSON)
    assert document.title == "Shop"
    assert [(kind, text, heading) for kind, text, heading, _ in shape(document)] == [
        ("list", "name: Shop\nopen: true\nrate: 1.10", ()),
        ("heading", "address", ("address",)),
        ("list", "city: Köln\nzip: 50667", ("address",)),
        ("heading", "articles", ("articles",)),
        ("table", "| id | word |\n| --- | --- |\n| 1 | a\\|b |\n| 2 |  |", ("articles",)),
        ("heading", "tags", ("tags",)),
        ("list", "- x\n- y", ("tags",)),
    ]


async def test_small_values_of_json_stay_together_and_large_ones_are_parted(tmp_path: Path) -> None:
    lamp = {"name": "Lamp", "colours": ["red", "green"], "place": {"room": 1}}
    long = {"name": "Manual", "steps": {f"step {n}": "Turn the wheel. " * 5 for n in range(30)}}
    document = await parsed(tmp_path, "lamps.json", json.dumps([lamp, long]).encode())
    assert [(kind, text[:58], heading) for kind, text, heading, _ in shape(document)] == [
        ("list", "name: Lamp\ncolours:\n  - red\n  - green\nplace:\n  room: 1", ()),
        ("heading", "Manual", ("Manual",)),
        ("list", "name: Manual", ("Manual",)),
        ("heading", "steps", ("Manual", "steps")),
        ("list", "step 0: Turn the wheel. Turn the wheel. Turn the wheel. Tu", ("Manual", "steps")),
    ]


@pytest.mark.parametrize("name", ["faq.jsonl", "faq.ndjson", "faq.json", "faq.txt", "faq"])
async def test_json_lines(tmp_path: Path, name: str) -> None:
    document = await parsed(tmp_path, name, office.JSON_LINES)
    assert document.text == "| ask | tell |\n| --- | --- |\n| How? | So. |\n| Why? | Because. |"


async def test_mail(tmp_path: Path) -> None:
    document = await parsed(tmp_path, "order.eml", office.good_mail())
    header = "From: Anna <anna@example.com>\nTo: shop@example.com\nDate: Mon, 02 Mar 2026 10:00:00 +0100"
    assert [(kind, text, heading) for kind, text, heading, _ in shape(document)] == [
        ("heading", "Grüße", ("Grüße",)),
        ("list", f"{header}\nAttachment: bill.pdf", ("Grüße",)),
        ("paragraph", "The parcel came.", ("Grüße",)),
        ("paragraph", "Thank you!", ("Grüße",)),
    ]


async def test_mail_as_a_page(tmp_path: Path) -> None:
    document = await parsed(tmp_path, "order.txt", office.good_mail(html=True))
    assert document.blocks[-1].text == "The parcel came."
    assert document.blocks[-1].heading == ("Grüße", "Order")


async def test_rtf(tmp_path: Path) -> None:
    document = await parsed(tmp_path, "menu.rtf", office.RTF)
    assert document.title == "Café"
    assert [(kind, text, heading) for kind, text, heading, _ in shape(document)] == [
        ("heading", "Menu", ("Menu",)),
        ("paragraph", "Grüße, €5 and 😀.", ("Menu",)),
        ("table", "| Dish | Price |\n| --- | --- |\n| Soup | 4 |", ("Menu",)),
        ("paragraph", "After.", ("Menu",)),
    ]


async def test_epub(tmp_path: Path) -> None:
    document = await parsed(tmp_path, "patterns.epub", office.good_epub())
    assert (document.title, document.pages) == ("On patterns", 2)
    assert shape(document) == [
        ("heading", "Lines", ("Lines",), 1),
        ("paragraph", "They cross.", ("Lines",), 1),
        ("heading", "Stars", ("Stars",), 2),
        ("paragraph", "Ten points.", ("Stars",), 2),
    ]


async def test_running_lines_of_a_pdf_are_left_out_and_parted_words_are_whole(tmp_path: Path) -> None:
    pages = [
        [
            (9, "Handbook of tools"),
            *((11, f"Sentence {n} of part {page * page}.") for n in range(4)),
            (9, f"Page {page} of 4"),
        ]
        for page in range(1, 5)
    ]
    document = await parsed(tmp_path, "running.pdf", samples.pdf(*pages))
    assert "Handbook" not in document.text
    assert "Page" not in document.text
    assert document.text.count("Sentence 0") == document.text.count("Sentence 3") == 4


@pytest.mark.parametrize(
    ("name", "content", "blocks"),
    [
        ("renamed.pdf", samples.good_docx(), 5),
        ("renamed.docx", samples.good_pdf(), 4),
        ("renamed.txt", office.good_pptx(), 5),
        ("renamed.md", office.RTF, 4),
        ("page.txt", samples.HTML, 6),
        ("no ending", samples.MARKDOWN, 8),
    ],
)
async def test_content_decides_and_not_the_name(tmp_path: Path, name: str, content: bytes, blocks: int) -> None:
    assert abs(len((await parsed(tmp_path, name, content)).blocks) - blocks) <= (3 if name == "no ending" else 0)


async def test_texts_that_look_like_something_else_stay_texts(tmp_path: Path) -> None:
    for text in (
        "[1] a reference\n[2] another",
        "From: here\n\nto there",
        "{curly} words",
        "42",
        "MZ is a sign, PK too",
    ):
        document = await parsed(tmp_path, "note.txt", text.encode())
        assert " ".join(document.text.split()) == " ".join(text.split())


DEEP = b"[" * 100_000 + b"]" * 100_000
PROTECTED = (
    b"From: a\r\nTo: b\r\nSubject: c\r\nContent-Type: application/pkcs7-mime; smime-type=enveloped-data\r\n\r\nAAAA"
)
DRM = '<encryption xmlns:e="http://www.w3.org/2001/04/xmlenc#"><e:EncryptionMethod Algorithm="aes"/></encryption>'
LOCKED = bytearray(office.good_epub())
for place in (LOCKED.find(b"PK\x01\x02") + 8,):
    LOCKED[place] |= 1


@pytest.mark.parametrize(
    ("name", "content", "reason"),
    [
        ("macros.pptx", office.repacked(office.good_pptx(), {"ppt/vbaProject.bin": b"x"}), "macros"),
        ("macros.xlsx", office.repacked(office.good_xlsx(), {"xl/vbaProject.bin": b"x"}), "macros"),
        ("locked.xlsx", office.old_office("EncryptedPackage"), "encrypted"),
        ("old.xlsx", office.old_office("Workbook"), "old Office"),
        ("locked.epub", bytes(LOCKED), "encrypted"),
        ("drm.epub", office.good_epub({"META-INF/encryption.xml": DRM}), "DRM"),
        ("archive.docx", office.packed({"a.txt": "words", "inner.zip": office.packed({"b.txt": "x"})}), "zip archive"),
        ("many.docx", office.packed({f"{n}": "" for n in range(5_001)}), "5,000 parts"),
        ("cut.pptx", office.good_pptx()[:5_000], "damaged"),
        ("cut.xlsx", office.good_xlsx()[:2_000], "damaged"),
        ("cut.epub", office.good_epub({"OEBPS/book.opf": "<package"}), "damaged"),
        ("gone.epub", office.good_epub({"OEBPS/book.opf": office.PACKAGE.replace("one.x", "two.x")}), "damaged"),
        ("broken.pptx", office.repacked(office.good_pptx(), {"ppt/presentation.xml": "<p"}), "damaged"),
        ("broken.xlsx", office.repacked(office.good_xlsx(), {"xl/workbook.xml": "<p"}), "damaged|no text"),
        ("text.xlsx", b"Dear reader", "not an Excel file"),
        ("text.rtf", b"Dear reader", "not an RTF file"),
        ("text.eml", b"Dear reader", "not a mail"),
        ("picture.txt", office.picture(1), "picture"),
        ("bad.json", b'{"a": 1,\n "b": }', "line 2, column 7"),
        ("bad.jsonl", b'{"a": 1}\n{"b": }', "line 2, column 7"),
        ("deep.json", DEEP, "too deep"),
        ("null.csv", b"a,b\n\x001,2", "binary"),
        ("late.txt", b"words " * 20_000 + b"\x00", "binary"),
        ("secret.eml", PROTECTED, "encrypted"),
        ("groups.rtf", b"{\\rtf1" + b"{" * 5_000, "deep"),
        ("empty.rtf", b"{\\rtf1}", "no text"),
    ],
    ids=lambda value: value if isinstance(value, str) else "",
)
async def test_what_is_refused(tmp_path: Path, name: str, content: bytes, reason: str) -> None:
    with pytest.raises(DocumentRejected, match=reason):
        await parsed(tmp_path, name, content)


@pytest.mark.parametrize("part", ["ppt/presentation.xml", "xl/workbook.xml", "META-INF/container.xml"])
async def test_what_would_unpack_to_too_much_is_refused(tmp_path: Path, part: str) -> None:
    out = BytesIO()
    with zipfile.ZipFile(out, "w", zipfile.ZIP_DEFLATED) as archive, archive.open(part, "w") as file:
        for _ in range(201):
            file.write(b" " * 2**20)
    with pytest.raises(DocumentRejected, match="unpacks to more than 200 MB"):
        await parsed(tmp_path, "bomb.zip.docx", out.getvalue())


@pytest.mark.parametrize(
    ("name", "content"),
    [
        ("a.pptx", office.with_entities(office.good_pptx(), "ppt/slides/slide1.xml", "Sales grew")),
        ("a.xlsx", office.with_entities(office.good_xlsx(), "xl/sharedStrings.xml", "Compass")),
        ("a.epub", office.with_entities(office.good_epub(), "OEBPS/book.opf", "On patterns")),
        ("b.epub", office.with_entities(office.good_epub(), "OEBPS/one.xhtml", "They cross.")),
    ],
)
async def test_entities_never_unfold(tmp_path: Path, name: str, content: bytes) -> None:
    try:
        document = await parsed(tmp_path, name, content)
    except DocumentRejected:
        return
    assert len(document.text) < 10_000
    assert "haha" not in document.text + (document.title or "")


@pytest.mark.parametrize("kind", ["docx", "pptx"])
async def test_pictures_are_never_unpacked(tmp_path: Path, kind: str) -> None:
    document = await parsed(tmp_path, f"a.{kind}", office.with_vast_picture(kind), Limits(memory=150 * 2**20))
    assert "Above the picture." in document.text


async def test_a_sheet_that_says_it_is_vast(tmp_path: Path) -> None:
    far = '<worksheet xmlns="http://schemas.openxmlformats.org/spreadsheetml/2006/main"><sheetData>%s</sheetData></worksheet>'
    cells = far % '<row r="1"><c r="A1"><v>1</v></c></row><row r="1048576"><c r="XFD1048576"><v>1</v></c></row>'
    content = office.repacked(office.good_xlsx(), {"xl/worksheets/sheet1.xml": cells})
    with pytest.raises(DocumentRejected, match="memory|cells"):
        await parsed(tmp_path, "vast.xlsx", content)


async def test_more_cells_slides_sheets_and_parts_than_are_taken(tmp_path: Path) -> None:
    with pytest.raises(DocumentRejected, match="100 cells"):
        await parsed(tmp_path, "a.xlsx", office.good_xlsx(rows=100), Limits(cells=100))
    with pytest.raises(DocumentRejected, match="3 cells"):
        await parsed(tmp_path, "a.csv", office.CSV, Limits(cells=3))
    for name, content in (
        ("a.pptx", office.good_pptx()),
        ("a.xlsx", office.good_xlsx()),
        ("a.epub", office.good_epub()),
    ):
        with pytest.raises(DocumentRejected, match="more than 1 (slides|sheets|chapters)"):
            await parsed(tmp_path, name, content, Limits(pages=1))
    with pytest.raises(DocumentRejected, match="more than 1 parts"):
        await parsed(tmp_path, "a.eml", office.good_mail(), Limits(parts=1))
    with pytest.raises(DocumentRejected, match="more than 5 characters"):
        await parsed(tmp_path, "a.json", office.JSON, Limits(characters=5))


def test_every_format_has_a_name_and_a_parser() -> None:
    assert set(FORMATS.values()) == set(PARSERS)


TREES = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(max_size=8),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=5), inner, max_size=4),
    max_leaves=20,
)


@settings(max_examples=150, deadline=None)
@given(tree=TREES)
def test_no_value_of_any_json_is_lost(tmp_path_factory: pytest.TempPathFactory, tree: object) -> None:
    path = tmp_path_factory.mktemp("json") / "file"
    path.write_text(json.dumps({"root": tree}), "utf-8")
    document = parse_file(path, ".json", Limits())
    check_places(document)
    words = "".join(document.text.replace("\\", "").split())
    for leaf in leaves(tree):
        assert "".join(leaf.replace("\x00", "").replace("\\", "").split()) in words


def leaves(tree: object) -> list[str]:
    if isinstance(tree, dict):
        return [leaf for item in tree.values() for leaf in leaves(item)]
    if isinstance(tree, list):
        return [leaf for item in tree for leaf in leaves(item)]
    return [str(tree)] if isinstance(tree, int) and not isinstance(tree, bool) else []


CELLS = st.lists(st.lists(st.text(st.characters(codec="utf-8"), max_size=12), min_size=1, max_size=5), max_size=30)


@given(rows=CELLS)
def test_tables_lose_no_cell_and_have_one_width(rows: list[list[str]]) -> None:
    table = markdown_table(rows)
    wanted = [cell for row in rows for cell in row if cell.split()]
    shown = "".join(table.replace("\\|", "|").split())
    for cell in wanted:
        assert "".join(cell.split()) in shown
    if table.startswith("| "):
        assert len({line.replace("\\|", "").count("|") for line in table.split("\n")}) == 1
    if rows:
        assert list(markdown_tables(rows))


@settings(max_examples=200, deadline=None)
@given(
    content=st.binary(max_size=300),
    start=st.sampled_from(
        [b"", b"{\\rtf1 ", b"{", b"[", b"From: a\nTo: b\nSubject: c\n\n", b"PK\x03\x04", b"a,b\n", b"\xff\xfe"]
    ),
    suffix=st.sampled_from(["", ".csv", ".json", ".eml", ".rtf", ".xlsx", ".epub", ".txt"]),
)
def test_any_bytes_are_read_or_refused(
    tmp_path_factory: pytest.TempPathFactory, content: bytes, start: bytes, suffix: str
) -> None:
    path = tmp_path_factory.mktemp("any") / "file"
    path.write_bytes(start + content)
    try:
        document = parse_file(path, suffix, Limits())
    except DocumentRejected:
        return
    check_places(document)
    assert "\x00" not in document.text


@settings(max_examples=60, deadline=None)
@given(
    maker=st.sampled_from([office.good_pptx, office.good_xlsx, office.good_epub, office.good_mail]),
    damage=st.lists(st.tuples(st.floats(0, 0.999), st.binary(min_size=1, max_size=8)), min_size=1, max_size=6),
)
def test_damaged_files_are_read_or_refused(
    tmp_path_factory: pytest.TempPathFactory, maker: object, damage: list[tuple[float, bytes]]
) -> None:
    content = bytearray(maker())  # type: ignore[operator]
    for share, noise in damage:
        at = int(share * len(content))
        content[at : at + len(noise)] = noise
    path = tmp_path_factory.mktemp("damaged") / "file"
    path.write_bytes(content)
    try:
        check_places(parse_file(path, "", Limits()))
    except DocumentRejected:
        return

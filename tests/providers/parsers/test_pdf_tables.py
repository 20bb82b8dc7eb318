"""Tables of PDFs are kept whole with their pages, and what is none stays a text."""

from __future__ import annotations

from collections import defaultdict
from pathlib import Path

import pytest
from tests.providers.parsers import samples, tabular
from tests.providers.parsers.test_parse import parsed

from girih.providers.parsers import pdf_tables
from girih.providers.parsers.document import ParsedDocument
from girih.providers.parsers.limits import Limits
from girih.providers.parsers.pdf import parse_pdf
from girih.providers.parsers.pdf_lines import Line, whole_words

REPEATED = {"merged cells", "three pages, header on each", "three pages, one header"}
"""Samples whose headers, or cells over several rows, are said again where they count."""


def read(folder: Path, content: bytes) -> ParsedDocument:
    """Parsed in this process, as the child would."""
    path = folder / "stored.pdf"
    path.write_bytes(content)
    return parse_pdf(path, Limits())


def rows_of(document: ParsedDocument) -> list[tuple[int, tabular.Rows]]:
    """The tables of each page; of the parts of a long one the header once."""
    pages: dict[int, tabular.Rows] = defaultdict(list)
    for block in document.blocks:
        if block.kind == "table":
            assert block.page is not None
            header, ruler, *body = ([cell.strip() for cell in line[1:-1].split("|")] for line in block.text.split("\n"))
            assert set(ruler) == {"---"}
            pages[block.page] += [*([] if header in pages[block.page] else [header]), *body]
    return sorted(pages.items())


@pytest.mark.parametrize("name", tabular.SAMPLES)
def test_tables_and_what_is_none(tmp_path: Path, name: str) -> None:
    sample = tabular.SAMPLES[name]()
    assert rows_of(read(tmp_path, sample.content)) == sample.tables


async def test_a_table_stands_between_its_paragraphs_with_page_and_offsets(tmp_path: Path) -> None:
    document = await parsed(tmp_path, "prices.pdf", tabular.bordered("ALL").content)
    assert [(block.kind, block.page) for block in document.blocks] == [
        ("paragraph", 1),
        ("table", 1),
        ("paragraph", 1),
    ]
    assert document.blocks[1].text == (
        "| Artikel | Menge | Preis in Euro |\n| --- | --- | --- |\n| Zirkel | 12 | 1.234,50 |\n"
        "| Winkelmesser | 3 | 7,95 |\n| Lineal (30 cm) | 144 | 0,80 |\n| Storchschnabel | 1 | -1.000,00 |"
    )
    assert document.blocks[0].text.replace("\n", " ") == tabular.prose(60)


@pytest.mark.parametrize("name", tabular.SAMPLES)
def test_nothing_is_lost_or_said_twice(tmp_path: Path, name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    content = tabular.SAMPLES[name]().content
    found = read(tmp_path, content).text.replace("| ", "").replace(" |", "").replace("--- ", "").replace("---", "")
    monkeypatch.setattr(pdf_tables, "_MOST_STEPS", 0)
    plain = read(tmp_path, content).text
    if name in REPEATED:
        assert set(plain.split()) <= set(found.split())
    else:
        assert sorted("".join(plain.split())) == sorted("".join(found.split()))


def test_a_table_that_is_drawn_of_too_much_stays_lines(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(pdf_tables, "_MOST_WORDS", 10)
    document = read(tmp_path, tabular.bordered("ALL").content)
    assert {block.kind for block in document.blocks} == {"paragraph"}
    assert "Zirkel 12 1.234,50" in document.text


def test_looking_for_tables_ends_when_it_has_cost_enough(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(pdf_tables, "_MOST_STEPS", 1500)
    document = read(tmp_path, tabular.long(headings=True).content)
    kinds = {block.page: block.kind for block in document.blocks}
    assert kinds == {1: "table", 2: "paragraph", 3: "paragraph"}


def page(drawn: str) -> bytes:
    """A PDF of one page that shows a line, and what else is drawn on it."""
    return samples.pdf([(11, "A line.")], drawn=drawn)


ROWS = "".join(
    f"BT /F1 9 Tf {50 + 90 * column} {700 - 14 * row} Td (r{row}c{column}) Tj ET\n"
    for row in range(12)
    for column in range(4)
)


@pytest.mark.parametrize(
    "drawn",
    [
        "".join(f"{n % 600} {n // 9 % 800} m {n % 600 + 50} {n // 9 % 800} l S\n" for n in range(100_000)),
        "".join(f"{n % 600} {n // 9 % 800} m {n % 600} {n // 9 % 800 + 40} l\n" for n in range(100_000)) + "S",
        "".join(f"{(n * 4) % 590} 0 m {(n * 4) % 590} 800 l S 0 {n % 840} m 590 {n % 840} l S\n" for n in range(2_000)),
        "".join(f"BT /F1 1 Tf {n % 590} {n // 590 * 2} Td (x) Tj ET\n" for n in range(40_000)),
    ],
    ids=["100,000 lines", "a path of 100,000 lines", "a fine grid", "40,000 letters apart"],
)
async def test_a_hostile_page_stays_within_the_limits(tmp_path: Path, drawn: str) -> None:
    document = await parsed(tmp_path, "hostile.pdf", page(drawn + ROWS), Limits(cpu_seconds=10))
    assert "r11c3" in document.text


def test_lines_that_go_nowhere_do_no_harm(tmp_path: Path) -> None:
    odd = "0 0 0 0 re S 10 10 m S 5 5 m h S 1e9 1e9 m -1e9 1e9 l S 50 50 m 60 60 70 70 80 50 c S 0 0 0 0 0 0 cm\n"
    grid = "".join(
        f"50 {650 + 30 * n} m 350 {650 + 30 * n} l S {50 + 100 * n} 650 m {50 + 100 * n} 740 l S\n" for n in range(4)
    )
    document = read(tmp_path, page(grid + ROWS + odd))
    assert "r0c0" in document.text


def test_a_word_that_is_parted_in_a_cell_is_whole() -> None:
    table = Line("com\ufffepass well-known", 0.0, 0.0, 1, (("com\ufffepass", "well\ufffeknown"),), (1.0, 2.0))
    known = Line("a compass that is well-known", 11.0, 0.5, 1)
    assert whole_words([table, known])[0].rows == (("compass", "well-known"),)

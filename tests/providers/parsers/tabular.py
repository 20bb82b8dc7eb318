"""PDFs with tables, and with what only looks like one, made on the spot; and the rows that a reader sees in them."""

from __future__ import annotations

import io
from collections.abc import Callable
from dataclasses import dataclass
from typing import Literal

import pypdfium2
from fpdf import FPDF
from fpdf.enums import TableBordersLayout

Rows = list[list[str]]
Layout = Literal["ALL", "NONE", "HORIZONTAL_LINES", "INTERNAL", "MINIMAL"]

PRICES: Rows = [
    ["Artikel", "Menge", "Preis in Euro"],
    ["Zirkel", "12", "1.234,50"],
    ["Winkelmesser", "3", "7,95"],
    ["Lineal (30 cm)", "144", "0,80"],
    ["Storchschnabel", "1", "-1.000,00"],
]
CITIES: Rows = [["Town", "Inhabitants", "Mayor"]] + [
    [f"Town of {name}", f"{1000 + 37 * number:,}", f"{name}a Miller"]
    for number, name in enumerate(["Ada", "Bea", "Cleo", "Dora", "Emma", "Frida", "Greta", "Hanna", "Ida", "Julia"] * 8)
]
TEXT = (
    "the parcel leaves our warehouse on the day of an order and a customer may return it within thirty days if every "
    "tool in it is complete while the warranty covers defects of material and workmanship for five years"
)


@dataclass(frozen=True)
class Sample:
    """A PDF, and its tables with their pages; None where how it is cut into rows does not matter."""

    content: bytes
    tables: list[tuple[int, Rows]]


def _document(size: int = 11, family: str = "Helvetica") -> FPDF:
    document = FPDF()
    document.add_page()
    document.set_font(family, size=size)
    return document


def _made(document: FPDF, *tables: tuple[int, Rows]) -> Sample:
    return Sample(bytes(document.output()), list(tables))


def prose(words: int, start: int = 0) -> str:
    """A text of so many words."""
    known = TEXT.split()
    return " ".join(known[(start + number * 7) % len(known)] for number in range(words)) + "."


def _table(document: FPDF, rows: Rows, layout: Layout = "ALL", *, headings: bool = True, wide: bool = False) -> None:
    align = ("LEFT", "RIGHT", "RIGHT") if rows is PRICES else "LEFT"
    with document.table(
        borders_layout=getattr(TableBordersLayout, layout),
        text_align=align,
        width=None if wide else 130,
        first_row_as_headings=headings,
        num_heading_rows=1 if headings else 0,
    ) as table:
        for row in rows:
            table.row(row)


def bordered(layout: Layout) -> Sample:
    """Prices between two paragraphs."""
    document = _document()
    document.multi_cell(0, 6, prose(60), new_x="LMARGIN", new_y="NEXT")
    document.ln(5)
    _table(document, PRICES, layout)
    document.ln(5)
    document.multi_cell(0, 6, prose(60, 3))
    return _made(document, (1, PRICES))


def wrapped() -> Sample:
    """Cells of several lines."""
    rows = [["Part", "What it is for"], ["Needle", prose(25)], ["Hinge", prose(30, 5)], ["Screw", "Holds it."]]
    document = _document()
    _table(document, rows)
    return _made(document, (1, rows))


def long(*, headings: bool) -> Sample:
    """A table over three pages, with its header on each of them or only on the first."""
    document = _document()
    _table(document, CITIES, headings=headings)
    fit = 33 if headings else 34
    first = fit if headings else fit - 1
    body = CITIES[1:]
    parts = [body[:first], *(body[at : at + fit] for at in range(first, len(body), fit))]
    return _made(document, *((number, [CITIES[0], *part]) for number, part in enumerate(parts, start=1)))


def merged() -> Sample:
    """Cells over several columns and rows."""
    document = _document()
    with document.table(width=130, text_align="CENTER", num_heading_rows=2) as table:
        for cells in (
            [("Region", 1, 2), ("Revenue", 2, 1)],
            [("2024", 1, 1), ("2025", 1, 1)],
            [("North", 1, 2), ("1,5", 1, 1), ("2,5", 1, 1)],
            [("3,5", 1, 1), ("4,5", 1, 1)],
            [("Sum", 2, 1), ("12,0", 1, 1)],
        ):
            row = table.row()
            for text, columns, rows in cells:
                row.cell(text, colspan=columns, rowspan=rows)
    return _made(
        document,
        (
            1,
            [
                ["Region", "Revenue", ""],
                ["Region", "2024", "2025"],
                ["North", "1,5", "2,5"],
                ["North", "3,5", "4,5"],
                ["Sum", "", "12,0"],
            ],
        ),
    )


def touching() -> Sample:
    """Cells that only a line parts: nothing is between their letters."""
    document = _document()
    document.text(20, 12, prose(10))
    for y in (20, 28, 36, 44):
        document.line(20, y, 20 + document.get_string_width("AB1204"), y)
    first, width = document.get_string_width("AB12"), document.get_string_width("AB1204")
    for x in (20, 20 + first, 20 + width):
        document.line(x, 20, x, 44)
    document.text(20, 25.5, "AB1204")
    document.text(20, 33.5, "CD3405")
    document.text(20, 41.5, "EF5606")
    return _made(document, (1, [["AB12", "04"], ["CD34", "05"], ["EF56", "06"]]))


def half_ruled() -> Sample:
    """A header in one box, whose cells no line parts, over cells with lines; and words on small round boxes."""
    document = _document()
    document.set_fill_color(230)
    for number in range(8):
        document.rect(30 + 17 * number, 99 + 6 * (number % 3), 12, 5, style="F", round_corners=True, corner_radius=1)
    for number in range(3):
        document.text(20, 103 + 6 * number, prose(18, number))
    for row, cells in enumerate(PRICES):
        top = 20 + 8 * row
        document.rect(20, top, 150, 8)
        for column, text in enumerate(cells):
            if row:
                document.rect(20 + 50 * column, top, 50, 8)
            document.text(22 + 50 * column, top + 5.5, text)
    return _made(document, (1, PRICES))


def turned() -> Sample:
    """A table on a page that is written from the bottom up and shown turned."""
    document = _document()
    with document.rotation(90, 105, 148):
        document.set_xy(30, 100)
        document.set_left_margin(30)
        _table(document, PRICES)
    with pypdfium2.PdfDocument(bytes(document.output())) as pdf:
        pdf[0].set_rotation(90)
        out = io.BytesIO()
        pdf.save(out)
    return Sample(out.getvalue(), [(1, PRICES)])


def columns_of_prose(*, framed: bool) -> Sample:
    """Two columns of text, in a frame with a line between them or without."""
    document = _document(10, "Times")
    if framed:
        document.rect(8, 8, 194, 281)
        document.line(8, 16, 202, 16)
        document.line(105, 16, 105, 289)
        document.text(12, 13, "The Warehouse Gazette")
        document.set_y(20)
    with document.text_columns(ncols=2, gutter=8, text_align="JUSTIFY") as columns:
        for number in range(7):
            columns.write(prose(90, number) + "\n\n")
    return _made(document)


def side_by_side() -> Sample:
    """Two columns of text whose lines are at equal heights and written from left to right."""
    document = _document(10, "Times")
    lines = [prose(11, number)[:58] for number in range(30)]
    for number, line in enumerate(lines):
        document.text(15, 20 + 5 * number, line)
        document.text(110, 20 + 5 * number, lines[-number])
    return _made(document)


def lists() -> Sample:
    """Items with marks, some over two lines."""
    document = _document()
    for number in range(1, 9):
        document.text(15, 12 * number, f"{number}." if number % 2 else "-")
        document.text(25, 12 * number, prose(5, number))
        document.text(25, 12 * number + 5, prose(8, number))
    return _made(document)


def contents() -> Sample:
    """A table of contents."""
    document = _document()
    for number in range(1, 12):
        title = f"{number}.{number} {prose(3, number)[:-1]} "
        document.text(15, 10 * number, title)
        document.text(15 + document.get_string_width(title), 10 * number, ". " * (60 - len(title)))
        document.text(180, 10 * number, str(3 * number))
    return _made(document)


def chart() -> Sample:
    """Lines of a chart with numbers at its axes."""
    document = _document()
    for step in range(8):
        document.line(40, 40 + 12 * step, 160, 40 + 12 * step)
        document.line(40 + 17 * step, 40, 40 + 17 * step, 124)
        document.text(30, 41 + 12 * step, str(80 - 10 * step))
        document.text(40 + 17 * step, 130, str(2018 + step))
    document.text(70, 61, "sales")
    return _made(document)


def code() -> Sample:
    """Code with comments that begin at one place."""
    document = _document(9, "Courier")
    for number, line in enumerate(
        ("int   count;     // how many", "char  *name;     // of the owner", "long  size;      // in bytes") * 3
    ):
        document.text(15, 20 + 5 * number, line)
    return _made(document)


def text_only(pages: int = 20) -> Sample:
    """Pages of paragraphs."""
    document = _document()
    for number in range(pages):
        if number:
            document.add_page()
        for paragraph in range(5):
            document.multi_cell(0, 6, prose(75, number + paragraph), new_x="LMARGIN", new_y="NEXT")
            document.ln(4)
    return _made(document)


SAMPLES: dict[str, Callable[[], Sample]] = {
    "all borders": lambda: bordered("ALL"),
    "inner borders": lambda: bordered("INTERNAL"),
    "level lines": lambda: bordered("HORIZONTAL_LINES"),
    "header line": lambda: bordered("MINIMAL"),
    "no lines": lambda: bordered("NONE"),
    "wrapped cells": wrapped,
    "merged cells": merged,
    "touching cells": touching,
    "half of the lines": half_ruled,
    "turned page": turned,
    "three pages, header on each": lambda: long(headings=True),
    "three pages, one header": lambda: long(headings=False),
    "two columns of prose": lambda: columns_of_prose(framed=False),
    "two columns in a frame": lambda: columns_of_prose(framed=True),
    "two columns, line by line": side_by_side,
    "lists": lists,
    "table of contents": contents,
    "chart": chart,
    "code": code,
    "text": text_only,
}

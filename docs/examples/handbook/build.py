"""Builds the example handbook in `agent_specs/handbook/` from the Markdown files beside this script.

Run it after a change of the text: `python docs/examples/handbook/build.py`. It needs `fpdf2` and `python-docx`.
"""

from __future__ import annotations

import html
import re
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Literal, NamedTuple

from docx import Document
from fpdf import FPDF

HERE = Path(__file__).parent
TARGET = HERE.parents[2] / "agent_specs" / "handbook"
WRITTEN = datetime(2026, 11, 21, tzinfo=UTC)


class Block(NamedTuple):
    """One block of the Markdown subset that the handbook is written in."""

    kind: Literal["h1", "h2", "h3", "p", "ul", "ol", "table"]
    lines: list[str]


def blocks(text: str) -> Iterator[Block]:
    """The blocks of a text: headings, paragraphs, lists and tables, parted by empty lines."""
    for part in re.split(r"\n\s*\n", text.strip()):
        lines = part.splitlines()
        if heading := re.match(r"(#{1,3}) (.*)", lines[0]):
            yield Block(("h1", "h2", "h3")[len(heading[1]) - 1], [heading[2]])
        elif lines[0].startswith("- "):
            yield Block("ul", [line[2:] for line in lines])
        elif lines[0].startswith("1. "):
            yield Block("ol", [line.split(". ", 1)[1] for line in lines])
        elif lines[0].startswith("|"):
            yield Block("table", [lines[0], *lines[2:]])
        else:
            yield Block("p", [" ".join(lines)])


def cells(row: str) -> list[str]:
    """The cells of a table's row."""
    return [cell.strip() for cell in row.strip("|").split("|")]


def to_pdf(source: Path, target: Path) -> None:
    """A5 pages with a page number; each first-level heading begins a page."""
    pdf = FPDF(format=(148, 210))
    pdf.set_creation_date(WRITTEN)
    pdf.set_title(source.stem.replace("-", " ").capitalize())
    pdf.set_auto_page_break(auto=True, margin=18)
    sizes = {"h1": 17, "h2": 13, "h3": 11.5}
    for block in blocks(source.read_text()):
        if block.kind == "h1":
            pdf.add_page()
        if block.kind in sizes:
            pdf.set_font("helvetica", "B", sizes[block.kind])
            pdf.ln(2)
            pdf.multi_cell(0, 7, block.lines[0], new_x="LMARGIN", new_y="NEXT")
            pdf.ln(1)
        elif block.kind == "table":
            pdf.set_font("helvetica", size=9)
            with pdf.table() as table:
                for line in block.lines:
                    table.row(cells(line))
            pdf.ln(3)
        else:
            pdf.set_font("helvetica", size=10.5)
            marks = [f"{i}. " for i in range(1, 99)] if block.kind == "ol" else ["- "] * 99
            for mark, line in zip(marks, block.lines, strict=False):
                text = line if block.kind == "p" else mark + line
                pdf.multi_cell(0, 5.6, text, new_x="LMARGIN", new_y="NEXT")
            pdf.ln(2.5)
    pdf.output(str(target))


def to_docx(source: Path, target: Path) -> None:
    """A document with real heading, list and table styles."""
    document = Document()
    document.core_properties.created = document.core_properties.modified = WRITTEN.replace(tzinfo=None)
    document.core_properties.title = source.stem.replace("-", " ").capitalize()
    styles = {"ul": "List Bullet", "ol": "List Number", "p": "Normal"}
    for number, block in enumerate(blocks(source.read_text())):
        if block.kind in ("h1", "h2", "h3"):
            if block.kind == "h1" and number:
                document.add_page_break()
            document.add_heading(block.lines[0], level=int(block.kind[1]))
        elif block.kind == "table":
            rows = [cells(line) for line in block.lines]
            table = document.add_table(rows=len(rows), cols=len(rows[0]), style="Table Grid")
            for i, row in enumerate(rows):
                for j, cell in enumerate(row):
                    table.cell(i, j).text = cell
        else:
            for line in block.lines:
                document.add_paragraph(line, style=styles[block.kind])
    document.save(str(target))


def to_html(source: Path, target: Path) -> None:
    """A page as a web site would have it, with a menu and a footer that are not part of the text."""
    body = []
    for block in blocks(source.read_text()):
        inner = [html.escape(line) for line in block.lines]
        if block.kind == "table":
            rows = [[html.escape(cell) for cell in cells(line)] for line in block.lines]
            head = "".join(f"<th>{cell}</th>" for cell in rows[0])
            rest = "".join("<tr>" + "".join(f"<td>{cell}</td>" for cell in row) + "</tr>" for row in rows[1:])
            body.append(f"<table><tr>{head}</tr>{rest}</table>")
        elif block.kind in ("ul", "ol"):
            body.append(f"<{block.kind}>" + "".join(f"<li>{line}</li>" for line in inner) + f"</{block.kind}>")
        else:
            body.append(f"<{block.kind}>{inner[0]}</{block.kind}>")
    title = source.stem.capitalize()
    target.write_text(
        f'<!doctype html>\n<html lang="en">\n<head><meta charset="utf-8"><title>{title}</title>'
        "<style>body { font-family: sans-serif }</style></head>\n<body>\n"
        '<nav><a href="/">Home</a> <a href="/shop">Shop</a> <a href="/basket">Basket</a></nav>\n<main>\n'
        + "\n".join(body)
        + "\n</main>\n<footer>Lattice &amp; Line, an example shop</footer>\n"
        "<script>console.log('not part of the handbook')</script>\n</body>\n</html>\n"
    )


def main() -> None:
    """Build every file of the handbook anew."""
    TARGET.mkdir(parents=True, exist_ok=True)
    to_pdf(HERE / "ordering-and-delivery.md", TARGET / "ordering-and-delivery.pdf")
    to_pdf(HERE / "working-here.md", TARGET / "working-here.pdf")
    to_docx(HERE / "returns-and-warranty.md", TARGET / "returns-and-warranty.docx")
    to_html(HERE / "workshops.md", TARGET / "workshops.html")
    (TARGET / "product-care.md").write_text((HERE / "product-care.md").read_text())


if __name__ == "__main__":
    main()

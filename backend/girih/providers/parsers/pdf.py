"""PDF files: text page by page, with headings found by the size of their letters, and tables."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from math import inf
from pathlib import Path
from typing import Any

import pypdfium2
import pypdfium2.raw as pdfium

from girih.errors import DocumentRejected
from girih.providers.parsers.document import Builder, ParsedDocument
from girih.providers.parsers.limits import Limits
from girih.providers.parsers.pdf_lines import Line, whole_words, with_headers, without_running
from girih.providers.parsers.pdf_pages import page_lines
from girih.providers.parsers.pdf_scans import Scans
from girih.providers.parsers.pdf_tables import Tables
from girih.providers.parsers.tables import markdown_tables
from girih.providers.parsers.text import too_long

_LARGER = 1.15
"""How much larger than the body's letters a heading's are."""
_LONGEST_HEADING = 120
_HEADING_LEVELS = 3
_LOCKED = {pdfium.FPDF_ERR_PASSWORD, pdfium.FPDF_ERR_SECURITY}
_KEPT = 32 * 2**20
"""Bytes of the file after which it is opened anew: PDFium keeps what a page has brought along, its pictures too."""


def parse_pdf(path: Path, limits: Limits) -> ParsedDocument:
    """Headings, paragraphs and tables with their pages."""
    document = _open(path)
    pages = len(document)
    if pages == 0:
        raise DocumentRejected("the PDF has no pages")
    if pages > limits.pages:
        raise DocumentRejected(f"the PDF has {pages:,} pages, more than {limits.pages:,}", help="split it")
    title = _title(document)
    lines = _all_lines(document, path, limits)
    if not lines:
        raise _without_text(limits)
    return build(list(with_headers(whole_words(without_running(lines)))), limits).build(title, pages)


def _without_text(limits: Limits) -> DocumentRejected:
    if limits.ocr:
        return DocumentRejected("the PDF has no text, and OCR finds none in its pages")
    return DocumentRejected(
        "the PDF has no text: its pages are pictures (a scan), which needs OCR first",
        help="say `ocr: auto` in the parser of the collection's pipeline (the server needs girih[ocr] for it), or run "
        "OCR on it (for instance with ocrmypdf) and upload the result",
    )


def _all_lines(document: Any, path: Path, limits: Limits) -> list[Line]:
    """The lines of all pages; no more of a large file is in memory at once than a few of its pages bring along."""
    lines: list[Line] = []
    left, pages, scans, tables = limits.characters, len(document), Scans(limits), Tables()
    at_once = max(1, pages * _KEPT // path.stat().st_size)
    for number in range(pages):
        if number and number % at_once == 0:
            document.close()
            document = _open(path)
        found = page_lines(document, number, tables) or scans.lines(document, number)
        left -= sum(len(line.text) for line in found)
        if left < 0:
            raise too_long(limits)
        lines += found
    return lines


def _open(path: Path) -> Any:
    try:
        return pypdfium2.PdfDocument(str(path))
    except pypdfium2.PdfiumError as fault:
        if fault.err_code in _LOCKED:
            raise DocumentRejected(
                "the PDF is encrypted and cannot be read without its password",
                help="save a copy without a password and upload that",
            ) from fault
        raise DocumentRejected("the PDF is damaged and cannot be read", help="save or print it to PDF anew") from fault


def _title(document: Any) -> str | None:
    title: str = document.get_metadata_value("Title")
    return title or None


def build(lines: list[Line], limits: Limits) -> Builder:
    """Headings, paragraphs and tables of these lines. Where letters have no size (0), a line is no heading."""
    weights: Counter[float] = Counter()
    for line in lines:
        if line.size:
            weights[round(line.size, 1)] += len(line.text)
    body = weights.most_common(1)[0][0] if weights else inf
    sizes = sorted({round(line.size, 1) for line in lines if _is_heading(line, body)}, reverse=True)
    levels = {size: min(level, _HEADING_LEVELS) for level, size in enumerate(sizes, start=1)}
    builder = Builder(limits.characters)
    for kind, run in _runs(lines, body):
        if kind == "heading":
            builder.heading(_joined(run), levels[round(run[0].size, 1)], run[0].page)
        elif kind == "table":
            _add_table(builder, run[0], limits)
        else:
            builder.add("paragraph", _joined(run), run[0].page)
    return builder


def _add_table(builder: Builder, line: Line, limits: Limits) -> None:
    """A table, in parts that begin with its header row if it is long."""
    for table in markdown_tables([[_unmarked(cell) for cell in row] for row in line.rows]):
        builder.add("table", table, line.page)
        if builder.full:
            raise too_long(limits)


def _is_heading(line: Line, body: float) -> bool:
    letters = any(char.isalpha() for char in line.text)
    return letters and line.size >= body * _LARGER and len(line.text) <= _LONGEST_HEADING


def _runs(lines: list[Line], body: float) -> Iterator[tuple[str, list[Line]]]:
    """Lines that belong together: a heading (also over two lines), a table, or a paragraph."""
    run: list[Line] = []
    for line in lines:
        if run and _starts_anew(run[-1], line, body):
            yield _kind(run[0], body), run
            run = []
        run.append(line)
    if run:
        yield _kind(run[0], body), run


def _kind(line: Line, body: float) -> str:
    if line.rows:
        return "table"
    return "heading" if _is_heading(line, body) else "paragraph"


def _starts_anew(before: Line, line: Line, body: float) -> bool:
    if before.rows or line.rows:
        return True
    if before.page != line.page or _is_heading(before, body) != _is_heading(line, body):
        return True
    if _is_heading(line, body):
        return round(before.size, 1) != round(line.size, 1) or line.gap > 1.0
    return line.gap > 0.6 or line.gap < -2.0


def _joined(run: list[Line]) -> str:
    """The run as text; a word that was parted at a line's end is whole again (PDFium marks such hyphens)."""
    text = "\n".join(line.text for line in run)
    for mark in ("\ufffe\n", "\x02\n", "\u00ad\n"):
        text = text.replace(mark, "")
    return _unmarked(text)


def _unmarked(text: str) -> str:
    return text.replace("\ufffe", "-").replace("\x02", "-")

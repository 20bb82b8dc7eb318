"""Word documents (DOCX)."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import docx
from docx.opc.exceptions import PackageNotFoundError
from docx.table import Table

from girih.errors import DocumentRejected
from girih.providers.parsers.document import Builder, ParsedDocument
from girih.providers.parsers.limits import Limits
from girih.providers.parsers.packages import DAMAGE, SAVE_ANEW, parts_of
from girih.providers.parsers.tables import markdown_table
from girih.providers.parsers.text import too_long

_HEADING = re.compile(r"^heading (\d)", re.IGNORECASE)
_CORRUPT = "the Word file is damaged and cannot be read"


def parse_docx(path: Path, limits: Limits) -> ParsedDocument:
    """Headings (by their styles), paragraphs, lists and whole tables, in reading order."""
    parts_of(path, limits)
    try:
        document = docx.Document(str(path))
    except (PackageNotFoundError, *DAMAGE) as fault:
        raise DocumentRejected(_CORRUPT, help=SAVE_ANEW) from fault
    builder = Builder(limits.characters)
    for item in document.iter_inner_content():
        if isinstance(item, Table):
            builder.add("table", _table(item))
        else:
            _paragraph(builder, item)
        if builder.full:
            raise too_long(limits)
    return builder.build(document.core_properties.title or None)


def _paragraph(builder: Builder, paragraph: Any) -> None:
    style = (paragraph.style.name if paragraph.style is not None else "") or ""
    if style.lower() == "title":
        builder.heading(paragraph.text, 1)
    elif match := _HEADING.match(style):
        builder.heading(paragraph.text, int(match.group(1)))
    else:
        builder.add("list" if style.lower().startswith("list") else "paragraph", paragraph.text)


def _table(table: Table) -> str:
    return markdown_table([_cells(row) for row in table.rows])


def _cells(row: Any) -> list[str]:
    """The texts of a row's cells; a merged cell once."""
    texts: list[str] = []
    before = None
    for cell in row.cells:
        if cell._tc is not before:
            texts.append(" ".join(cell.text.split()))
        before = cell._tc
    return texts

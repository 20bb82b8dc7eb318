"""Word documents (DOCX)."""

from __future__ import annotations

import re
import zipfile
from pathlib import Path
from typing import Any

import docx
from docx.opc.exceptions import PackageNotFoundError
from docx.table import Table

from girih.errors import DocumentRejected
from girih.providers.parsers.document import Builder, ParsedDocument
from girih.providers.parsers.limits import Limits
from girih.providers.parsers.text import too_long

_HEADING = re.compile(r"^heading (\d)", re.IGNORECASE)
_OLE = b"\xd0\xcf\x11\xe0"
_MAX_PARTS = 5_000
_CORRUPT = "the Word file is damaged and cannot be read"


def parse_docx(path: Path, limits: Limits) -> ParsedDocument:
    """Headings (by their styles), paragraphs, lists and whole tables, in reading order."""
    _check(path, limits)
    try:  # lxml reports XML that is not well-formed as a SyntaxError
        document = docx.Document(str(path))
    except (PackageNotFoundError, SyntaxError, KeyError, ValueError, zipfile.BadZipFile) as fault:
        raise DocumentRejected(_CORRUPT, help="open and save it in Word, then upload it again") from fault
    builder = Builder(limits.characters)
    for item in document.iter_inner_content():
        if isinstance(item, Table):
            builder.add("table", _table(item))
        else:
            _paragraph(builder, item)
        if builder.full:
            raise too_long(limits)
    return builder.build(document.core_properties.title or None)


def _check(path: Path, limits: Limits) -> None:
    """Refuse what is no DOCX, is locked, or would unpack to more than is taken."""
    with path.open("rb") as file:
        start = file.read(8)
    if start.startswith(_OLE):
        raise DocumentRejected(
            "this is an encrypted Word file or one of the old format .doc",
            help="save it as .docx without a password and upload it again",
        )
    try:
        with zipfile.ZipFile(path) as archive:
            parts = archive.infolist()
    except (zipfile.BadZipFile, ValueError, OSError) as fault:
        raise DocumentRejected(_CORRUPT, help="open and save it in Word, then upload it again") from fault
    if len(parts) > _MAX_PARTS or sum(part.file_size for part in parts) > limits.unpacked:
        raise DocumentRejected(
            f"the Word file unpacks to more than {limits.unpacked // 2**20} MB", help="remove its pictures, or split it"
        )
    if "word/document.xml" not in {part.filename for part in parts}:
        raise DocumentRejected("this is not a Word file, although its name ends in .docx")


def _paragraph(builder: Builder, paragraph: Any) -> None:
    style = (paragraph.style.name if paragraph.style is not None else "") or ""
    if style.lower() == "title":
        builder.heading(paragraph.text, 1)
    elif match := _HEADING.match(style):
        builder.heading(paragraph.text, int(match.group(1)))
    else:
        builder.add("list" if style.lower().startswith("list") else "paragraph", paragraph.text)


def _table(table: Table) -> str:
    return "\n".join(" | ".join(_cells(row)) for row in table.rows)


def _cells(row: Any) -> list[str]:
    """The texts of a row's cells; a merged cell once."""
    texts: list[str] = []
    before = None
    for cell in row.cells:
        if cell._tc is not before:
            texts.append(" ".join(cell.text.split()))
        before = cell._tc
    return texts

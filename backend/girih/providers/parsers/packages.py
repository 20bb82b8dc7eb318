"""Files that are zip archives inside (DOCX, PPTX, XLSX, EPUB): their parts, and whether they may be unpacked."""

from __future__ import annotations

import zipfile
import zlib
from pathlib import Path

from girih.errors import DocumentRejected
from girih.providers.parsers.limits import Limits

_MACROS = ("vbaproject.bin", "xl/macrosheets/")
_ENCRYPTED = 0x1
DAMAGE = (
    *(zipfile.BadZipFile, zlib.error, EOFError, OSError, NotImplementedError),
    *(SyntaxError, LookupError, ValueError, AttributeError, TypeError, RecursionError),
)
"""What libraries answer to a damaged part; lxml reports XML that is not well-formed as a `SyntaxError`."""

SAVE_ANEW = "open and save it in the program it was made with, then upload it again"


def parts_of(path: Path, limits: Limits) -> frozenset[str]:
    """The names of the parts. Raises `DocumentRejected` for what is locked or would unpack to more than is taken."""
    try:
        with zipfile.ZipFile(path) as archive:
            parts = archive.infolist()
    except DAMAGE as fault:
        raise DocumentRejected("the file is damaged: it cannot be unpacked", help=SAVE_ANEW) from fault
    if len(parts) > limits.parts:
        raise DocumentRejected(f"the file consists of more than {limits.parts:,} parts", help="split it")
    if sum(part.file_size for part in parts) > limits.unpacked:
        raise DocumentRejected(
            f"the file unpacks to more than {limits.unpacked // 2**20} MB", help="remove its pictures, or split it"
        )
    if any(part.flag_bits & _ENCRYPTED for part in parts):
        raise DocumentRejected("the file is encrypted", help="save a copy without a password and upload that")
    return frozenset(part.filename for part in parts)


def refuse_macros(parts: frozenset[str]) -> None:
    """Raises `DocumentRejected` for an Office file with programs in it."""
    if any(mark in part.lower() for part in parts for mark in _MACROS):
        raise DocumentRejected("the file holds macros", help="save it without macros (.docx, .pptx, .xlsx)")

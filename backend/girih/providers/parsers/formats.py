"""Which kinds of files are taken, by their names' endings."""

from __future__ import annotations

from pathlib import PurePosixPath
from typing import Literal

from girih.errors import Unsupported

Format = Literal["pdf", "docx", "html", "markdown", "text"]

FORMATS: dict[str, Format] = {
    ".pdf": "pdf",
    ".docx": "docx",
    ".html": "html",
    ".htm": "html",
    ".md": "markdown",
    ".markdown": "markdown",
    ".txt": "text",
}


def format_of(filename: str) -> Format:
    """The format a name stands for. Raises `Unsupported`."""
    suffix = PurePosixPath(filename).suffix.lower()
    if suffix not in FORMATS:
        shown = f"files that end in {suffix[:20]}" if suffix else "files without an ending"
        raise Unsupported(f"{shown} cannot be ingested", help=f"upload one of {', '.join(FORMATS)}")
    return FORMATS[suffix]

"""Which kinds of files are taken, by their names' endings; what a file really is, its content says (`detection`)."""

from __future__ import annotations

from pathlib import PurePosixPath
from typing import Literal

from girih.errors import Unsupported

Format = Literal[
    "pdf", "docx", "pptx", "xlsx", "epub", "rtf", "html", "markdown", "text", "csv", "json", "email", "image"
]

FORMATS: dict[str, Format] = {
    ".pdf": "pdf",
    ".docx": "docx",
    ".pptx": "pptx",
    ".xlsx": "xlsx",
    ".epub": "epub",
    ".rtf": "rtf",
    ".html": "html",
    ".htm": "html",
    ".xhtml": "html",
    ".md": "markdown",
    ".markdown": "markdown",
    ".txt": "text",
    ".text": "text",
    ".csv": "csv",
    ".tsv": "csv",
    ".json": "json",
    ".jsonl": "json",
    ".ndjson": "json",
    ".eml": "email",
    ".png": "image",
    ".jpg": "image",
    ".jpeg": "image",
    ".tif": "image",
    ".tiff": "image",
    ".webp": "image",
}

NOUNS: dict[Format, str] = {
    "pdf": "a PDF",
    "docx": "a Word file",
    "pptx": "a PowerPoint file",
    "xlsx": "an Excel file",
    "epub": "an EPUB",
    "rtf": "an RTF file",
    "image": "a picture",
}
"""What the formats that content alone can prove are called."""


def suffix_of(filename: str) -> str:
    """The name's ending in lower case, with its dot; empty when there is none. Raises `Unsupported`."""
    suffix = PurePosixPath(filename).suffix.lower()
    if suffix and suffix not in FORMATS:
        raise Unsupported(f"files that end in {suffix[:20]} cannot be ingested", help=f"upload one of {_ALL}")
    return suffix


_ALL = ", ".join(FORMATS)

"""What a file is called on the web, by the ending of its name."""

from __future__ import annotations

from girih.providers.parsers.formats import FORMATS, Format

_OFFICE = "application/vnd.openxmlformats-officedocument"
_MEDIA: dict[Format, str] = {
    "pdf": "application/pdf",
    "docx": f"{_OFFICE}.wordprocessingml.document",
    "pptx": f"{_OFFICE}.presentationml.presentation",
    "xlsx": f"{_OFFICE}.spreadsheetml.sheet",
    "epub": "application/epub+zip",
    "rtf": "application/rtf",
    "html": "text/html",
    "markdown": "text/markdown",
    "text": "text/plain",
    "csv": "text/csv",
    "json": "application/json",
    "email": "message/rfc822",
    "image": "image/jpeg",
}


_PICTURES = {".png": "image/png", ".tif": "image/tiff", ".tiff": "image/tiff", ".webp": "image/webp"}


def media_type_of(suffix: str) -> str | None:
    """The media type; `None` for a name that says nothing."""
    found = FORMATS.get(suffix)
    if suffix in _PICTURES:
        return _PICTURES[suffix]
    return _MEDIA.get(found) if found else None

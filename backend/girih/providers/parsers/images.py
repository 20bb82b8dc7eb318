"""Pictures (PNG, JPEG, TIFF, WebP): the text that OCR reads in them, each picture of a file a page."""

from __future__ import annotations

from pathlib import Path

from PIL import Image, ImageOps

from girih.errors import DocumentRejected
from girih.providers.parsers.document import ParsedDocument
from girih.providers.parsers.limits import Limits
from girih.providers.parsers.ocr import Reader
from girih.providers.parsers.pdf import build
from girih.providers.parsers.pdf_lines import Line

_KINDS = ("PNG", "JPEG", "TIFF", "WEBP")


def parse_image(path: Path, limits: Limits) -> ParsedDocument:
    """Paragraphs with the number of their picture as the page."""
    if not limits.ocr:
        raise DocumentRejected(
            "this is a picture, and its collection reads no text out of pictures",
            help="say `ocr: auto` in the parser of the collection's pipeline; the server needs girih[ocr] for it",
        )
    Image.MAX_IMAGE_PIXELS = None  # the cap is ours, and says so
    try:
        with Image.open(path, formats=_KINDS) as picture:
            pages, lines = _all_lines(picture, limits)
    except (OSError, SyntaxError, ValueError) as fault:
        raise DocumentRejected("the picture is damaged and cannot be read", help="save it anew") from fault
    if not lines:
        raise DocumentRejected("OCR finds no text in the picture")
    return build(lines, limits).build(None, pages)


def _all_lines(picture: Image.Image, limits: Limits) -> tuple[int, list[Line]]:
    pages = getattr(picture, "n_frames", 1)
    if pages > min(limits.scans, limits.pages):
        raise DocumentRejected(
            f"the file has {pages:,} pictures, more than {min(limits.scans, limits.pages):,}", help="split it"
        )
    reader, lines = None, []
    for number in range(pages):
        picture.seek(number)
        width, height = picture.size
        if width * height > limits.pixels:
            size = f"{width:,} × {height:,} pixels"
            raise DocumentRejected(f"the picture has {size}, more than {limits.pixels:,}", help="make it smaller")
        reader = reader or Reader()
        lines += reader.lines(ImageOps.exif_transpose(picture), number + 1)
    return pages, lines

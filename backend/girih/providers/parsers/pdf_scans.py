"""Pages of a PDF that are pictures: their text by OCR."""

from __future__ import annotations

from typing import Any

import pypdfium2
import pypdfium2.raw as pdfium

from girih.errors import DocumentRejected
from girih.providers.parsers.limits import Limits
from girih.providers.parsers.ocr import LONGEST_SIDE, Reader
from girih.providers.parsers.pdf_lines import Line

_SHARPEST = 200 / 72
"""Pixels for a point, of a page of common size."""


class Scans:
    """Reads pages that have a picture and no text, if that is asked for."""

    def __init__(self, limits: Limits) -> None:
        self._limits = limits
        self._reader: Reader | None = None
        self._read = 0

    def lines(self, document: Any, number: int) -> list[Line]:
        """The lines of a page, as `Reader.lines` has them. Raises `DocumentRejected` for too many and without OCR."""
        if not self._limits.ocr:
            return []
        try:
            page = document[number]
        except pypdfium2.PdfiumError:
            return []
        try:
            if next(page.get_objects(filter=(pdfium.FPDF_PAGEOBJ_IMAGE,), max_depth=3), None) is None:
                return []
            return self._by_ocr(page, number)
        finally:
            page.close()

    def _by_ocr(self, page: Any, number: int) -> list[Line]:
        self._read += 1
        if self._read > self._limits.scans:
            raise DocumentRejected(
                f"more than {self._limits.scans:,} pages of the PDF are pictures, which is as many as OCR reads of one",
                help="split it, or run OCR on it (for instance with ocrmypdf) and upload the result",
            )
        self._reader = self._reader or Reader()
        bitmap = page.render(scale=min(_SHARPEST, LONGEST_SIDE / max(page.get_size())))
        try:
            return self._reader.lines(bitmap.to_pil(), number + 1)
        finally:
            bitmap.close()

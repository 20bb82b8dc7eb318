"""Lines of a PDF's pages as they are shown, with the tables among them."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pypdfium2
import pypdfium2.raw as pdfium

from girih.providers.parsers.pdf_lines import Line
from girih.providers.parsers.pdf_tables import Placed, Tables
from girih.providers.parsers.pdf_words import Letters


def page_lines(document: Any, number: int, tables: Tables) -> list[Line]:
    """The lines of a page, counted from 0. A page that cannot be read has none."""
    try:
        page = document[number]
        text = page.get_textpage()
    except pypdfium2.PdfiumError:
        return []
    shown = text.get_text_range()
    turned = max(pdfium.FPDFPage_GetRotation(page.raw), 0)
    letters = Letters(text, shown, turned)
    lines = list(tables.lines(page, letters, shown, list(_placed(text, letters, shown, number)), turned))
    text.close()
    page.close()
    return lines


def _placed(text: Any, letters: Letters, shown: str, number: int) -> Iterator[Placed]:
    at, bottom, raw = 0, None, text.raw
    for line in shown.replace("\r\n", "\n\r").split("\n"):
        # The "\r" of a line end counts as a character of the page, so it is kept until the position is known.
        first = at + len(line) - len(line.lstrip())
        stripped = line.strip()
        at += len(line) + 1
        if not stripped:
            continue
        size = max(float(pdfium.FPDFText_GetFontSize(raw, letters.index(first))), 1.0)
        left, low, end, high = letters.box(first)
        right = letters.box(first + len(stripped) - 1)[2]
        gap = (bottom - high) / size if bottom is not None else 0.0
        yield Placed(Line(stripped, size, gap, number + 1), first, at, right - left, high - low, end - left)
        bottom = low

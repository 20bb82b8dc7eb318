"""PowerPoint presentations (PPTX)."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any

import pptx
from pptx.exc import PythonPptxError

from girih.errors import DocumentRejected
from girih.providers.parsers.document import Builder, ParsedDocument
from girih.providers.parsers.limits import Limits
from girih.providers.parsers.packages import DAMAGE, SAVE_ANEW
from girih.providers.parsers.tables import markdown_table
from girih.providers.parsers.text import too_long

_DEEPEST = 20
_CORRUPT = "the presentation is damaged and cannot be read"


def parse_pptx(path: Path, limits: Limits) -> ParsedDocument:
    """Titles of slides as headings, texts, whole tables and the speaker's notes; the page is the slide's number."""
    builder = Builder(limits.characters)
    try:
        presentation = pptx.Presentation(str(path))
        slides = list(presentation.slides)
        if len(slides) > limits.pages:
            raise DocumentRejected(f"the presentation has more than {limits.pages:,} slides", help="split it")
        for number, slide in enumerate(slides, start=1):
            _slide(builder, slide, number)
            if builder.full:
                raise too_long(limits)
        title = presentation.core_properties.title
    except (PythonPptxError, *DAMAGE) as fault:
        raise DocumentRejected(_CORRUPT, help=SAVE_ANEW) from fault
    return builder.build(title or None, len(slides))


def _slide(builder: Builder, slide: Any, number: int) -> None:
    builder.leave()
    title = slide.shapes.title
    if title is not None:
        builder.heading(_text(title.text_frame), 1, number)
    for shape in _shapes(slide.shapes):
        if title is not None and shape.shape_id == title.shape_id:
            continue
        if getattr(shape, "has_table", False):
            rows = [[_text(cell.text_frame) for cell in row.cells] for row in shape.table.rows]
            builder.add("table", markdown_table(rows), number)
        elif shape.has_text_frame:
            paragraphs = [text for line in shape.text_frame.paragraphs if (text := _plain(line.text)).strip()]
            builder.add("list" if len(paragraphs) > 1 else "paragraph", "\n".join(paragraphs), number)
    if slide.has_notes_slide and (notes := slide.notes_slide.notes_text_frame) is not None:
        builder.add("paragraph", _plain(notes.text), number)


def _shapes(shapes: Iterable[Any], depth: int = 0) -> Iterator[Any]:
    """Shapes in reading order, those of groups too."""
    if depth > _DEEPEST:
        raise DocumentRejected(f"the presentation nests its shapes more than {_DEEPEST} deep")
    for shape in shapes:
        if hasattr(shape, "shapes"):
            yield from _shapes(shape.shapes, depth + 1)
        else:
            yield shape


def _text(frame: Any) -> str:
    return " ".join(_plain(frame.text).split())


def _plain(text: str) -> str:
    """A line break inside a paragraph is a vertical tab."""
    return text.replace("\v", "\n")

"""Which documents a pipeline takes: by their format, their size, and how much there is in them."""

from __future__ import annotations

from dataclasses import replace
from pathlib import PurePosixPath

from girih.errors import DocumentRejected
from girih.language.spec.pipelines import LoaderStep, ParserStep
from girih.providers.parsers.document import ParsedDocument
from girih.providers.parsers.formats import FORMATS
from girih.providers.parsers.limits import OCR_LIMITS, Limits


def require_taken(loader: LoaderStep, name: str, size: int) -> None:
    """Raises `DocumentRejected` for a file of `size` bytes that the loader does not take."""
    format_ = FORMATS.get(PurePosixPath(name).suffix.lower(), "text")
    if loader.formats is not None and format_ not in loader.formats:
        raise DocumentRejected(
            f"the collection's pipeline takes no {format_} files", help=f"it takes {', '.join(loader.formats)}"
        )
    if loader.max_mb is not None and size > loader.max_mb * 2**20:
        raise DocumentRejected(
            f"the file has {size / 2**20:.1f} MB, and the collection's pipeline takes at most {loader.max_mb:g} MB",
            help="split it, or raise max_mb in the pipeline's loader",
        )


def limits_of(parser: ParserStep) -> Limits:
    """The parsers' own limits, where the pipeline does not set lower ones."""
    own = OCR_LIMITS if parser.ocr == "auto" else Limits()
    return replace(own, pages=min(own.pages, parser.max_pages), cells=min(own.cells, parser.max_cells))


def require_something(document: ParsedDocument) -> None:
    """Raises `DocumentRejected` for a document of which the cleaners have left nothing."""
    if not document.blocks:
        raise DocumentRejected(
            "the pipeline's cleaners leave nothing of the document", help="look at `drop` in the pipeline's cleaner"
        )

"""`girih explain CODE`: the page of a diagnostic code, with a before and an after."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from girih.cli.output import data
from girih.errors import NotFound
from girih.language.spec.suggest import hint

_PACKAGE = Path(__file__).resolve().parent.parent
_FOLDERS = (_PACKAGE / "_docs" / "diagnostics", _PACKAGE.parent.parent / "docs" / "reference" / "diagnostics")
"""Where the pages lie: in an installed package, and in a checkout."""


def explain(
    code: Annotated[str | None, typer.Argument(help="A code such as E101. Without one: all of them.")] = None,
) -> None:
    """Explain a diagnostic code: what it means, why it matters, and how to put it right."""
    pages = find_pages()
    if code is None:
        data("".join(f"{name}  {_title(page)}\n" for name, page in pages.items()))
        return
    page = pages.get(code.upper())
    if page is None:
        raise NotFound(f"there is no diagnostic code '{code}'", help=hint(code.upper(), pages, "codes"))
    data(page.read_text("utf-8").rstrip() + "\n")


def find_pages() -> dict[str, Path]:
    """Every code's page, in order. Raises `NotFound` for an installation without pages."""
    folder = next((folder for folder in _FOLDERS if folder.is_dir()), None)
    if folder is None:
        raise NotFound("this installation holds no pages on diagnostics", help="pip install --force-reinstall girih")
    return {page.stem: page for page in sorted(folder.glob("[EW][0-9][0-9][0-9].md"))}


def _title(page: Path) -> str:
    first = page.read_text("utf-8").partition("\n")[0]
    return first.removeprefix("#").strip().removeprefix(page.stem).lstrip(" :–—-")

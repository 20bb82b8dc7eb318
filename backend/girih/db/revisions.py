"""The migrations this program brings, read from their files: a running server need not load Alembic to know them."""

from __future__ import annotations

import ast
from functools import cache
from pathlib import Path

from girih.errors import Unavailable

_PLACES = ("revision", "down_revision")


def folder() -> Path:
    """The migrations: inside an installed wheel, else at the top of the checkout."""
    package = Path(__file__).resolve().parents[1]
    installed = package / "_migrations"
    return installed if installed.is_dir() else package.parents[1] / "alembic"


@cache
def head() -> str:
    """The newest revision this program knows: the one no other builds on. Raises `Unavailable` if there is not one."""
    found = [_places(file) for file in (folder() / "versions").glob("*.py")]
    heads = {places.get("revision") for places in found} - {places.get("down_revision") for places in found}
    heads.discard(None)
    if len(heads) != 1:
        raise Unavailable("this installation of girih has no usable migrations", help="install girih again")
    return str(heads.pop())


@cache
def known() -> frozenset[str]:
    """Every revision this program knows."""
    found = (_places(file).get("revision") for file in (folder() / "versions").glob("*.py"))
    return frozenset(str(revision) for revision in found if revision)


def _places(file: Path) -> dict[str, object]:
    """What a migration calls itself, and what it builds on; nothing of it runs."""
    return {
        target.id: node.value.value
        for node in ast.parse(file.read_bytes()).body
        if isinstance(node, ast.Assign | ast.AnnAssign) and isinstance(node.value, ast.Constant)
        for target in (node.targets if isinstance(node, ast.Assign) else [node.target])
        if isinstance(target, ast.Name) and target.id in _PLACES
    }

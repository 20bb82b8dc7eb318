"""The texts a client sends to be compiled: checked before anything reads them."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Final

from girih.errors import InvalidInput, TooLarge
from girih.language.compiler.workspace import Workspace
from girih.language.spec.diagnostics import Diagnostic, Place
from girih.services.agents.refusals import REFUSED

MAX_FILES: Final = 2_000
MAX_CHARACTERS: Final = 8_000_000
"""Of all files together."""

_PATH_LENGTH: Final = 300
_NO_TEXT: Final = re.compile("[\\0\ud800-\udfff]")


def to_workspace(files: Mapping[str, str]) -> Workspace:
    """The files as a workspace. Raises `InvalidInput` for a path that leaves it, `TooLarge` for too much."""
    if len(files) > MAX_FILES:
        last = max(files)
        message = f"a workspace may have {MAX_FILES} files, this one has {len(files)}"
        raise TooLarge(message, help="split the workspace", diagnostics=_found(message, last))
    if sum(map(len, files.values())) > MAX_CHARACTERS:
        largest = max(files, key=lambda path: len(files[path]))
        message = f"a workspace may have {MAX_CHARACTERS} characters in all, and {largest} alone {len(files[largest])}"
        raise TooLarge(message, help="split the workspace", diagnostics=_found(message, largest))
    for path, text in files.items():
        if not _is_inside(path):
            message = f"not a path in a workspace: {path[:_PATH_LENGTH]!r}"
            raise InvalidInput(message, help="use relative POSIX paths", diagnostics=_found(message, path))
        if (fault := _NO_TEXT.search(text)) is not None:
            message, help_ = f"{path} is not a text", "send only text files, without NUL characters"
            raise InvalidInput(message, help=help_, diagnostics=_found(message, path, text[: fault.start()]))
    return Workspace(dict(files))


def _found(message: str, path: str, before: str = "") -> list[dict[str, object]]:
    """The sentence at the place behind a text."""
    # It may hold what no answer can: the path is no path, then.
    shown = path[:_PATH_LENGTH].encode("utf-8", "replace").decode()
    place = Place(shown, before.count("\n") + 1, len(before) - before.rfind("\n"))
    return [Diagnostic(REFUSED, message, place).as_dict()]


def _is_inside(path: str) -> bool:
    if not path.isprintable() or "\\" in path or len(path) > _PATH_LENGTH:
        return False
    return all(part not in ("", ".", "..") for part in path.split("/"))

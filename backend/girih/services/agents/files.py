"""The texts a client sends to be compiled: checked before anything reads them."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

from girih.errors import InvalidInput, TooLarge
from girih.language.compiler.workspace import Workspace

MAX_FILES: Final = 2_000
MAX_CHARACTERS: Final = 8_000_000
"""Of all files together."""

_PATH_LENGTH: Final = 300


def to_workspace(files: Mapping[str, str]) -> Workspace:
    """The files as a workspace. Raises `InvalidInput` for a path that leaves it, `TooLarge` for too much."""
    if len(files) > MAX_FILES:
        raise TooLarge(f"a workspace may have {MAX_FILES} files, this one has {len(files)}", help="split the workspace")
    if sum(map(len, files.values())) > MAX_CHARACTERS:
        raise TooLarge(f"a workspace may have {MAX_CHARACTERS} characters in all", help="split the workspace")
    for path, text in files.items():
        if not _is_inside(path):
            raise InvalidInput(f"not a path in a workspace: {path[:_PATH_LENGTH]!r}", help="use relative POSIX paths")
        if not _is_text(text):
            raise InvalidInput(f"{path} is not a text", help="send only text files, without NUL characters")
    return Workspace(dict(files))


def _is_inside(path: str) -> bool:
    if not path.isprintable() or "\\" in path or len(path) > _PATH_LENGTH:
        return False
    return all(part not in ("", ".", "..") for part in path.split("/"))


def _is_text(text: str) -> bool:
    return "\0" not in text and not any("\ud800" <= character <= "\udfff" for character in text)

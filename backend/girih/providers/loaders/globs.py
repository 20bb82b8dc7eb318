"""Which paths of a source are taken: patterns with `*`, `?` and `**`, matched in linear time."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

import re2


class Globs:
    """Takes what an `include` pattern fits (none: everything) and no `exclude` pattern does."""

    def __init__(self, include: Iterable[str], exclude: Iterable[str]) -> None:
        self._include = [_compiled(pattern) for pattern in include]
        self._exclude = [_compiled(pattern) for pattern in exclude]

    def take(self, path: str) -> bool:
        """Whether a path, its parts separated by `/`, is taken."""
        plain = path.strip("/")
        if self._include and not any(pattern.fullmatch(plain) for pattern in self._include):
            return False
        return not any(pattern.fullmatch(plain) for pattern in self._exclude)


def _compiled(glob: str) -> Any:
    """`*` and `?` stay within one part of the path, `**` does not; a pattern without `/` fits a name anywhere."""
    glob = glob.strip("/") if "/" in glob.strip("/") else f"**/{glob.strip('/')}"
    written, at = "", 0
    while at < len(glob):
        for sign, means in (("**/", "(?:.*/)?"), ("**", ".*"), ("*", "[^/]*"), ("?", "[^/]")):
            if glob.startswith(sign, at):
                written, at = written + means, at + len(sign)
                break
        else:
            written, at = written + re2.escape(glob[at]), at + 1
    return re2.compile(f"(?s){written}")

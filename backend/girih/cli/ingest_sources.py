"""What folders on this machine are called on a server, so that they are known again in another place."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from pathlib import Path, PurePosixPath

from girih.cli.client import fail
from girih.cli.output import USAGE

LONGEST = 120
"""Characters of a name."""


@dataclass(frozen=True)
class Source:
    """A folder by its name. `place` is a digest of where it lies; empty where somebody has given the name."""

    name: str
    place: str

    @property
    def ref(self) -> str:
        """What its documents carry; where folders lie on a machine is nobody's business."""
        return f"folder:{self.place}:{self.name}"

    def is_same(self, other: Source) -> bool:
        """Whether that is this folder for certain: another one in another place may be called the same."""
        return self.name == other.name and self.place in ("", other.place)


class Sources:
    """Names folders: all of them as `given`, else each by its path from the current folder."""

    def __init__(self, given: str | None) -> None:
        if given is not None and (not given.isprintable() or not 0 < len(given.strip()) <= LONGEST):
            fail(f"--source is a name of 1 to {LONGEST} printable characters", code=USAGE)
        self._given = given

    def of_folder(self, folder: Path) -> Source:
        """A folder's name. One outside of the current folder is called by the last part of its path."""
        if self._given is not None:
            return Source(self._given, "")
        whole, here = folder.resolve(), Path.cwd()
        inner = whole.relative_to(here).as_posix() if whole != here and whole.is_relative_to(here) else whole.name
        digest = hashlib.sha256(str(whole).encode("utf-8", "surrogateescape")).hexdigest()[:16]
        return Source(_printable(inner)[-LONGEST:], digest)

    def of_file(self, path: Path, name: str) -> Source:
        """The name of the folder in which a file has that name."""
        return self.of_folder(path.parents[len(PurePosixPath(name).parts) - 1])


def read_ref(ref: str | None) -> Source | None:
    """The folder that a document came from, if it says one."""
    kind, _, rest = (ref or "").partition(":")
    place, colon, name = rest.partition(":")
    return Source(name, place) if kind == "folder" and colon else None


def _printable(name: str) -> str:
    return "".join(letter if letter.isprintable() else "?" for letter in name) or "?"

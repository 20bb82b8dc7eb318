"""The spec files that a command changes: which they are, and how one is written whole."""

from __future__ import annotations

import os
from collections.abc import Iterator, Sequence
from pathlib import Path

from girih.errors import InvalidInput
from girih.language.compiler.folder import NO_SPECS, is_spec, read_folder


def spec_files(paths: Sequence[Path]) -> Iterator[Path]:
    """The files themselves, and the specs of the folders. Raises `InvalidInput` for a folder that holds none."""
    for path in dict.fromkeys(paths):
        if not path.is_dir():
            yield path
            continue
        names = [name for name, text in read_folder(path).files.items() if is_spec(name, text)]
        if not names:
            raise InvalidInput(f"there are no specs in '{path}'", help=NO_SPECS)
        yield from (path / name for name in names)


def write_whole(path: Path, text: str) -> None:
    """All of the new text or all of the old one, whatever happens; a link stays a link."""
    target = path.resolve()
    beside = target.with_name(f".{target.name}.{os.getpid()}")
    try:
        beside.write_bytes(text.encode())
        beside.chmod(target.stat().st_mode & 0o7777)
        beside.replace(target)
    finally:
        beside.unlink(missing_ok=True)

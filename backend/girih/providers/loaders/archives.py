"""The files in a tar or zip archive, one after the other: nothing is unpacked onto the disk, and bombs end early."""

from __future__ import annotations

import gzip
import io
import tarfile
import zipfile
import zlib
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import IO

from girih.providers.loaders.base import SourceFault

MAX_FILES = 200_000
MAX_UNPACKED = 4 * 2**30
_MAX_READ = 16 * 2**20
_MAX_DIRECTORY = 32 * 2**20
_TAIL = 66_000
_END = b"PK\x05\x06"


@dataclass(frozen=True)
class Member:
    """A plain file of an archive; `read` gives at most that many bytes, while the archive stands at it."""

    path: str
    size: int
    read: Callable[[int], bytes]


def members(archive: Path) -> Iterator[Member]:
    """The plain files of an archive, without links and paths that lead out of it. Raises `SourceFault`."""
    with archive.open("rb") as file:
        start = file.read(4)
    try:
        yield from _zipped(archive) if start.startswith(b"PK") else _tarred(archive, start.startswith(b"\x1f\x8b"))
    except (
        tarfile.TarError,
        zipfile.BadZipFile,
        zlib.error,
        EOFError,
        OSError,
        NotImplementedError,
        ValueError,
    ) as fault:
        raise SourceFault("the archive is broken, or neither tar, tar.gz nor zip") from fault


def _tarred(archive: Path, is_packed: bool) -> Iterator[Member]:
    with (
        gzip.open(archive) if is_packed else archive.open("rb") as plain,
        tarfile.TarFile(fileobj=_Bounded(plain), mode="r") as tar,
    ):
        count = total = 0
        while (found := tar.next()) is not None:
            # Else the library keeps a list of all it has read.
            setattr(tar, "members", [])  # noqa: B010 - its stubs do not know the attribute
            count, total = count + 1, total + found.size
            _require(count, total)
            path = _safe(found.name)
            if found.isreg() and path is not None:
                yield Member(path, found.size, partial(_content, tar, found))


def _content(tar: tarfile.TarFile, found: tarfile.TarInfo, most: int) -> bytes:
    opened = tar.extractfile(found)
    return opened.read(most) if opened else b""


def _zipped(archive: Path) -> Iterator[Member]:
    _require_small_directory(archive)
    with zipfile.ZipFile(archive) as packed:
        total = 0
        for count, found in enumerate(packed.infolist(), 1):
            total += found.file_size
            _require(count, total)
            path = _safe(found.filename)
            is_link = found.external_attr >> 16 & 0o170000 == 0o120000
            if path is not None and not found.is_dir() and not is_link and not found.flag_bits & 1:
                yield Member(path, found.file_size, partial(_unzipped, packed, found))


def _unzipped(packed: zipfile.ZipFile, found: zipfile.ZipInfo, most: int) -> bytes:
    with packed.open(found) as opened:
        return opened.read(most)


def _require_small_directory(archive: Path) -> None:
    """A list of contents is read whole, so its size is looked at first."""
    size = archive.stat().st_size
    with archive.open("rb") as file:
        file.seek(max(0, size - _TAIL))
        tail = file.read()
    at = tail.rfind(_END)
    directory = int.from_bytes(tail[at + 12 : at + 16], "little") if at >= 0 else 0
    if at < 0 or directory > _MAX_DIRECTORY:
        raise SourceFault("the archive's list of contents is missing or too large")


def _safe(name: str) -> str | None:
    """The path inside the archive, `None` for one that leads out of it or that nobody could show."""
    parts = name.replace("\\", "/").split("/")
    if name.startswith("/") or ".." in parts or not name.isprintable() or len(name) > 1000:
        return None
    plain = "/".join(part for part in parts if part not in ("", "."))
    return plain or None


def _require(count: int, total: int) -> None:
    if count > MAX_FILES:
        raise SourceFault(f"the archive holds more than {MAX_FILES} files")
    if total > MAX_UNPACKED:
        raise SourceFault(f"the archive unpacks to more than {MAX_UNPACKED // 2**30} GB")


class _Bounded(io.RawIOBase):
    """A file of which no more is read at once than fits: a tar's headers may announce any length."""

    def __init__(self, file: IO[bytes] | gzip.GzipFile) -> None:
        super().__init__()
        self._file = file

    def read(self, size: int = -1) -> bytes:
        """As a file's; raises `ValueError` for more than 16 MB at once."""
        if not 0 <= size <= _MAX_READ:
            raise ValueError("more than may be read at once")
        return self._file.read(size)

    def seek(self, offset: int, whence: int = 0) -> int:
        """As a file's; what lies beyond the largest archive is not looked for."""
        if offset > MAX_UNPACKED + MAX_FILES * 1024:
            raise ValueError("beyond the end")
        return self._file.seek(offset, whence)

    def tell(self) -> int:
        """As a file's."""
        return self._file.tell()

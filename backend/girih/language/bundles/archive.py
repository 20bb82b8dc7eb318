"""A bundle's outermost shape: a zip whose bytes follow from what it holds, so that no byte of it can differ unseen."""

from __future__ import annotations

import io
import re
import zipfile
from collections.abc import Mapping
from typing import Final

from girih.errors import InvalidInput, TooLarge

MAX_BYTES: Final = 20 * 2**20
"""The largest bundle, in bytes."""

MAX_FILES: Final = 2_000
"""How many files a bundle may hold."""

_NAME = re.compile(r"[a-z0-9][A-Za-z0-9_.+-]*(/[A-Za-z0-9][A-Za-z0-9_.+-]*){0,4}")
_LONGEST: Final = 300
_EPOCH: Final = (1980, 1, 1, 0, 0, 0)


def pack(files: Mapping[str, bytes]) -> bytes:
    """The archive of these files: sorted, not compressed, without times and owners. Raises `TooLarge`."""
    if len(files) > MAX_FILES:
        raise TooLarge(f"a bundle may hold {MAX_FILES} files, this one would have {len(files)}")
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w", zipfile.ZIP_STORED) as archive:
        for name in sorted(files):
            archive.writestr(_entry(name), files[name])
    data = buffer.getvalue()
    if len(data) > MAX_BYTES:
        raise TooLarge(f"a bundle may have {MAX_BYTES // 2**20} MB, this one would have {len(data) // 2**20 + 1}")
    return data


def unpack(data: bytes) -> dict[str, bytes]:
    """The files of an archive that `pack` has made. Raises `InvalidInput` for any other, `TooLarge`.

    Nothing is ever decompressed, and no path leads out: what is not exactly as `pack` writes it is refused.
    """
    if len(data) > MAX_BYTES:
        raise TooLarge(f"a bundle may have {MAX_BYTES // 2**20} MB")
    try:
        files = _read(data)
    except (zipfile.BadZipFile, ValueError, OSError, EOFError, NotImplementedError, RuntimeError, KeyError):
        raise _strange("it cannot be read") from None
    if pack(files) != data:
        raise _strange("it is not laid out as girih lays bundles out")
    return files


def _read(data: bytes) -> dict[str, bytes]:
    files: dict[str, bytes] = {}
    with zipfile.ZipFile(io.BytesIO(data)) as archive:
        entries = archive.infolist()
        if len(entries) > MAX_FILES:
            raise TooLarge(f"a bundle may hold {MAX_FILES} files")
        if sum(entry.file_size for entry in entries) > len(data):
            raise _strange("its files are larger than itself")
        for entry in entries:
            if entry.compress_type != zipfile.ZIP_STORED or entry.flag_bits & 1:
                raise _strange("its files are compressed or encrypted")
            if not _NAME.fullmatch(entry.filename) or len(entry.filename) > _LONGEST or entry.filename in files:
                raise _strange("it holds a file of a name that no bundle has")
            files[entry.filename] = _content(archive, entry)
    return files


def _content(archive: zipfile.ZipFile, entry: zipfile.ZipInfo) -> bytes:
    try:
        return archive.read(entry)
    except zipfile.BadZipFile:
        raise _strange(f"the file {entry.filename} is not as it was written") from None


def _entry(name: str) -> zipfile.ZipInfo:
    entry = zipfile.ZipInfo(name, _EPOCH)
    entry.create_system, entry.external_attr = 3, 0o644 << 16
    return entry


def _strange(why: str) -> InvalidInput:
    return InvalidInput(
        f"this is not a bundle, or it was changed: {why}", help="ask for it again where it was exported"
    )

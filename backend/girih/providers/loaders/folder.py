"""Files of a folder on the server, in the order of their paths; links are not followed."""

from __future__ import annotations

import asyncio
import os
import stat
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager
from itertools import islice
from pathlib import Path

from girih.providers.loaders.base import PAGE, Content, Item, ItemFault, ItemGone, Page, SourceFault
from girih.providers.loaders.globs import Globs
from girih.providers.loaders.options import FolderSource
from girih.providers.loaders.reach import Reach

_PIECE = 256 * 1024
_FLAGS = os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC


class FolderLoader:
    """Lists by name, size and time of the last change; reads each file when it is asked for."""

    is_whole = True

    def __init__(self, options: FolderSource, reach: Reach) -> None:
        self._root = reach.inside(options.path)
        self._globs = Globs(options.include, options.exclude)
        self._hidden = options.hidden

    async def pages(self, after: str | None) -> AsyncIterator[Page]:
        """See `Loader`."""
        if not await asyncio.to_thread(self._root.is_dir):
            raise SourceFault(f"there is no folder {self._root}", help="check the path; is a disk not mounted?")
        total = await asyncio.to_thread(lambda: sum(1 for _ in self._files(self._root, "", ())))
        found = self._files(self._root, "", tuple(after.split("/")) if after else ())
        while items := await asyncio.to_thread(lambda: tuple(islice(found, PAGE))):
            yield Page(items, items[-1].ref, total=total)

    @asynccontextmanager
    async def fetch(self, item: Item, known: str | None) -> AsyncIterator[Content]:
        """See `Loader`."""
        del known
        handle, mark = await asyncio.to_thread(self._open, item.ref)
        try:
            yield Content(_pieces(handle), mark=mark)
        finally:
            os.close(handle)

    def _files(self, folder: Path, path: str, after: tuple[str, ...]) -> Iterator[Item]:
        """Everything below a folder, sorted part by part: what comes `after` a path is known without looking again."""
        try:
            entries = sorted(os.scandir(folder), key=lambda entry: entry.name)
        except OSError as fault:
            # Half a listing would look as if the rest had been deleted.
            raise SourceFault(f"the folder {folder} cannot be read: {os.strerror(fault.errno or 0)}") from fault
        for entry in entries:
            if (after and entry.name < after[0]) or (entry.name.startswith(".") and not self._hidden):
                continue
            rest = after[1:] if after and entry.name == after[0] else ()
            ref = f"{path}{entry.name}"
            if entry.is_dir(follow_symlinks=False):
                yield from self._files(Path(entry.path), f"{ref}/", rest)
            elif entry.is_file(follow_symlinks=False) and not (after and entry.name == after[0] and not rest):
                yield from self._item(entry, ref)

    def _item(self, entry: os.DirEntry[str], ref: str) -> Iterator[Item]:
        if not self._globs.take(ref):
            return
        try:
            found = entry.stat(follow_symlinks=False)
        except FileNotFoundError:
            return  # deleted while we looked
        yield Item(ref.encode("utf-8", "replace").decode(), ref, _mark(found), found.st_size)

    def _open(self, ref: str) -> tuple[int, str]:
        path = self._root / ref
        try:
            handle = os.open(path, _FLAGS)
        except FileNotFoundError:
            raise ItemGone("the file is not there any more") from None
        except OSError as fault:
            raise ItemFault(f"the file cannot be read: {os.strerror(fault.errno or 0)}") from fault
        found = os.fstat(handle)
        if not stat.S_ISREG(found.st_mode) or not path.resolve().is_relative_to(self._root):
            os.close(handle)
            raise ItemFault("this is no plain file of the folder")
        return handle, _mark(found)


def _mark(found: os.stat_result) -> str:
    return f"{found.st_mtime_ns}-{found.st_size}"


async def _pieces(handle: int) -> AsyncIterator[bytes]:
    while piece := await asyncio.to_thread(os.read, handle, _PIECE):
        yield piece

"""Files of a repository at one ref, out of the archive that its host offers; an unchanged archive is not sent again."""

from __future__ import annotations

import asyncio
import hashlib
import tempfile
from collections.abc import AsyncIterator, Iterator, Mapping
from contextlib import asynccontextmanager
from pathlib import Path
from urllib.parse import quote

from girih.providers.loaders.archives import members
from girih.providers.loaders.base import (
    PAGE,
    PAGE_BYTES,
    Content,
    Item,
    ItemFault,
    ItemSame,
    Page,
    SourceFault,
    Unchanged,
)
from girih.providers.loaders.door import Door, source_fault
from girih.providers.loaders.globs import Globs
from girih.providers.loaders.options import GitSource
from girih.providers.loaders.reach import Reach
from girih.providers.outbound import OutboundError

_TAKEN = (".md", ".markdown", ".txt", ".html", ".htm", ".pdf", ".docx", ".json", ".csv")


class GitLoader:
    """Downloads the archive into a temporary file and reads one file after the other; their hash is their mark."""

    is_whole = True

    def __init__(self, options: GitSource, reach: Reach, state: Mapping[str, str]) -> None:
        base = reach.endpoint(options.endpoint) if options.endpoint else None
        self._door = Door(reach.client, base=base, token=reach.secret(options.token))
        template = options.url or f"{(base or '').rstrip('/')}/{options.path.lstrip('/')}"
        self._url = template.replace("{ref}", quote(options.ref, safe="/"))
        self._etag = state.get("etag") if state.get("url") == self._url else None
        self._globs = Globs(options.include or [f"**/*{ending}" for ending in _TAKEN], options.exclude)
        self._most = options.max_mb * 2**20
        self._max_bytes = reach.max_bytes

    async def pages(self, after: str | None) -> AsyncIterator[Page]:
        """See `Loader`; it always begins anew."""
        del after
        with tempfile.TemporaryDirectory(prefix="girih-git-") as folder:
            archive = Path(folder) / "archive"
            try:
                etag = await self._download(archive)
            except ItemSame:
                raise Unchanged from None
            except (ItemFault, OutboundError) as fault:
                raise source_fault(fault, "the archive cannot be had") from fault
            state = {"etag": etag, "url": self._url} if etag else {}
            found = self._items(archive)
            while items := await asyncio.to_thread(_some, found):
                yield Page(items, state=state)

    @asynccontextmanager
    async def fetch(self, item: Item, known: str | None) -> AsyncIterator[Content]:
        """See `Loader`."""
        del known
        if item.body is None:
            raise ItemFault(f"the file is larger than {self._max_bytes // 2**20} MB")
        yield Content(once(item.body))

    async def _download(self, archive: Path) -> str | None:
        conditions = {"if-none-match": self._etag} if self._etag else {}
        async with self._door.open(self._url, conditions, self._most) as answer:
            with archive.open("xb") as file:
                async for piece in answer.pieces:
                    await asyncio.to_thread(file.write, piece)
            return answer.headers.get("etag")

    def _items(self, archive: Path) -> Iterator[Item]:
        count = 0
        for member in members(archive):
            # Hosts put everything into one folder that is named after the ref.
            path = member.path.partition("/")[2]
            count += 1
            if not path or not self._globs.take(path):
                continue
            body = member.read(self._max_bytes) if member.size <= self._max_bytes else None
            mark = hashlib.sha256(body).hexdigest() if body is not None else None
            yield Item(path, path, mark, member.size, body=body)
        if not count:
            raise SourceFault("the archive holds no file", help="check the address and the ref")


def _some(found: Iterator[Item]) -> tuple[Item, ...]:
    """As many items as make a page."""
    items: list[Item] = []
    size = 0
    for item in found:
        items.append(item)
        size += len(item.body or b"")
        if len(items) >= PAGE or size >= PAGE_BYTES:
            break
    return tuple(items)


async def once(body: bytes) -> AsyncIterator[bytes]:
    """The bytes in one piece."""
    yield body

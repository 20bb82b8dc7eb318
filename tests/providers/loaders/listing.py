"""What tests of loaders share: a reach with everything allowed here, and a listing with its bytes."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

from pydantic import TypeAdapter

from girih.providers.loaders.base import Item, Loader
from girih.providers.loaders.opening import open_loader
from girih.providers.loaders.options import Source
from girih.providers.loaders.reach import Reach
from girih.providers.outbound import OutboundClient

SOURCE: TypeAdapter[Source] = TypeAdapter(Source)


def reach(
    endpoints: Mapping[str, str] | None = None,
    folders: Iterable[Path] = (),
    secrets: Mapping[str, str] | None = None,
    max_bytes: int = 2**20,
) -> Reach:
    bound = dict(endpoints or {})
    client = OutboundClient([url for url in bound.values() if url.startswith("http")])
    return Reach(client, bound, tuple(folders), (secrets or {}).get, max_bytes)


def loader(at: Reach, *, state: Mapping[str, str] | None = None, whole: bool = False, **options: Any) -> Loader:
    return open_loader(SOURCE.validate_python(options), at, state or {}, whole=whole)


async def listed(source: Loader, after: str | None = None) -> list[Item]:
    return [item async for page in source.pages(after) for item in page.items]


async def state_of(source: Loader) -> dict[str, str]:
    found: dict[str, str] = {}
    async for page in source.pages(None):
        found |= page.state
    return found


async def fetched(source: Loader, item: Item, known: str | None = None) -> bytes:
    async with source.fetch(item, known) as content:
        return b"".join([piece async for piece in content.pieces])

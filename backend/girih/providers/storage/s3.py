"""Storage in a bucket that speaks the protocol of Amazon S3: Amazon's own, MinIO, Ceph, Cloudflare R2 and others."""

from __future__ import annotations

import logging
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, contextmanager
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING, NoReturn
from urllib.parse import urlsplit

import obstore
from obstore.exceptions import BaseError
from obstore.store import S3Store

from girih.errors import InvalidInput, NotFound, Unavailable
from girih.providers.storage.base import PIECE

if TYPE_CHECKING:
    from obstore import GetOptions
    from obstore.store import S3Config

_log = logging.getLogger(__name__)

PART = 8 * 2**20
"""Bytes of a part of a large object; two travel at once."""
_AT_ONCE = 2
_ABSENT = (FileNotFoundError, obstore.exceptions.NotFoundError)


@dataclass(frozen=True)
class Bucket:
    """Where a bucket is, as the operator set it. No `endpoint` is Amazon's own; no keys: those the machine has."""

    url: str
    endpoint: str = ""
    region: str = ""
    access_key: str = ""
    secret_key: str = ""


class S3Storage:
    """Objects in one bucket, below one prefix. Nothing but the endpoint that the operator set is ever asked."""

    def __init__(self, bucket: Bucket) -> None:
        name, prefix = _parts(bucket.url)
        config: S3Config = {"region": bucket.region or "us-east-1"}
        if bucket.endpoint:
            config["endpoint"] = bucket.endpoint
        if bucket.access_key:
            config["access_key_id"], config["secret_access_key"] = bucket.access_key, bucket.secret_key
        self._store = S3Store(
            name,
            prefix=prefix or None,
            # Plain http only where the operator wrote it so.
            client_options={
                "allow_http": bucket.endpoint.startswith("http://"),
                "connect_timeout": "5s",
                "timeout": "120s",
            },
            retry_config={"max_retries": 3, "retry_timeout": timedelta(seconds=30)},
            config=config,
        )

    async def put(self, key: str, source: Path) -> None:
        """Keep the file's bytes under the key, whole or not at all."""
        with _faults():
            await obstore.put_async(self._store, key, source, chunk_size=PART, max_concurrency=_AT_ONCE)

    async def put_bytes(self, key: str, data: bytes) -> None:
        """Keep the bytes under the key, whole or not at all."""
        with _faults():
            await obstore.put_async(self._store, key, data, chunk_size=PART, max_concurrency=_AT_ONCE)

    async def get_bytes(self, key: str) -> bytes | None:
        """All bytes under the key; `None` if there is nothing."""
        with _faults():
            try:
                return bytes(await (await obstore.get_async(self._store, key)).bytes_async())
            except _ABSENT:
                return None

    async def read(self, key: str, start: int = 0, end: int | None = None) -> AsyncIterator[bytes]:
        """The bytes from `start` to before `end`, piece by piece. Raises `NotFound` at the first piece."""
        if end is not None and end <= start:
            return
        options: GetOptions = {"range": {"offset": start}} if end is None else {"range": (start, end)}
        with _faults():
            try:
                found = await obstore.get_async(self._store, key, options=options)
            except _ABSENT:
                _gone()
            async for piece in found.stream(min_chunk_size=PIECE):
                yield bytes(piece)

    @asynccontextmanager
    async def file(self, key: str) -> AsyncIterator[Path]:
        """A copy of the object in a folder of its own, gone when the context closes. Raises `NotFound`."""
        with TemporaryDirectory(prefix="girih-") as folder:
            path = Path(folder) / "object"
            with path.open("xb") as file:
                async for piece in self.read(key):
                    file.write(piece)
            yield path

    async def size(self, key: str) -> int | None:
        """The number of bytes under the key; `None` if there is nothing."""
        with _faults():
            try:
                return (await obstore.head_async(self._store, key))["size"]
            except _ABSENT:
                return None

    async def keys(self, prefix: str) -> AsyncIterator[str]:
        """Every key below `prefix`, in the order of the bucket."""
        with _faults():
            async for found in obstore.list(self._store, prefix.removesuffix("/"), chunk_size=500):
                for each in found:
                    yield each["path"]

    async def delete(self, key: str) -> None:
        """Forget the key; one that is not there is no fault."""
        with _faults():
            await obstore.delete_async(self._store, key)

    async def delete_all(self, prefix: str) -> None:
        """Forget every key below `prefix`."""
        with _faults():
            async for found in obstore.list(self._store, prefix.removesuffix("/"), chunk_size=500):
                await obstore.delete_async(self._store, [each["path"] for each in found])


def _parts(url: str) -> tuple[str, str]:
    parts = urlsplit(url)
    if parts.scheme != "s3" or not parts.netloc:
        raise InvalidInput(f"GIRIH_STORAGE_URL is not the address of a bucket: {url}", help="write s3://bucket/prefix")
    return parts.netloc, parts.path.strip("/")


@contextmanager
def _faults() -> Iterator[None]:
    try:
        yield
    except (BaseError, OSError) as fault:
        # The library's own words name addresses and headers: they are for the server's log only.
        _log.warning("storage: %s", fault)
        raise Unavailable("the storage of files does not answer", help="try again in a moment") from fault


def _gone() -> NoReturn:
    raise NotFound("the file is not in storage any more")

"""Objects of a bucket: the official library signs and reads, the guarded client sends."""

from __future__ import annotations

import asyncio
import io
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager
from typing import Any

from girih.providers.loaders.base import Content, Item, ItemFault, Page, SourceFault
from girih.providers.loaders.door import Door, can_pass
from girih.providers.loaders.extras import extra
from girih.providers.loaders.globs import Globs
from girih.providers.loaders.options import S3Source
from girih.providers.loaders.reach import Reach
from girih.providers.outbound import OutboundClient, OutboundError

_PAGE_KEYS = 200
_TIMEOUT = 30.0
_WORDS = {
    "NoSuchBucket": "there is no such bucket",
    "AccessDenied": "the keys may not list this bucket",
    "InvalidAccessKeyId": "the access key is not known there",
    "SignatureDoesNotMatch": "the secret key is not the right one",
    "AuthorizationHeaderMalformed": "the region is not the bucket's",
    "PermanentRedirect": "the region is not the bucket's",
}


class S3Loader:
    """Lists by ETag. Keys that end in `/` are folders and no objects."""

    is_whole = True

    def __init__(self, options: S3Source, reach: Reach) -> None:
        self._options = options
        self._globs = Globs(options.include, options.exclude)
        self._max_bytes = reach.max_bytes
        self._http = reach.client
        self._url = reach.endpoint(options.endpoint) if options.endpoint else None
        self._keys = reach.secret(options.access_key), reach.secret(options.secret_key)
        self._client: Any = None

    async def pages(self, after: str | None) -> AsyncIterator[Page]:
        """See `Loader`."""
        client = await self._made()
        while True:
            asked = {"Bucket": self._options.bucket, "Prefix": self._options.prefix, "MaxKeys": _PAGE_KEYS}
            listed = await self._asked(client.list_objects_v2, asked | ({"StartAfter": after} if after else {}))
            found = listed.get("Contents", [])
            if not found:
                return
            after = str(found[-1]["Key"])
            yield Page(tuple(self._items(found)), after)
            if not listed.get("IsTruncated"):
                return

    @asynccontextmanager
    async def fetch(self, item: Item, known: str | None) -> AsyncIterator[Content]:
        """See `Loader`."""
        client = await self._made()
        wanted = {"Bucket": self._options.bucket, "Key": item.ref}
        # The address carries the signature for five minutes; it is written nowhere.
        url = await asyncio.to_thread(client.generate_presigned_url, "get_object", Params=wanted, ExpiresIn=300)
        conditions = {"if-none-match": known} if known else {}
        try:
            async with Door(self._http).open(url, conditions, self._max_bytes) as answer:
                kind = answer.headers.get("content-type", "")
                yield Content(answer.pieces, mark=answer.headers.get("etag"), media_type=kind or None)
        except OutboundError as fault:
            raise ItemFault(fault.message, help=fault.help) from fault

    def _items(self, found: list[dict[str, Any]]) -> Iterator[Item]:
        for each in found:
            key = str(each["Key"])
            path = key.removeprefix(self._options.prefix).lstrip("/")
            if path and not key.endswith("/") and self._globs.take(path):
                yield Item(key, path, each.get("ETag"), each.get("Size"))

    async def _asked(self, method: Any, asked: dict[str, Any]) -> dict[str, Any]:
        errors = extra("botocore.exceptions", "s3")
        try:
            answer: dict[str, Any] = await asyncio.to_thread(method, **asked)
        except errors.ClientError as fault:
            code = str(fault.response.get("Error", {}).get("Code", ""))
            said = _WORDS.get(code, f"the server refuses it ({code[:40] or 'without a reason'})")
            raise SourceFault(f"the bucket '{self._options.bucket}' cannot be listed: {said}") from fault
        except OutboundError as fault:
            raise SourceFault(fault.message, help=fault.help, can_pass=can_pass(fault)) from fault
        except errors.BotoCoreError as fault:
            raise SourceFault(f"the bucket '{self._options.bucket}' cannot be listed") from fault
        return answer

    async def _made(self) -> Any:
        if self._client is None:
            self._client = await asyncio.to_thread(self._make, asyncio.get_running_loop())
        return self._client

    def _make(self, loop: asyncio.AbstractEventLoop) -> Any:
        """The library's client, with keys of ours only: never those of the machine it runs on."""
        config = extra("botocore.config", "s3")
        unsigned = extra("botocore", "s3").UNSIGNED
        access, secret = self._keys
        session = extra("botocore.session", "s3").Session()
        client = session.create_client(
            "s3",
            region_name=self._options.region,
            endpoint_url=self._url,
            aws_access_key_id=access or "none",
            aws_secret_access_key=secret or "none",
            config=config.Config(
                signature_version="s3v4" if access else unsigned,
                s3={"addressing_style": "path" if self._url else "auto"},
                retries={"total_max_attempts": 2},
                proxies={},
            ),
        )
        client.meta.events.register_first("before-send.s3", _Sender(self._http, loop))
        return client


class _Sender:
    """Stands where the library would open a connection, and asks through the guard."""

    def __init__(self, client: OutboundClient, loop: asyncio.AbstractEventLoop) -> None:
        self._client = client
        self._loop = loop
        self._answer = extra("botocore.awsrequest", "s3").AWSResponse

    def __call__(self, request: Any, **_: Any) -> Any:
        """The answer to a prepared request. Called in a thread beside the loop."""
        headers = {
            name: value.decode() if isinstance(value, bytes) else str(value) for name, value in request.headers.items()
        }
        asked = self._client.request(request.method, request.url, timeout=_TIMEOUT, headers=headers)
        found = asyncio.run_coroutine_threadsafe(asked, self._loop).result()
        return self._answer(request.url, found.status, dict(found.headers), _Raw(found.body))


class _Raw(io.BytesIO):
    """A body as the library reads it."""

    def stream(self, **_: Any) -> Iterator[bytes]:
        """All of it."""
        yield self.read()

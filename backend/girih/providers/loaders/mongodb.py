"""Documents of a MongoDB collection: found by a filter, ordered by `_id`, newer ones only where a cursor is known."""

from __future__ import annotations

import json
from collections.abc import AsyncIterator, Mapping
from contextlib import AbstractAsyncContextManager
from typing import Any

from girih.providers.loaders.base import PAGE, PAGE_BYTES, Content, Item, Page, SourceFault
from girih.providers.loaders.extras import extra
from girih.providers.loaders.options import MongoSource
from girih.providers.loaders.reach import Reach
from girih.providers.loaders.records import content_of, item_of, plain

_ID = "_id"
_CONNECT_MS = 10_000


class MongoLoader:
    """Lists documents with their text. With a cursor a listing is not whole, as with queries."""

    def __init__(self, options: MongoSource, reach: Reach, state: Mapping[str, str], *, whole: bool) -> None:
        self._options = options
        self._url = reach.endpoint(options.endpoint)
        if not self._url.startswith(("mongodb://", "mongodb+srv://")):
            raise SourceFault(f"the endpoint '{options.endpoint}' is no MongoDB")
        self._login = {"username": options.user, "password": reach.secret(options.password)} if options.user else {}
        self._since = None if whole or options.cursor is None else state.get("cursor")
        self._max_bytes = reach.max_bytes
        self._json = extra("bson.json_util", "mongodb")
        self._newest: Any = self._read(self._since) if self._since else None

    @property
    def is_whole(self) -> bool:
        """See `Loader`."""
        return self._since is None

    async def pages(self, after: str | None) -> AsyncIterator[Page]:
        """See `Loader`."""
        items: list[Item] = []
        size = count = 0
        last: Any = None
        async for record in self._records(after):
            count += 1
            if count > self._options.max_rows:
                raise SourceFault(f"the filter fits more than {self._options.max_rows}", help="raise `max_rows`")
            self._note(record)
            last = record[_ID]
            items.append(item := item_of(self._options, _key(last), [_without_id(record)], self._max_bytes))
            size += len(item.body or b"")
            if len(items) >= PAGE or size >= PAGE_BYTES:
                yield Page(tuple(items), self._json.dumps(last))
                items, size = [], 0
        state = {} if self._newest is None else {"cursor": self._json.dumps(self._newest)}
        yield Page(tuple(items), self._json.dumps(last) if items else after, state)

    def fetch(self, item: Item, known: str | None) -> AbstractAsyncContextManager[Content]:
        """See `Loader`."""
        del known
        return content_of(item, self._max_bytes)

    async def _records(self, after: str | None) -> AsyncIterator[dict[str, Any]]:
        errors = extra("pymongo.errors", "mongodb")
        client = self._client()
        try:
            found = client[self._options.database][self._options.collection].find(
                self._filter(after), self._projection() or None, batch_size=PAGE
            )
            async for record in found.sort(_ID, 1).max_time_ms(int(self._options.timeout * 1000)):
                yield record
        except errors.OperationFailure as fault:
            raise SourceFault(f"the database refuses it: {_said(fault)}") from fault
        except errors.ConnectionFailure as fault:
            raise SourceFault("the database does not answer", can_pass=True) from fault
        except errors.PyMongoError as fault:
            raise SourceFault(f"the collection cannot be read ({type(fault).__name__})") from fault
        finally:
            await client.close()

    def _client(self) -> Any:
        errors = extra("pymongo.errors", "mongodb")
        try:
            return extra("pymongo", "mongodb").AsyncMongoClient(
                self._url,
                **self._login,
                serverSelectionTimeoutMS=_CONNECT_MS,
                connectTimeoutMS=_CONNECT_MS,
                socketTimeoutMS=int(self._options.timeout * 1000) + _CONNECT_MS,
                appname="girih",
                tz_aware=True,
            )
        except (errors.PyMongoError, ValueError) as fault:
            raise SourceFault(f"the endpoint '{self._options.endpoint}' is no usable address of MongoDB") from fault

    def _filter(self, after: str | None) -> dict[str, Any]:
        conditions = [self._read(json.dumps(self._options.filter))] if self._options.filter else []
        if self._since is not None:
            conditions.append({str(self._options.cursor): {"$gte": self._read(self._since)}})
        if after is not None:
            conditions.append({_ID: {"$gt": self._read(after)}})
        return {"$and": conditions} if conditions else {}

    def _read(self, text: str) -> Any:
        """A value from extended JSON; times carry their zone, as those of the driver do here."""
        return self._json.loads(text, json_options=self._json.JSONOptions(tz_aware=True))

    def _projection(self) -> dict[str, Any]:
        """What the author chose, and what we need besides."""
        chosen: dict[str, Any] = dict(self._options.projection)
        if self._options.cursor and any(value for name, value in chosen.items() if name != _ID):
            chosen.setdefault(self._options.cursor, 1)
        chosen.pop(_ID, None)
        return chosen

    def _note(self, record: Mapping[str, Any]) -> None:
        found = record.get(self._options.cursor) if self._options.cursor else None
        if found is None:
            return
        try:
            self._newest = found if self._newest is None else max(self._newest, found)
        except TypeError as fault:
            raise SourceFault("the cursor's field holds values of several types") from fault


def _key(value: Any) -> str:
    found = plain(value)
    return found if isinstance(found, str) else json.dumps(found, sort_keys=True)


def _without_id(record: Mapping[str, Any]) -> dict[str, Any]:
    return {name: value for name, value in record.items() if name != _ID}


def _said(fault: Any) -> str:
    """The server's own sentence."""
    details = fault.details if isinstance(fault.details, dict) else {}
    return str(details.get("errmsg", "it gives no reason"))[:300]

"""What one visit of a node has done already: results by key, recorded durably, so that a resume repeats none of it."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Mapping
from typing import TypeVar

from girih.engine.checkpoints import CheckpointStore
from girih.engine.failures import InterruptedRunError
from girih.engine.serializer import pack, unpack
from girih.language.spec.tree import JsonValue

T = TypeVar("T")


class Ledger:
    """The results of one visit, in the namespace `ns`. With `is_new` nothing is stored there yet."""

    def __init__(self, store: CheckpointStore, ns: str, *, is_new: bool) -> None:
        self._store = store
        self._ns = ns
        self._known: dict[str, bytes] | None = {} if is_new else None
        self._pending: dict[str, bytes] = {}
        self._lock = asyncio.Lock()
        self.under_way: set[str] = set()
        """The keys of work that is being done."""

    async def once(self, key: str, work: Callable[[], Awaitable[JsonValue]]) -> JsonValue:
        """The recorded result under that key, else that of `work`, recorded before it is given."""
        known = await self._load()
        if key in known:
            return unpack(known[key])
        self.under_way.add(key)
        try:
            result = await work()
        finally:
            self.under_way.discard(key)
        await self._record(key, pack(result))
        return result

    def again(self) -> None:
        """The visit begins anew, over what is recorded."""
        self._known = None

    async def _load(self) -> Mapping[str, bytes]:
        if self._known is None:
            async with self._lock:
                if self._known is None:
                    self._known = await stored(self._store.recorded(self._ns))
        return self._known

    async def _record(self, key: str, data: bytes) -> None:
        """One commit takes along all that has come together while the one before it was under way."""
        self._pending[key] = data
        async with self._lock:
            if key not in self._pending:
                return
            batch, self._pending = self._pending, {}
            try:
                await stored(self._store.record(self._ns, batch))
            except BaseException:
                self._pending = {**batch, **self._pending}
                raise


async def stored(commit: Awaitable[T]) -> T:
    """Await the store; its faults are not the node's. Raises `InterruptedRunError`."""
    try:
        return await commit
    except Exception as error:
        raise InterruptedRunError(error) from error

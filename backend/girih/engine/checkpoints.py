"""Checkpoints of one run: what a store has to do, and the adapter that makes LangGraph write into it."""

from __future__ import annotations

import asyncio
from collections import defaultdict
from collections.abc import AsyncIterator, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any, Protocol, cast

from langchain_core.runnables import RunnableConfig
from langgraph.checkpoint.base import (
    WRITES_IDX_MAP,
    BaseCheckpointSaver,
    ChannelVersions,
    Checkpoint,
    CheckpointMetadata,
    CheckpointTuple,
    get_checkpoint_id,
    get_checkpoint_metadata,
)

from girih.engine.parts import EMPTY, Blob, Growing, by_version
from girih.engine.serializer import PlainSerializer, pack, reading_stored, unpack
from girih.engine.versions import GOES_TO, Kept, versions_of

ERROR = "__error__"
"""LangGraph's name for what a failed task leaves."""

Write = tuple[int, str, str, bytes]
"""Index, channel, type, data."""

StoredWrite = tuple[str, str, int, str, str, bytes]
"""Task id, task path, index, channel, type, data."""


@dataclass(frozen=True)
class StoredCheckpoint:
    """One checkpoint as a store gives it back.

    `writes` are ordered by task path, task id and index.
    """

    ns: str
    checkpoint_id: str
    parent_id: str | None
    checkpoint: bytes
    metadata: bytes
    blobs: tuple[Blob, ...]
    writes: tuple[StoredWrite, ...]


class CheckpointStore(Protocol):
    """Keeps the checkpoints of one run for the holder of its fence. Raises `LeaseLost` once that fence is lost.

    Ids sort as text in the order of time, and so do the versions of a channel. Bytes are opaque.
    """

    async def put(
        self,
        ns: str,
        checkpoint_id: str,
        parent_id: str | None,
        checkpoint: bytes,
        metadata: bytes,
        blobs: Sequence[Blob],
    ) -> None:
        """Keep a checkpoint and the blobs that are new with it, in one commit. Doing it twice changes nothing."""
        ...

    async def put_writes(
        self, ns: str, checkpoint_id: str, task_id: str, task_path: str, writes: Sequence[Write]
    ) -> None:
        """Keep a finished task's writes on the checkpoint it started from.

        A write with an index of 0 or more that is already kept stays as it is; one below 0 is replaced.
        """
        ...

    async def get(self, ns: str, checkpoint_id: str | None) -> StoredCheckpoint | None:
        """The checkpoint of that id, `None` for the latest, with at least the blobs it names."""
        ...

    async def list(self, ns: str | None, before: str | None, limit: int | None) -> list[StoredCheckpoint]:
        """Checkpoints, latest first: of one namespace or all, with an id below `before`, at most `limit`."""
        ...

    async def record(self, ns: str, entries: Mapping[str, bytes]) -> None:
        """Keep results by key, in one commit. The same key again replaces what was there."""
        ...

    async def recorded(self, ns: str) -> dict[str, bytes]:
        """Everything that was recorded in exactly that namespace, by key."""
        ...

    async def discard(self, ns: str) -> None:
        """Forget the checkpoints, writes and records of a namespace, and of all whose names begin with it."""
        ...


@dataclass(frozen=True)
class _Put:
    checkpoint_id: str
    parent_id: str | None
    checkpoint: bytes
    metadata: bytes
    blobs: tuple[Blob, ...]


GRACE_TURNS = 6
"""How many turns of the event loop a task's writes wait for the checkpoint that contains them."""


class RunSaver(BaseCheckpointSaver[str]):
    """LangGraph's checkpoints of one graph of one run, in as few commits as the promise allows.

    `ns` is the graph's place in the run: empty for the run's own graph, else a name of its own for each execution of
    a subgraph. With `empty=True` nothing is stored there yet. Then the first look-up is spared, and so are the
    checkpoints before the first node has finished: they hold nothing that starting over from the inputs would not
    give, so the first token waits for no commit.

    The writes of the last task of a step are followed at once by a checkpoint that contains them; they are stored on
    their own only when that checkpoint does not come (a branch that waits for a slower one).
    """

    def __init__(self, store: CheckpointStore, ns: str = "", *, empty: bool = False) -> None:
        super().__init__(serde=PlainSerializer())
        self._store = store
        self._ns = ns
        self._empty = empty
        self._held: _Put | None = None
        self._contained: str | None = None
        """The checkpoint whose tasks' writes the newest checkpoint contains."""
        self._kept: dict[str, Kept] = defaultdict(Kept)
        """What is stored, by namespace."""
        self._growing: dict[str, Growing] = defaultdict(Growing)

    def get_next_version(self, current: str | None, channel: None = None) -> str:  # noqa: ARG002 - LangGraph's signature
        """Versions are counts as text of one length, so that a store can sort them."""
        return f"{int(current or 0) + 1:010d}"

    async def aget_tuple(self, config: RunnableConfig) -> CheckpointTuple | None:
        """The checkpoint `config` names, else the latest."""
        if self._empty:
            return None
        stored = await self._store_of(config).get(self._stored_ns(config), get_checkpoint_id(config))
        return self._tuple(config, stored) if stored is not None else None

    async def alist(
        self,
        config: RunnableConfig | None,
        *,
        filter: dict[str, Any] | None = None,
        before: RunnableConfig | None = None,
        limit: int | None = None,
    ) -> AsyncIterator[CheckpointTuple]:
        """The run's checkpoints, latest first. `config` is needed: a saver knows one run only."""
        if config is None:
            raise ValueError("a run's saver lists the checkpoints of one run: config is needed")
        named = config["configurable"].get("checkpoint_ns")
        ns = None if named is None and not self._ns else self._stored_ns(config)
        wanted = get_checkpoint_id(config)
        upper = get_checkpoint_id(before) if before else None
        found = 0
        for stored in await self._store_of(config).list(ns, upper, None if filter or wanted else limit):
            item = self._tuple(config, stored)
            if (wanted and stored.checkpoint_id != wanted) or not _fits(item.metadata, filter):
                continue
            if limit is not None and found >= limit:
                return
            found += 1
            yield item

    async def aput(
        self,
        config: RunnableConfig,
        checkpoint: Checkpoint,
        metadata: CheckpointMetadata,
        new_versions: ChannelVersions,
    ) -> RunnableConfig:
        """Store one checkpoint. Raises `NotPlainError` when a channel holds more than plain data."""
        put = self._prepared(config, checkpoint, metadata, new_versions)
        self._contained = put.parent_id
        if self._held is not None:
            held = [blob for blob in self._held.blobs if blob[0] in checkpoint["channel_values"]]
            put = replace(put, parent_id=None, blobs=_merged(held, put.blobs))
            self._held = None
        if self._empty and metadata.get("step", 0) <= 0:
            self._held = put
            self._growing[self._stored_ns(config)].forget()
        else:
            self._empty = False
            await self._send(config, put)
        return _config(config, config["configurable"].get("checkpoint_ns", ""), checkpoint["id"])

    async def aput_writes(
        self, config: RunnableConfig, writes: Sequence[tuple[str, Any]], task_id: str, task_path: str = ""
    ) -> None:
        """Store what a task wrote, before the next checkpoint takes it over."""
        if all(channel == ERROR for channel, _ in writes):
            return  # a resume runs a failed node again, whatever is known of its failure
        checkpoint_id = config["configurable"]["checkpoint_id"]
        if self._contained != checkpoint_id and await self._is_contained_soon(checkpoint_id):
            return
        rows = [
            (WRITES_IDX_MAP.get(channel, index), channel, *self.serde.dumps_typed(_recordable(value)))
            for index, (channel, value) in enumerate(writes)
        ]
        if self._held is not None:
            held, self._held, self._empty = self._held, None, False
            await self._send(config, held)
        await self._store_of(config).put_writes(self._stored_ns(config), checkpoint_id, task_id, task_path, rows)

    async def _is_contained_soon(self, checkpoint_id: str) -> bool:
        for _ in range(GRACE_TURNS):
            await asyncio.sleep(0)
            if self._contained == checkpoint_id:
                return True
        return False

    def _prepared(
        self, config: RunnableConfig, checkpoint: Checkpoint, metadata: CheckpointMetadata, versions: ChannelVersions
    ) -> _Put:
        slim = cast("dict[str, Any]", checkpoint.copy())
        values = slim.pop("channel_values")
        growing = self._growing[self._stored_ns(config)]
        blobs = tuple(
            growing.blob(name, str(version), values[name]) if name in values else (name, str(version), EMPTY, b"")
            for name, version in versions.items()
            if name in values or not name.startswith(GOES_TO)
        )
        kept = self._kept[self._stored_ns(config)]
        kept.note(blobs)
        kept.slim(slim, values, get_checkpoint_id(config), versions)
        return _Put(
            checkpoint["id"],
            get_checkpoint_id(config),
            pack(slim),
            pack(get_checkpoint_metadata(config, metadata)),
            blobs,
        )

    async def _send(self, config: RunnableConfig, put: _Put) -> None:
        await self._store_of(config).put(
            self._stored_ns(config), put.checkpoint_id, put.parent_id, put.checkpoint, put.metadata, put.blobs
        )

    def _store_of(self, config: RunnableConfig) -> CheckpointStore:  # noqa: ARG002 - one run, whatever thread is named
        return self._store

    def _stored_ns(self, config: RunnableConfig) -> str:
        inner = str(config["configurable"].get("checkpoint_ns") or "")
        return f"{self._ns}|{inner}" if self._ns and inner else self._ns or inner

    def _tuple(self, config: RunnableConfig, stored: StoredCheckpoint) -> CheckpointTuple:
        with reading_stored():
            checkpoint = unpack(stored.checkpoint)
            self._kept[stored.ns].note(stored.blobs)
            named = checkpoint["channel_versions"] = versions_of(checkpoint, stored.blobs)
            checkpoint["channel_values"] = self._growing[stored.ns].read(by_version(stored.blobs), named)
            metadata = dict(unpack(stored.metadata))
        ns = stored.ns.removeprefix(self._ns).removeprefix("|") if self._ns else stored.ns
        return CheckpointTuple(
            config=_config(config, ns, stored.checkpoint_id),
            checkpoint=checkpoint,
            metadata=cast("CheckpointMetadata", metadata),
            parent_config=_config(config, ns, stored.parent_id) if stored.parent_id else None,
            pending_writes=[
                (task, channel, self.serde.loads_typed((form, data)))
                for task, _, _, channel, form, data in stored.writes
            ],
        )


def _fits(metadata: CheckpointMetadata, wanted: dict[str, Any] | None) -> bool:
    known = cast("dict[str, Any]", metadata)
    return all(known.get(key) == value for key, value in (wanted or {}).items())


def _merged(older: Sequence[Blob], newer: Sequence[Blob]) -> tuple[Blob, ...]:
    """One blob per channel, the newer one: what a checkpoint needs that replaces the one before it."""
    return tuple(({blob[0]: blob for blob in older} | {blob[0]: blob for blob in newer}).values())


def _recordable(value: Any) -> Any:
    """An exception's name only: a resume runs the failed node again, and its text may hold anything."""
    return {"error": type(value).__name__} if isinstance(value, BaseException) else value


def _config(config: RunnableConfig, ns: str, checkpoint_id: str) -> RunnableConfig:
    thread = config["configurable"]["thread_id"]
    return {"configurable": {"thread_id": thread, "checkpoint_ns": ns, "checkpoint_id": checkpoint_id}}

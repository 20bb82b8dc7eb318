"""A checkpoint store that remembers whether anything was written: what was not need not be discarded."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from girih.engine.checkpoints import CheckpointStore, StoredCheckpoint, Write
from girih.engine.parts import Blob


@dataclass
class MarkedStore:
    """The run's store, as one item of a list uses it."""

    store: CheckpointStore
    is_marked: bool

    async def put(
        self,
        ns: str,
        checkpoint_id: str,
        parent_id: str | None,
        checkpoint: bytes,
        metadata: bytes,
        blobs: Sequence[Blob],
    ) -> None:
        """See `CheckpointStore`."""
        self.is_marked = True
        await self.store.put(ns, checkpoint_id, parent_id, checkpoint, metadata, blobs)

    async def put_writes(
        self, ns: str, checkpoint_id: str, task_id: str, task_path: str, writes: Sequence[Write]
    ) -> None:
        """See `CheckpointStore`."""
        self.is_marked = True
        await self.store.put_writes(ns, checkpoint_id, task_id, task_path, writes)

    async def get(self, ns: str, checkpoint_id: str | None) -> StoredCheckpoint | None:
        """See `CheckpointStore`."""
        return await self.store.get(ns, checkpoint_id)

    async def list(self, ns: str | None, before: str | None, limit: int | None) -> list[StoredCheckpoint]:
        """See `CheckpointStore`."""
        return await self.store.list(ns, before, limit)

    async def record(self, ns: str, entries: Mapping[str, bytes]) -> None:
        """See `CheckpointStore`."""
        self.is_marked = True
        await self.store.record(ns, entries)

    async def recorded(self, ns: str) -> dict[str, bytes]:
        """See `CheckpointStore`."""
        return await self.store.recorded(ns)

    async def discard(self, ns: str) -> None:
        """See `CheckpointStore`."""
        await self.store.discard(ns)

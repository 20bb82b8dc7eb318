"""Checkpoints in memory: the store's double for tests and for runs that need not survive their process."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from girih.engine.checkpoints import StoredCheckpoint, StoredWrite, Write
from girih.engine.parts import Blob


@dataclass
class MemoryCheckpointStore:
    """Keeps one run's checkpoints in a process's memory, with the meaning of the durable store."""

    _checkpoints: dict[tuple[str, str], tuple[str | None, bytes, bytes]] = field(default_factory=dict)
    _blobs: dict[tuple[str, str, str], tuple[str, bytes]] = field(default_factory=dict)
    _records: dict[str, dict[str, bytes]] = field(default_factory=dict)
    _writes: dict[tuple[str, str], dict[tuple[str, int], tuple[str, str, str, bytes]]] = field(default_factory=dict)

    async def put(
        self,
        ns: str,
        checkpoint_id: str,
        parent_id: str | None,
        checkpoint: bytes,
        metadata: bytes,
        blobs: Sequence[Blob],
    ) -> None:
        """Keep a checkpoint and its new blobs."""
        self._blobs.update({(ns, channel, version): (form, data) for channel, version, form, data in blobs})
        self._checkpoints[ns, checkpoint_id] = (parent_id, checkpoint, metadata)

    async def put_writes(
        self, ns: str, checkpoint_id: str, task_id: str, task_path: str, writes: Sequence[Write]
    ) -> None:
        """Keep a task's writes; those at 0 and above once only."""
        kept = self._writes.setdefault((ns, checkpoint_id), {})
        for index, channel, form, data in writes:
            if index < 0 or (task_id, index) not in kept:
                kept[task_id, index] = (task_path, channel, form, data)

    async def get(self, ns: str, checkpoint_id: str | None) -> StoredCheckpoint | None:
        """The checkpoint of that id or the latest, with all of the namespace's blobs."""
        if checkpoint_id is None:
            checkpoint_id = max((name for space, name in self._checkpoints if space == ns), default=None)
        if checkpoint_id is None or (ns, checkpoint_id) not in self._checkpoints:
            return None
        return self._stored(ns, checkpoint_id)

    async def list(self, ns: str | None, before: str | None, limit: int | None) -> list[StoredCheckpoint]:
        """Checkpoints, latest first."""
        names = sorted(
            (
                (name, space)
                for space, name in self._checkpoints
                if (ns is None or space == ns) and (before is None or name < before)
            ),
            reverse=True,
        )
        return [self._stored(space, name) for name, space in names[:limit]]

    async def record(self, ns: str, entries: Mapping[str, bytes]) -> None:
        """Keep results by key."""
        self._records.setdefault(ns, {}).update(entries)

    async def recorded(self, ns: str) -> dict[str, bytes]:
        """What was recorded in that namespace."""
        return dict(self._records.get(ns, {}))

    async def discard(self, ns: str) -> None:
        """Forget a namespace and all whose names begin with it."""
        self._checkpoints = {key: kept for key, kept in self._checkpoints.items() if not key[0].startswith(ns)}
        self._blobs = {key: kept for key, kept in self._blobs.items() if not key[0].startswith(ns)}
        self._writes = {key: kept for key, kept in self._writes.items() if not key[0].startswith(ns)}
        self._records = {name: kept for name, kept in self._records.items() if not name.startswith(ns)}

    def _stored(self, ns: str, checkpoint_id: str) -> StoredCheckpoint:
        parent_id, checkpoint, metadata = self._checkpoints[ns, checkpoint_id]
        writes: list[StoredWrite] = sorted(
            (path, task, index, channel, form, data)
            for (task, index), (path, channel, form, data) in self._writes.get((ns, checkpoint_id), {}).items()
        )
        return StoredCheckpoint(
            ns=ns,
            checkpoint_id=checkpoint_id,
            parent_id=parent_id,
            checkpoint=checkpoint,
            metadata=metadata,
            blobs=tuple((c, v, f, d) for (space, c, v), (f, d) in self._blobs.items() if space == ns),
            writes=tuple((task, path, index, channel, form, data) for path, task, index, channel, form, data in writes),
        )

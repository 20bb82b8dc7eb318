"""A run's checkpoints in PostgreSQL: written by its journal, one statement each, under its fence."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Protocol, TypeAlias
from uuid import UUID

from sqlalchemy import ColumnElement, and_, select, tuple_
from sqlalchemy.dialects.postgresql import distinct_on

from girih.db.tenancy import OrgScope
from girih.db.unit_of_work import UnitOfWork, Work
from girih.engine.checkpoints import StoredCheckpoint, StoredWrite, Write
from girih.engine.parts import Blob, beneath
from girih.engine.stored_state import leads_on
from girih.services.runs.backlog import Covers, everything, nothing, of_records, within
from girih.services.runs.crash import CrashPoints
from girih.services.runs.tables import OfRun, RunCheckpoint, RunCheckpointBlob, RunCheckpointWrite, RunRecord

Found: TypeAlias = list[StoredCheckpoint]
BlobsBySpace: TypeAlias = dict[str, list[Blob]]
WritesByCheckpoint: TypeAlias = dict[tuple[str, str], list[StoredWrite]]


class Writer(Protocol):
    """The run's journal, as its checkpoints see it."""

    async def write(self, function: str, *arguments: object, covers: Covers = everything) -> int:
        """Commit what the function writes, with the events before it that are true then."""
        ...


class Later(Protocol):
    """Where the run's last checkpoint waits for the commit that ends the run."""

    async def put_off(self, function: str, *arguments: object, covers: Covers) -> None:
        """Leave that for the commit that ends the run."""
        ...

    async def catch_up(self) -> None:
        """Commit what was put off."""
        ...


class SqlCheckpointStore:
    """The engine's `CheckpointStore` of one run for the holder of its fence. Raises `LeaseLost` once that is lost."""

    def __init__(
        self,
        uow: UnitOfWork,
        journal: Writer,
        scope: OrgScope,
        run_id: UUID,
        crash: CrashPoints,
        later: Later | None = None,
    ) -> None:
        self._uow = uow
        self._journal = journal
        self._scope = scope
        self._run_id = run_id
        self._crash = crash
        self._later = later

    async def put(
        self,
        ns: str,
        checkpoint_id: str,
        parent_id: str | None,
        checkpoint: bytes,
        metadata: bytes,
        blobs: Sequence[Blob],
    ) -> None:
        """Keep a checkpoint, its new blobs and all events before it, in one commit.

        The one at the end of the run's own graph may be left for the commit that ends the run, which follows at once.
        """
        columns = [[blob[n] for blob in blobs] for n in range(4)]
        arguments = ns, checkpoint_id, parent_id, checkpoint, metadata, *columns
        if self._later is not None and ns == "" and not leads_on(blobs):
            await self._later.put_off("put_run_checkpoint", *arguments, covers=within(ns))
            self._crash.here("checkpoint.put_off")
            return
        self._crash.here("checkpoint.before")
        await self._journal.write("put_run_checkpoint", *arguments, covers=within(ns))
        self._crash.here("checkpoint.after")

    async def put_writes(
        self, ns: str, checkpoint_id: str, task_id: str, task_path: str, writes: Sequence[Write]
    ) -> None:
        """Keep a finished task's writes and all events before them, in one commit."""
        self._crash.here("writes.before")
        columns = [[write[n] for write in writes] for n in range(4)]
        await self._journal.write("put_run_writes", ns, checkpoint_id, task_id, task_path, *columns, covers=within(ns))
        self._crash.here("writes.after")

    async def get(self, ns: str, checkpoint_id: str | None) -> StoredCheckpoint | None:
        """The checkpoint of that id or the latest; of the latest only the newest blob of each channel is read."""
        await self._catch_up()
        query = select(RunCheckpoint).where(self._mine(RunCheckpoint), RunCheckpoint.ns == ns)
        if checkpoint_id is not None:
            query = query.where(RunCheckpoint.checkpoint_id == checkpoint_id)
        async with self._uow(self._scope) as work:
            row = await work.session.scalar(query.order_by(RunCheckpoint.checkpoint_id.desc()).limit(1))
            if row is None:
                return None
            (stored,) = await self._stored(work, [row], newest_only=checkpoint_id is None)
            return stored

    async def list(self, ns: str | None, before: str | None, limit: int | None) -> list[StoredCheckpoint]:
        """Checkpoints, latest first."""
        await self._catch_up()
        query = select(RunCheckpoint).where(self._mine(RunCheckpoint))
        if ns is not None:
            query = query.where(RunCheckpoint.ns == ns)
        if before is not None:
            query = query.where(RunCheckpoint.checkpoint_id < before)
        latest_first = query.order_by(RunCheckpoint.checkpoint_id.desc(), RunCheckpoint.ns.desc())
        async with self._uow(self._scope) as work:
            rows = (await work.session.scalars(latest_first.limit(limit))).all()
            return await self._stored(work, rows, newest_only=False)

    async def record(self, ns: str, entries: Mapping[str, bytes]) -> None:
        """Keep results by key and all events before them, in one commit. The same key again replaces what was there.

        An empty mapping commits the events alone.
        """
        self._crash.here("record.before")
        await self._journal.write(
            "put_run_records", ns, list(entries), list(entries.values()), covers=of_records(ns, frozenset(entries))
        )
        self._crash.here("record.after")

    async def recorded(self, ns: str) -> dict[str, bytes]:
        """Everything that was recorded in exactly that namespace, by key."""
        query = select(RunRecord.key, RunRecord.data).where(self._mine(RunRecord), RunRecord.ns == ns)
        async with self._uow(self._scope) as work:
            return {row.key: row.data for row in await work.session.execute(query)}

    async def discard(self, ns: str) -> None:
        """Forget the checkpoints and records of a namespace, and of all whose names begin with it."""
        await self._journal.write("discard_run_space", ns, covers=nothing)

    async def _stored(self, work: Work, rows: Sequence[RunCheckpoint], *, newest_only: bool) -> Found:
        blobs = await self._blobs(work, {row.ns for row in rows}, newest_only=newest_only)
        writes = await self._writes(work, [(row.ns, row.checkpoint_id) for row in rows])
        return [
            StoredCheckpoint(
                ns=row.ns,
                checkpoint_id=row.checkpoint_id,
                parent_id=row.parent_id,
                checkpoint=row.checkpoint,
                metadata=row.metadata_,
                blobs=tuple(blobs.get(row.ns, ())),
                writes=tuple(writes.get((row.ns, row.checkpoint_id), ())),
            )
            for row in rows
        ]

    async def _blobs(self, work: Work, spaces: set[str], *, newest_only: bool) -> BlobsBySpace:
        table = RunCheckpointBlob
        query = select(table.ns, table.channel, table.version, table.type, table.data).where(
            self._mine(table), table.ns.in_(spaces)
        )
        if newest_only:
            query = query.ext(distinct_on(table.ns, table.channel)).order_by(
                table.ns, table.channel, table.version.desc()
            )
        found: BlobsBySpace = {}
        for ns, channel, version, form, data in await work.session.execute(query):
            found.setdefault(ns, []).append((channel, version, form, data))
        if newest_only:
            await self._add_beneath(work, found)
        return found

    async def _add_beneath(self, work: Work, found: BlobsBySpace) -> None:
        """Read what the newest blobs rest on, where there is something."""
        table = RunCheckpointBlob
        for ns, blobs in found.items():
            if names := beneath(blobs):
                place = tuple_(table.channel, table.version)
                query = select(table.channel, table.version, table.type, table.data).where(
                    self._mine(table), table.ns == ns, place.in_(names)
                )
                blobs += [(row.channel, row.version, row.type, row.data) for row in await work.session.execute(query)]

    async def _writes(self, work: Work, names: Sequence[tuple[str, str]]) -> WritesByCheckpoint:
        table = RunCheckpointWrite
        query = (
            select(table)
            .where(self._mine(table), tuple_(table.ns, table.checkpoint_id).in_(names))
            .order_by(table.task_path, table.task_id, table.idx)
        )
        found: WritesByCheckpoint = {}
        for row in await work.session.scalars(query):
            write = (row.task_id, row.task_path, row.idx, row.channel, row.type, row.data)
            found.setdefault((row.ns, row.checkpoint_id), []).append(write)
        return found

    async def _catch_up(self) -> None:
        if self._later is not None:
            await self._later.catch_up()

    def _mine(self, table: type[OfRun]) -> ColumnElement[bool]:
        return and_(table.org_id == self._scope.org_id, table.run_id == self._run_id)

"""Exports: everything that an organization has, as an archive that its owners can fetch for a while."""

from __future__ import annotations

import asyncio
import json
import tempfile
from collections.abc import AsyncIterator, Collection, Sequence
from contextlib import suppress
from datetime import timedelta
from pathlib import Path
from typing import Final, NamedTuple
from uuid import UUID

import structlog

from girih.db.base import new_id
from girih.db.tenancy import OrgScope
from girih.db.unit_of_work import UnitOfWork, Work
from girih.errors import Conflict, NotFound
from girih.providers.storage.base import Storage
from girih.services.audit.service import record
from girih.services.identity import member_repository as members
from girih.services.knowledge.document_schemas import Original
from girih.services.organizations import export_repository as repository
from girih.services.organizations import inventory_repository as inventory
from girih.services.organizations.archive import Archive, digest
from girih.services.organizations.repository import organization
from girih.services.organizations.schemas import ExportOut
from girih.services.organizations.service import require_whole
from girih.services.organizations.tables import OrganizationExport

log = structlog.get_logger("girih.organizations")

KEPT: Final = timedelta(hours=24)
LEASE: Final = timedelta(minutes=5)
"""How long nobody else makes an export whose maker says nothing."""

ATTEMPTS: Final = 3
_AT_ONCE: Final = 10
_HASHES: Final = frozenset({"hash", "former_hash", "code_hash", "password", "wrapped"})
"""Columns that hold what a key, a password or a data key can be recognized or guessed by, in whatever table."""


class Withheld(NamedTuple):
    """A column that no archive holds."""

    table: str
    column: str


ANSWERS: Final = Withheld("idempotency_keys", "response")
"""Answers that may have shown a secret, once, to whoever asked for it."""


class ExportService:
    """Takes wishes for exports, makes the archives in the background, and gives them out.

    `withheld` are the columns with secrets, which are left out and named; `folder` is where archives are written.
    """

    def __init__(
        self,
        uow: UnitOfWork,
        storage: Storage,
        folder: Path,
        withheld: Collection[Withheld],
        *,
        kept: timedelta = KEPT,
    ) -> None:
        self._uow = uow
        self._storage = storage
        self._folder = folder
        self._withheld = frozenset(withheld) | {ANSWERS}
        self._kept = kept

    async def ask(self, scope: OrgScope) -> ExportOut:
        """Have everything exported. Raises `Conflict` while another export is being made."""
        require_whole(scope)
        async with self._uow(scope) as work:
            await members.hold_organization(work)
            if any(row.status in ("queued", "running") for row in await repository.exports(work)):
                raise Conflict("an export is being made already", help="wait for it, and fetch it")
            row = OrganizationExport(id=new_id(), org_id=scope.org_id, created_by=scope.actor)
            await repository.add(work, row)
            await record(work, "organization.export_asked", f"export:{row.id}", org_wide=True)
            return ExportOut.model_validate(row)

    async def exports(self, scope: OrgScope) -> list[ExportOut]:
        """Every export of the organization, the newest first."""
        async with self._uow(scope) as work:
            return [ExportOut.model_validate(row) for row in await repository.exports(work)]

    async def export(self, scope: OrgScope, id: UUID) -> ExportOut:
        """How an export stands. Raises `NotFound`."""
        async with self._uow(scope) as work:
            row = await repository.export(work, id)
            if row is None:
                raise NotFound(f"no export `{id}`", help="list the exports to find its id")
            return ExportOut.model_validate(row)

    async def fetch(self, scope: OrgScope, id: UUID) -> Original:
        """The archive of an export that is ready, which is written down. Raises `NotFound`, `Conflict`."""
        require_whole(scope)
        found = await self.export(scope, id)
        if found.status != "ready" or found.size is None or found.sha256 is None:
            raise Conflict(f"the export is {found.status}", help="ask for another one, or wait until it is ready")
        async with self._uow(scope) as work:
            await record(work, "organization.export_fetched", f"export:{id}", org_wide=True)
        key = _key(scope.org_id, id)
        name = f"organization-{found.created_at:%Y-%m-%d}.zip"
        return Original(
            name, found.size, found.sha256, "application/zip", lambda start, end: self._storage.read(key, start, end)
        )

    async def round(self) -> int:
        """Make what is asked for and forget what is over, of all organizations; gives how many were seen to."""
        async with self._uow.reading_for("reconcile") as work:
            waiting, stale = await repository.waiting(work, _AT_ONCE), await repository.stale(work, _AT_ONCE)
        for org_id, id_ in stale:
            await self._storage.delete(_key(org_id, id_))
            async with self._uow(_scope(org_id)) as work:
                await repository.end(work, id_, "expired")
        return sum([await self._make(org_id, id_) for org_id, id_ in waiting]) + len(stale)

    async def _make(self, org_id: UUID, id: UUID) -> bool:
        scope = _scope(org_id)
        async with self._uow(scope) as work:
            attempt = await repository.take(work, id, LEASE)
            if attempt is None:
                return False
            if attempt > ATTEMPTS:
                await repository.end(work, id, "failed")
                return True
        keeping = asyncio.create_task(self._keep(scope, id, attempt), name=f"export {id}")
        try:
            await self._write(scope, id, attempt)
        except Exception as fault:  # noqa: BLE001 - whatever it was, the export is asked for still, and tried again
            log.warning("an export was not made", export=str(id), attempt=attempt, error=type(fault).__name__)
        finally:
            keeping.cancel()
            with suppress(asyncio.CancelledError):
                await keeping
        return True

    async def _keep(self, scope: OrgScope, id: UUID, attempt: int) -> None:
        while True:
            await asyncio.sleep(LEASE.total_seconds() / 5)
            async with self._uow(scope) as work:
                if not await repository.keep(work, id, attempt, LEASE):
                    return

    async def _write(self, scope: OrgScope, id: UUID, attempt: int) -> None:
        await asyncio.to_thread(self._folder.mkdir, parents=True, exist_ok=True)
        with tempfile.TemporaryDirectory(prefix="export-", dir=self._folder) as folder:
            path = Path(folder) / "organization.zip"
            async with Archive(path) as archive:
                about = await self._add_tables(scope, archive)
                await self._add_files(scope, archive)
                await archive.close(**about)
            size, sha256 = await digest(path)
            await self._storage.put(_key(scope.org_id, id), path)
        async with self._uow(scope) as work:
            is_mine = await repository.finish(work, id, attempt, size=size, sha256=sha256, kept=self._kept)
            if is_mine:
                await record(work, "organization.exported", f"export:{id}", org_wide=True, bytes=size, sha256=sha256)

    async def _add_tables(self, scope: OrgScope, archive: Archive) -> dict[str, object]:
        """All rows as they were in one moment."""
        async with self._uow.snapshot(scope) as work:
            row, moment = await organization(work), await repository.now(work)
            for table in await inventory.tables(work):
                left_out = [name for name in table.columns if self.withholds(table.name, name)]
                columns = [name for name in table.columns if name not in left_out]
                await archive.table(table.name, repository.lines(work, table, columns), left_out)
            await archive.table("members", _members(work), ())
        name = row.name if row else ""
        return {"organization": {"id": str(scope.org_id), "name": name}, "made_at": moment.isoformat()}

    async def _add_files(self, scope: OrgScope, archive: Archive) -> None:
        """The files as they were uploaded. One that was deleted since is left out."""
        place = f"blobs/{scope.org_id}/"
        async for key in self._storage.keys(place):
            if await self._storage.size(key) is not None:
                with suppress(NotFound):
                    await archive.file(key.removeprefix(place), self._storage.read(key))

    def withholds(self, table: str, column: str) -> bool:
        """Whether no archive holds the column."""
        return column in _HASHES or Withheld(table, column) in self._withheld


async def _members(work: Work) -> AsyncIterator[Sequence[str]]:
    found = await members.members(work)
    yield [json.dumps({"id": str(one.account_id), "email": one.email, "name": one.name}) for one in found]


def _scope(org_id: UUID) -> OrgScope:
    return OrgScope(org_id, org_id, "operator")


def _key(org_id: UUID, id: UUID) -> str:
    return f"exports/{org_id}/{id}.zip"

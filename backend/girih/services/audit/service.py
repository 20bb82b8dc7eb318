"""The audit log: what people and keys did that matters, written in the transaction that does it."""

from __future__ import annotations

from collections.abc import AsyncIterator
from datetime import UTC, datetime
from typing import Final

from girih.db.base import new_id
from girih.db.tenancy import OrgScope
from girih.db.unit_of_work import UnitOfWork, Work
from girih.errors import BadCursor
from girih.language.spec.tree import JsonObject
from girih.services.audit import repository
from girih.services.audit.schemas import AuditEntryOut, AuditPage, AuditSearch, AuditVerdict
from girih.services.audit.sealing import FIRST, Verification, seal_of
from girih.services.audit.tables import AuditEntry

_AT_ONCE: Final = 500
"""Entries that are read at a time."""


async def record(work: Work, action: str, target: str, /, *, org_wide: bool = False, **details: object) -> None:
    """Write down what the transaction does; as its last step, since others who record wait for its end.

    `org_wide`: it concerns more than the transaction's project. `details` are plain JSON and hold no secret.
    """
    scope = work.speaks_for
    before = await repository.last(work)
    entry = AuditEntryOut(
        number=before[0] + 1 if before else 1,
        at=datetime.now(UTC),
        project_id=None if org_wide else scope.project_id,
        actor=scope.actor,
        action=action,
        target=target,
        details=_plain(details),
        seal="",
    )
    seal = seal_of(entry, before[1] if before else FIRST)
    row = entry.model_dump(exclude={"seal"})
    await repository.add(work, AuditEntry(id=new_id(), org_id=scope.org_id, **row, seal=seal))


class AuditService:
    """Shows and checks the log of an organization."""

    def __init__(self, uow: UnitOfWork) -> None:
        self._uow = uow

    async def entries(self, scope: OrgScope, wanted: AuditSearch, *, cursor: str | None, limit: int) -> AuditPage:
        """The organization's entries that fit, the newest first, a page at a time. Raises `BadCursor`."""
        before = _number(cursor)
        async with self._uow(scope) as work:
            rows = await repository.entries(work, wanted, before=before, limit=limit + 1)
        items = [AuditEntryOut.model_validate(row) for row in rows[:limit]]
        return AuditPage(items=items, next=str(items[-1].number) if len(rows) > limit else None)

    async def all(self, scope: OrgScope) -> AsyncIterator[list[AuditEntryOut]]:
        """The whole log from its first entry on, some hundred entries at a time, each read in a transaction of its own.

        What is added meanwhile is among them.
        """
        after = 0
        while True:
            async with self._uow(scope) as work:
                rows = await repository.following(work, after, _AT_ONCE)
            if rows:
                yield [AuditEntryOut.model_validate(row) for row in rows]
                after = rows[-1].number
            if len(rows) < _AT_ONCE:
                return

    async def verify(self, scope: OrgScope) -> AuditVerdict:
        """Whether every entry is as it was written, and none is missing before the last."""
        verification = Verification()
        async for entries in self.all(scope):
            verification.read(entries)
        return verification.verdict()


def _plain(details: dict[str, object]) -> JsonObject:
    return {name: value for name, value in details.items() if value is not None}


def _number(cursor: str | None) -> int | None:
    if cursor is None:
        return None
    if not cursor.isascii() or not cursor.isdecimal() or len(cursor) > 9:
        raise BadCursor("this is not a cursor of this list", help="send `next` of the page before, as it came")
    return int(cursor)

"""One transaction of one organization: commit on leaving, then the jobs go."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import Any, TypeAlias
from uuid import UUID

from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncSession, async_sessionmaker

from girih.db.collisions import collisions_named
from girih.db.outages import outages_named
from girih.db.patience import in_time
from girih.db.refusals import refusals_named
from girih.db.tenancy import OrgScope

Dispatch: TypeAlias = Callable[[str, str], None]
"""Rings for a job: its name and its id. A message lost here costs latency only; the job's row is the record."""

_SCOPE = text(
    "SELECT set_config('app.org_id', :org_id, true), set_config('app.purpose', :purpose, true), "
    "set_config('app.agents', :agents, true)"
)

_PLAIN: Mapping[str, Any] = {}
_SNAPSHOT: Mapping[str, Any] = {"isolation_level": "REPEATABLE READ", "postgresql_readonly": True}


@dataclass
class Work:
    """An open transaction. Jobs named with `after_commit` are rung for once it has committed, and never before."""

    session: AsyncSession
    scope: OrgScope | None
    jobs: list[tuple[str, str]] = field(default_factory=list)
    discarded: bool = False

    @property
    def speaks_for(self) -> OrgScope:
        """The scope, in a transaction that was opened for one."""
        if self.scope is None:
            raise LookupError("this transaction speaks for no organization")
        return self.scope

    async def speak(self, scope: OrgScope | None, purpose: str = "") -> None:
        """Speak for somebody else from here on, in the same transaction: what it does stays or goes as a whole.

        For what concerns a person and the organizations he belongs to, and for the first organization of all.
        """
        await self.session.execute(_SCOPE, _settings(scope, purpose))
        self.scope = scope

    def discard(self) -> None:
        """Give the transaction up on leaving: nothing that it did stays, and no job goes."""
        self.discarded = True

    def after_commit(self, job: str, job_id: object) -> None:
        """Ring for a job when the transaction has committed."""
        self.jobs.append((job, str(job_id)))


class UnitOfWork:
    """Opens transactions. `async with uow(scope) as work:` is one organization's transaction."""

    def __init__(self, sessions: async_sessionmaker[AsyncSession], dispatch: Dispatch) -> None:
        self._sessions = sessions
        self._dispatch = dispatch

    @asynccontextmanager
    async def __call__(self, scope: OrgScope) -> AsyncIterator[Work]:
        """A transaction that sees the rows of `scope.org_id` only."""
        async with self._open(scope, purpose="") as work:
            yield work

    @asynccontextmanager
    async def snapshot(self, scope: OrgScope) -> AsyncIterator[Work]:
        """The same for what is read in several statements that have to agree; nothing can be written.

        All of them see what was committed when the first of them began.
        """
        async with self._open(scope, purpose="", options=_SNAPSHOT) as work:
            yield work

    @asynccontextmanager
    async def reading_for(self, purpose: str, row: UUID | None = None) -> AsyncIterator[Work]:
        """A transaction of no organization: it sees only what a policy lets be read for `purpose`.

        Some purposes are about one row (`sign_in`: the key that was shown); `row` is its id.
        """
        async with self._open(None, purpose=f"{purpose}:{row}" if row else purpose) as work:
            yield work

    @asynccontextmanager
    async def of_account(self, id: UUID) -> AsyncIterator[Work]:
        """A transaction that speaks for one person in no organization: it sees this person's own rows.

        Of organizations it sees, and cannot change, those that the person is a member of.
        """
        async with self._open(None, purpose=f"account:{id}") as work:
            yield work

    @asynccontextmanager
    async def _open(
        self, scope: OrgScope | None, purpose: str, options: Mapping[str, Any] = _PLAIN
    ) -> AsyncIterator[Work]:
        with outages_named(), refusals_named(scope), collisions_named():
            async with self._sessions() as session, session.begin() as transaction:
                async with in_time():
                    await session.connection(execution_options=options)
                    await session.execute(_SCOPE, _settings(scope, purpose))
                work = Work(session, scope)
                yield work
                if work.discarded:
                    await transaction.rollback()
                    return
        for job, job_id in work.jobs:
            self._dispatch(job, job_id)


def _settings(scope: OrgScope | None, purpose: str) -> dict[str, str]:
    """Whom a transaction speaks for, as the policies are told."""
    if scope is None:
        return {"org_id": "", "purpose": purpose, "agents": ""}
    return {"org_id": str(scope.org_id), "purpose": purpose, "agents": scope.agents_pattern}

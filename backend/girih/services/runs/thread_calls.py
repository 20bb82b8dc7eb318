"""What is asked of threads at every turn, each in one round trip: made, found with its newest run, gone on with."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any
from uuid import UUID

from girih.db.direct import DirectPool
from girih.db.tenancy import OrgScope
from girih.language.spec.tree import JsonObject
from girih.services.runs.plain import dump, load
from girih.services.runs.schemas import RunOut
from girih.services.runs.shown import out_of_columns
from girih.services.runs.thread_schemas import ThreadOut


@dataclass(frozen=True)
class Standing:
    """How a chat stands: the values its thread holds, and the run that was last asked for on it."""

    state: JsonObject
    newest: RunOut | None


class ThreadCalls:
    """Asks functions of the database."""

    def __init__(self, pool: DirectPool) -> None:
        self._pool = pool

    async def make(
        self, scope: OrgScope, thread: UUID, *, metadata: JsonObject, ttl: timedelta | None, agent: str | None
    ) -> ThreadOut | None:
        """A thread without a state; `None` where the organization has one of that id."""
        arguments = scope.project_id, thread, dump(metadata), ttl, agent
        at: datetime | None = await self._pool.call(scope, "make_thread", *arguments)
        if at is None:
            return None
        seconds, expires_at = (None, None) if ttl is None else (ttl.total_seconds(), at + ttl)
        return ThreadOut(
            id=str(thread),
            status="idle",
            agent=agent,
            metadata=metadata,
            version=0,
            ttl=seconds,
            created_at=at,
            updated_at=at,
            expires_at=expires_at,
        )

    async def standing(self, scope: OrgScope, thread: UUID, about: JsonObject | None) -> Standing | None:
        """How the chat stands; `None` where the project has no such thread and none could be made.

        With `about`, its metadata, one is made where the organization has none of that id.
        """
        given = dump(about) if about is not None else None
        told: Any = load(await self._pool.call(scope, "chat_standing", scope.project_id, thread, given))
        if not told["there"]:
            return None
        newest = out_of_columns(told["run"]) if told["run"] is not None else None
        return Standing(told["state"] or {}, newest)

    async def next_in_line(self, scope: OrgScope, thread: UUID) -> tuple[UUID, bool] | None:
        """The thread's first run that has not ended, if it waits for a process; and whether it is one for workers."""
        text: str | None = await self._pool.call(scope, "next_on_thread", thread)
        if text is None:
            return None
        told: Any = load(text)
        return UUID(told["run"]), bool(told["background"])

"""Runs on a page that is named by its offset, as clients of the LangGraph server protocol ask for them."""

from __future__ import annotations

from collections.abc import AsyncIterator
from uuid import UUID

from girih.api.compat.langgraph.run_shapes import STATUSES
from girih.db.tenancy import OrgScope
from girih.services.runs.schemas import RunOut
from girih.services.runs.search_repository import Wanted
from girih.wiring.server import Girih

_AT_ONCE = 200


async def page(
    girih: Girih, scope: OrgScope, thread_id: UUID, status: str | None, *, limit: int, offset: int
) -> list[RunOut]:
    """The thread's runs, the newest first. Raises `NotFound` for a thread that is not there."""
    await girih.runs.threads.thread(scope, thread_id)
    found: list[RunOut] = []
    async for run in _runs(girih, scope, Wanted(thread_id=thread_id), status):
        if len(found) >= offset + limit:
            break
        found.append(run)
    return found[offset : offset + limit]


async def runs_to_stop(girih: Girih, scope: OrgScope, thread_id: UUID | None, status: str) -> list[RunOut]:
    """The runs that a cancellation by status means: `pending`, `running` (also those that wait), or `all`."""
    ours = {"pending": ("queued",), "running": ("running", "interrupted")}
    wanted = ours.get(status, ("queued", "running", "interrupted"))
    found: list[RunOut] = []
    for one in wanted:
        asked = Wanted(thread_id=thread_id, status=one)
        found += [run async for run in _runs(girih, scope, asked, None)]
    return found


async def _runs(girih: Girih, scope: OrgScope, wanted: Wanted, status: str | None) -> AsyncIterator[RunOut]:
    cursor: str | None = None
    while True:
        part = await girih.runs.runs(scope, wanted, cursor=cursor, limit=_AT_ONCE)
        for run in part.items:
            if status is None or run.status in STATUSES[status]:
                yield run
        if part.next is None:
            return
        cursor = part.next

"""Runs on a page that is named by its offset, as clients of the LangGraph server protocol ask for them."""

from __future__ import annotations

from collections.abc import AsyncIterator, Sequence
from uuid import UUID

from girih.api.compat.langgraph.run_shapes import STATUS
from girih.db.tenancy import OrgScope
from girih.services.runs.schemas import RunOut
from girih.services.runs.search_repository import Wanted
from girih.wiring.server import Girih

_AT_ONCE = 200


async def page(
    girih: Girih, scope: OrgScope, thread_id: UUID, status: str | None, *, limit: int, offset: int
) -> list[tuple[RunOut, str]]:
    """The thread's runs with their states, the newest first. Raises `NotFound` for a thread that is not there."""
    await girih.runs.threads.thread(scope, thread_id)
    found: list[tuple[RunOut, str]] = []
    async for run in _runs(girih, scope, Wanted(thread_id=thread_id), status):
        if len(found) >= offset + limit:
            break
        found.append(run)
    return found[offset : offset + limit]


async def statuses(girih: Girih, scope: OrgScope, runs: Sequence[RunOut]) -> list[str]:
    """How the runs stand. One that waits for a time or an event goes on by itself: nobody has interrupted it."""
    waiting = [UUID(run.id) for run in runs if run.status == "interrupted"]
    asking = await girih.runs.interrupts.asking(scope, waiting)
    by_itself = {str(number) for number in waiting} - {str(number) for number in asking}
    return ["running" if run.id in by_itself else STATUS[run.status] for run in runs]


async def runs_to_stop(girih: Girih, scope: OrgScope, thread_id: UUID | None, status: str) -> list[RunOut]:
    """The runs that a cancellation by status means: `pending`, `running` (also those that wait), or `all`."""
    ours = {"pending": ("queued",), "running": ("running", "interrupted")}
    wanted = ours.get(status, ("queued", "running", "interrupted"))
    found: list[RunOut] = []
    for one in wanted:
        asked = Wanted(thread_id=thread_id, status=one)
        found += [run async for run, _ in _runs(girih, scope, asked, None)]
    return found


async def _runs(girih: Girih, scope: OrgScope, wanted: Wanted, status: str | None) -> AsyncIterator[tuple[RunOut, str]]:
    cursor: str | None = None
    while True:
        part = await girih.runs.runs(scope, wanted, cursor=cursor, limit=_AT_ONCE)
        for run, standing in zip(part.items, await statuses(girih, scope, part.items), strict=True):
            if status in (None, standing):
                yield run, standing
        if part.next is None:
            return
        cursor = part.next

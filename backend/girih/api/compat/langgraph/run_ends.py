"""Runs that are stopped or removed for a client of the LangGraph server protocol."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Literal
from uuid import UUID

from girih.db.tenancy import OrgScope
from girih.errors import Conflict
from girih.services.runs.schemas import ENDED, RunOut
from girih.wiring.server import Girih

PATIENCE = 30.0
"""Seconds that are waited for a run to end once it was asked to."""


async def stop(
    girih: Girih, scope: OrgScope, run: RunOut, action: Literal["interrupt", "rollback"], *, wait: bool
) -> None:
    """Stop a run. With `interrupt` its thread keeps what it did so far, with `rollback` nothing is left of it."""
    if run.status in ENDED:
        raise Conflict(f"run {run.id} has ended: it is {run.status}")
    await girih.runs.cancel(scope, run.id, keeps_state=action == "interrupt")
    if wait or action == "rollback":
        run = await girih.runs.replays.wait(scope, UUID(run.id), PATIENCE)
    if action == "rollback" and run.status in ENDED:
        await girih.runs.replays.remove(scope, UUID(run.id))


async def stop_all(
    girih: Girih, scope: OrgScope, runs: Iterable[RunOut], action: Literal["interrupt", "rollback"]
) -> None:
    """Stop those of the runs that have not ended."""
    for run in runs:
        if run.status not in ENDED:
            await stop(girih, scope, run, action, wait=False)


async def remove(girih: Girih, scope: OrgScope, run: RunOut) -> None:
    """Remove a run. Raises `Conflict` while it is under way."""
    await girih.runs.replays.remove(scope, UUID(run.id))

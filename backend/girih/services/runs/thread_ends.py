"""What a run leaves to its thread when it ends."""

from __future__ import annotations

from collections.abc import Awaitable, Callable

import structlog

from girih.db.base import new_id
from girih.engine.checkpoints import CheckpointStore
from girih.engine.serializer import NotReadableError
from girih.engine.stored_state import read_stored
from girih.language.compiler.plan import Plan
from girih.language.spec.tree import JsonObject
from girih.services.runs.plain import dump
from girih.services.runs.repository import Claim
from girih.services.runs.values_fold import begun

log = structlog.get_logger("girih.runs")


async def left_to_thread(
    claim: Claim, status: str, state: JsonObject | None, store: CheckpointStore, plan: Callable[[], Awaitable[Plan]]
) -> tuple[object, ...]:
    """The last arguments of `finish_run_on_thread`: the id and the values of the thread's next state, or no values.

    A run that was stopped leaves what its last checkpoint holds, before the first one what it began with; the database
    decides whether the thread keeps that.
    """
    if status == "cancelled":
        state = await _so_far(claim, store, plan)
    elif status != "succeeded":
        state = None
    return new_id(), dump(claim.state | state) if state is not None else None


async def _so_far(claim: Claim, store: CheckpointStore, plan: Callable[[], Awaitable[Plan]]) -> JsonObject | None:
    """What a run did that was stopped; nothing where that cannot be read: it has to end all the same."""
    stored = await store.get("", None)
    if stored is None:
        return _begun(await plan(), claim)
    try:
        return read_stored(stored).state
    except NotReadableError as fault:
        log.error("a run leaves nothing to its thread", reason=fault.message)
        return None


def _begun(plan: Plan, claim: Claim) -> JsonObject:
    messages = (claim.chat or {}).get("messages") or ()
    return begun(plan, str(claim.run_id), claim.state, claim.inputs, messages)

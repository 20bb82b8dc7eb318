"""What users say of runs: given through links that need no key, and read with one."""

from __future__ import annotations

from typing import Annotated
from uuid import UUID

from fastapi import Path

from girih.api.deps import GuardedRoute, Wired, public, requires
from girih.api.routers import Router
from girih.db.tenancy import OrgScope
from girih.services.feedback.schemas import FeedbackIn, FeedbackList

router = Router(tags=["feedback"], route_class=GuardedRoute)
links = Router(tags=["feedback"], route_class=GuardedRoute)
"""What needs no key, and so stands outside of `/v1`."""

Reader = Annotated[OrgScope, requires("runs:read")]


@router.get("/runs/{run_id}/feedback", operation_id="get_run_feedback")
async def get_run_feedback(girih: Wired, scope: Reader, run_id: UUID) -> FeedbackList:
    """What was said of a run, by key."""
    return await girih.feedback.of_run(scope, run_id)


@links.post("/feedback/{token}", operation_id="give_feedback", status_code=204, dependencies=[public])
async def give_feedback(girih: Wired, token: Annotated[str, Path(max_length=2000)], body: FeedbackIn) -> None:
    """Say something of a run, with the link that its stream gave; it replaces what was said under that key before."""
    await girih.feedback.give(token, body)

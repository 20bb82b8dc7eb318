"""What runs wait for: listed, and answered by those who may."""

from __future__ import annotations

from typing import Annotated
from uuid import UUID

from fastapi import Query

from girih.api.deps import GuardedRoute, Wired, require, requires
from girih.api.routers import Router
from girih.db.tenancy import OrgScope
from girih.services.runs.schemas import AnswerIn, InterruptOut, InterruptPage, PauseKind, ResumeIn, RunOut

router = Router(tags=["interrupts"], route_class=GuardedRoute)

Reader = Annotated[OrgScope, requires("runs:read")]
Answerer = Annotated[OrgScope, requires("runs:answer")]


@router.get("/interrupts", operation_id="list_interrupts")
async def list_interrupts(
    girih: Wired,
    scope: Reader,
    agent: Annotated[str | None, Query(max_length=64)] = None,
    kind: Annotated[PauseKind | None, Query(description="Without it: what people can answer.")] = None,
    node: Annotated[str | None, Query(max_length=500)] = None,
    all_projects: Annotated[bool, Query(description="Of the whole organization; needs `interrupts:all`.")] = False,
    cursor: Annotated[str | None, Query(max_length=100)] = None,
    limit: Annotated[int, Query(ge=1, le=200)] = 50,
) -> InterruptPage:
    """What is open, the oldest first."""
    if all_projects:
        require(scope, "interrupts:all")
    return await girih.runs.interrupts.listed(
        scope, everywhere=all_projects, agent=agent, kind=kind, node=node, cursor=cursor, limit=limit
    )


@router.post("/interrupts/{interrupt_id}/answer", operation_id="answer_interrupt")
async def answer_interrupt(girih: Wired, scope: Answerer, interrupt_id: UUID, body: AnswerIn) -> InterruptOut:
    """Answer one question, as its `schema` wants it; the run goes on, also while other questions stay open."""
    return await girih.runs.interrupts.answer(scope, interrupt_id, body.answer)


@router.get("/runs/{run_id}/interrupts", operation_id="list_run_interrupts")
async def list_run_interrupts(girih: Wired, scope: Reader, run_id: UUID) -> InterruptPage:
    """Everything a run has waited for, in order, with the answers; all on one page."""
    return await girih.runs.interrupts.of_run(scope, run_id)


@router.post("/runs/{run_id}/resume", operation_id="resume_run")
async def resume_run(girih: Wired, scope: Answerer, run_id: UUID, body: ResumeIn) -> RunOut:
    """Answer what a run waits for, all or nothing; it goes on with what it has, in any process."""
    return await girih.runs.resume(scope, run_id, body)

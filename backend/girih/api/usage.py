"""Usage and budgets: what model calls cost, and what may be spent."""

from __future__ import annotations

from datetime import date
from typing import Annotated
from uuid import UUID

from fastapi import Query

from girih.api.deps import GuardedRoute, Wired, require, requires
from girih.api.routers import Router
from girih.api.shapes import Page
from girih.db.tenancy import OrgScope
from girih.services.usage.schemas import BudgetIn, BudgetOut, GroupBy, Of, UsagePage

router = Router(tags=["usage"], route_class=GuardedRoute)

Reader = Annotated[OrgScope, requires("usage:read")]
Manager = Annotated[OrgScope, requires("budgets:manage")]
ORGANIZATION = "organization:manage"
"""Asked for besides, where it is about the whole organization."""


@router.get("/usage", operation_id="get_usage")
async def get_usage(
    girih: Wired,
    scope: Reader,
    from_: Annotated[date | None, Query(alias="from")] = None,
    to: date | None = None,
    group_by: Annotated[list[GroupBy], Query(max_length=3)] = [],  # noqa: B006 - read only
    of: Of = "project",
    cursor: Annotated[str | None, Query(max_length=2000)] = None,
    limit: Annotated[int, Query(ge=1, le=1000)] = 100,
) -> UsagePage:
    """What model calls used, by day, key, agent, node, model or provider; `of` the organization needs a permission."""
    if of == "organization":
        require(scope, ORGANIZATION)
    return await girih.usage.usage(scope, first=from_, last=to, group_by=group_by, of=of, cursor=cursor, limit=limit)


@router.get("/budgets", operation_id="list_budgets")
async def list_budgets(girih: Wired, scope: Reader) -> Page[BudgetOut]:
    """The budgets that bound the project, its keys and its organization, and what is spent of each."""
    return Page(items=await girih.usage.budgets(scope))


@router.put("/budgets", operation_id="set_budget")
async def set_budget(girih: Wired, scope: Manager, body: BudgetIn) -> BudgetOut:
    """Set what may be spent in a day or a month (UTC); the organization's needs `organization:manage` too."""
    if body.target == "organization":
        require(scope, ORGANIZATION)
    return await girih.usage.set_budget(scope, body)


@router.delete("/budgets/{budget_id}", operation_id="delete_budget", status_code=204)
async def delete_budget(girih: Wired, scope: Manager, budget_id: UUID) -> None:
    """End a budget."""
    if await girih.usage.budget_target(scope, budget_id) == "organization":
        require(scope, ORGANIZATION)
    await girih.usage.delete_budget(scope, budget_id)

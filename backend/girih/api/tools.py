"""Tools: which a project has, and one real call of one."""

from __future__ import annotations

from typing import Annotated

from fastapi import Query

from girih.api.deps import GuardedRoute, Wired, requires
from girih.api.routers import Router
from girih.api.shapes import Page
from girih.db.tenancy import OrgScope
from girih.services.tools.schemas import ToolOut, ToolTestIn, ToolTestOut

router = Router(prefix="/tools", tags=["tools"], route_class=GuardedRoute)

Reader = Annotated[OrgScope, requires("tools:read")]
Tester = Annotated[OrgScope, requires("tools:test")]


@router.get("", operation_id="list_tools")
async def list_tools(
    girih: Wired,
    scope: Reader,
    cursor: Annotated[str | None, Query(max_length=255)] = None,
    limit: Annotated[int, Query(ge=1, le=200)] = 50,
) -> Page[ToolOut]:
    """The project's tools, by name."""
    items, after = await girih.tools.page(scope, cursor=cursor, limit=limit)
    return Page(items=items, next=after)


@router.get("/{name}", operation_id="get_tool")
async def get_tool(girih: Wired, scope: Reader, name: str) -> ToolOut:
    """One tool, with the JSON Schemas of what it takes and gives."""
    return await girih.tools.tool(scope, name)


@router.post("/{name}/test", operation_id="test_tool")
async def test_tool(girih: Wired, scope: Tester, name: str, body: ToolTestIn) -> ToolTestOut:
    """Call the tool once, in earnest: the request without its secrets, the status, and the typed result or the fault.

    A tool that is not idempotent needs `confirm: true`. Nobody is asked for an approval: whoever tries it is there.
    """
    return await girih.tools.test(scope, name, body)

"""What the server says of itself to clients of the LangGraph server protocol."""

from __future__ import annotations

from girih.api.deps import GuardedRoute, Wired, public
from girih.api.routers import Router
from girih.language.spec.tree import JsonObject

router = Router(route_class=GuardedRoute)


@router.get("/ok", operation_id="langgraph_ok", dependencies=[public])
async def ok() -> JsonObject:
    """Answer while the process lives."""
    return {"ok": True}


@router.get("/info", operation_id="langgraph_info", dependencies=[public])
async def info(girih: Wired) -> JsonObject:
    """Name the release and what of the protocol is served."""
    return {
        "version": girih.facts.version,
        "flags": {"assistants": True, "crons": True, "threads": True, "store": True},
        "host": {"kind": "girih"},
    }

"""The door of AG-UI 1.0, as `HttpAgent` and its kin speak it."""

from __future__ import annotations

from typing import Annotated

from fastapi import Depends, Header, Request, Response
from starlette.exceptions import HTTPException

from girih.api.compat.ag_ui.runs import answered
from girih.api.compat.ag_ui.schemas import RunAgentInput
from girih.api.compat.turns import ChatRoute
from girih.api.deps import Wired, requires
from girih.api.routers import Router
from girih.api.runs import Key
from girih.db.tenancy import OrgScope
from girih.services.runs.conversations import Conversations

router = Router(prefix="/ag-ui", route_class=ChatRoute)
Creator = Annotated[OrgScope, requires("runs:create")]
Canceller = Annotated[OrgScope, requires("runs:cancel")]
_TAKEN = frozenset({"", "*/*", "text/*", "text/event-stream"})


async def require_stream(accept: Annotated[str, Header()] = "") -> None:
    """Refuse a client that reads no server-sent events: AG-UI's binary form is not spoken here."""
    if all(kind.partition(";")[0].strip().lower() not in _TAKEN for kind in accept.split(",")):
        raise HTTPException(406, "AG-UI is spoken as text/event-stream here, and `Accept` does not name that")


@router.post("/{agent}", operation_id="ag_ui_run", response_class=Response, dependencies=[Depends(require_stream)])
async def run(
    girih: Wired, scope: Creator, agent: str, body: RunAgentInput, request: Request, idempotency_key: Key = None
) -> Response:
    """Ask, or give what the thread's run waits for; the events stream as they come."""
    return await answered(girih, scope, agent, body, request, idempotency_key)


@router.post("/{agent}/threads/{thread_id:path}/stop", operation_id="ag_ui_stop", status_code=204)
async def stop(girih: Wired, scope: Canceller, agent: str, thread_id: str) -> None:
    """Cancel the thread's run."""
    await Conversations(girih.runs, girih.agents).stop(scope, agent, thread_id)

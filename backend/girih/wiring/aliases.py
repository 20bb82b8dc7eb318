"""What looks after aliases in the background: what they mean is known in time, and new versions are watched."""

from __future__ import annotations

from contextlib import AsyncExitStack

from girih.db.unit_of_work import UnitOfWork
from girih.services.agents.service import AgentService
from girih.services.runs.guards import Guards


async def watch_aliases(stack: AsyncExitStack, uow: UnitOfWork, agents: AgentService) -> None:
    """Both, until the stack is closed."""
    guards = Guards(uow, agents.guarding)
    for part in (agents.meanings, guards):
        await part.start()
        stack.push_async_callback(part.stop)

"""The threads of chats: what they hold and which run is on them, read at once, and made where there are none."""

from __future__ import annotations

from dataclasses import dataclass
from uuid import UUID

from girih.db.tenancy import OrgScope
from girih.db.unit_of_work import UnitOfWork
from girih.errors import Conflict, InvalidInput
from girih.language.compiler.plan import Plan
from girih.language.spec.tree import JsonObject
from girih.services.runs import search_repository, thread_repository
from girih.services.runs.ports import Agents
from girih.services.runs.resolutions import Resolutions
from girih.services.runs.schemas import RunOut
from girih.services.runs.search_repository import Wanted
from girih.services.runs.shown import out


@dataclass(frozen=True)
class Standing:
    """How a chat stands: the values its thread holds, and the run that was last asked for on it."""

    state: JsonObject
    newest: RunOut | None


class ChatThreads:
    """Finds the threads of chats; see `Conversations`."""

    def __init__(self, uow: UnitOfWork, agents: Agents) -> None:
        self._uow = uow
        self._resolutions = Resolutions(agents)

    async def plan(self, scope: OrgScope, agent: str) -> Plan:
        """The plan of an agent that one can chat with, as it was last. Raises `InvalidInput` for another one."""
        plan = (await self._resolutions.find(scope, agent)).agent.plan
        if plan.chat is None:  # it may be another one by now
            self._resolutions.forget(scope, agent)
            plan = (await self._resolutions.find(scope, agent)).agent.plan
        if plan.chat is None:
            raise InvalidInput(
                f"agent '{plan.name}' is not one to chat with: its graph has no `chat:`",
                help="say under `chat:` which input and output a chat is about, and publish it again",
            )
        return plan

    async def standing(self, scope: OrgScope, thread: UUID, about: JsonObject | None = None) -> Standing:
        """How the chat stands; with `about`, the metadata of a thread that is made where there is none.

        Raises `Conflict` for the id of a thread of another project.
        """
        async with self._uow(scope) as work:
            rows = await search_repository.runs(work, scope, Wanted(thread_id=thread), before=None, limit=1)
            if rows:
                return Standing(await thread_repository.state_of(work, scope.org_id, thread), out(rows[0]))
            made = None
            if about is not None:
                made = await thread_repository.add_as(work, scope, thread, metadata=about, ttl=None, agent=None)
            row = made or await thread_repository.thread(work, scope, thread)
            if row is None and about is not None:
                raise Conflict(f"there is a thread {thread} already", help="choose another id for the chat")
            has_state = row is not None and row.state_id is not None
            return Standing(await thread_repository.state_of(work, scope.org_id, thread) if has_state else {}, None)

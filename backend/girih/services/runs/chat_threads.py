"""The threads of chats: what they hold and which run is on them, read at once, and made where there are none."""

from __future__ import annotations

from uuid import UUID

from girih.db.tenancy import OrgScope
from girih.errors import Conflict, InvalidInput
from girih.language.compiler.plan import Plan
from girih.language.spec.tree import JsonObject
from girih.services.runs.ports import Agents
from girih.services.runs.thread_calls import Standing, ThreadCalls


class ChatThreads:
    """Finds the threads of chats; see `Conversations`."""

    def __init__(self, calls: ThreadCalls, agents: Agents) -> None:
        self._calls = calls
        self._agents = agents

    async def plan(self, scope: OrgScope, agent: str) -> Plan:
        """The plan of an agent that one can chat with, as it was last. Raises `InvalidInput` for another one."""
        plan = (await self._agents.resolve(scope, agent)).plan
        if plan.chat is None:  # it may be another one by now
            self._agents.forget(scope, agent)
            plan = (await self._agents.resolve(scope, agent)).plan
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
        found = await self._calls.standing(scope, thread, about)
        if found is None and about is not None:
            raise Conflict(f"there is a thread {thread} already", help="choose another id for the chat")
        return found or Standing({}, None)

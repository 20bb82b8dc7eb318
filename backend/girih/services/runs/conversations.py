"""Chats that an app names and keeps the history of: found as threads, brought to where the app is, gone on with."""

from __future__ import annotations

import asyncio
import uuid
from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, field, replace
from uuid import UUID

from girih.db.tenancy import OrgScope
from girih.engine.shared_state import message_id
from girih.errors import InvalidInput
from girih.language.compiler.plan import Plan
from girih.language.spec.tree import JsonObject, JsonValue
from girih.services.runs.chat_places import Place, placed
from girih.services.runs.chat_schemas import ChatMessage
from girih.services.runs.ports import Agents
from girih.services.runs.schemas import InterruptOut, ResumeIn, RunIn, RunOut
from girih.services.runs.service import RunService
from girih.services.runs.thread_calls import Standing
from girih.services.runs.thread_schemas import StateIn, StateOut

MARK, QUESTION = "request_id", "message_id"
"""In a run's metadata: the ids that the app gave the request and the message with the question."""
PATIENCE = 5.0
"""Seconds that a new question waits for the run that it stops."""


@dataclass(frozen=True)
class Said:
    """What an app says in a chat of its own name: all its messages, and answers to what the chat's run waits for.

    `asks`: the last message is a question, one of the user.
    `run` holds what else goes with a new run. `results` are by the ids of calls, `answers` by those of questions;
    `state` are the values under `state:` as the app has them. `mark` is the request's own id, where it has one: sent
    again, it gives the run that it began.
    """

    chat: str
    messages: Sequence[ChatMessage]
    asks: bool
    run: RunIn
    results: Mapping[str, JsonValue] = field(default_factory=dict)
    answers: Mapping[str, JsonValue] = field(default_factory=dict)
    state: JsonObject = field(default_factory=dict)
    mark: str | None = None


@dataclass(frozen=True)
class Turn:
    """What is to be followed: a run from its beginning, or from where it went on with one of the answers `since`."""

    run_id: str
    plan: Plan
    since: frozenset[str] = frozenset()
    state: JsonObject = field(default_factory=dict)
    """The values under `state:` that the run began with."""

    waits: bool = True
    """Whether the newest wait is not answered yet, as far as the run was when this was asked for."""

    @property
    def message_id(self) -> str:
        """The id that the answer has under `state.messages`."""
        return message_id(f"{self.run_id}:", "assistant")


def thread_of(scope: OrgScope, chat: str) -> UUID:
    """The thread of a chat: the one of that id, else one whose id the project and the chat's name make."""
    try:
        return UUID(chat)
    except ValueError:
        return uuid.uuid5(uuid.NAMESPACE_OID, f"{scope.project_id}:chat:{chat}")


class Conversations:
    """Leads the chats of apps. It keeps nothing: a chat is a thread and its runs."""

    def __init__(self, runs: RunService, agents: Agents) -> None:
        self._runs = runs
        self._chats = runs.threads.chats
        self._agents = agents

    async def say(self, scope: OrgScope, said: Said, key: str | None = None) -> Turn:
        """Ask the question in the last message, or answer what the chat's run waits for where it is none.

        A question stops a run that is still under way, unless the run says otherwise; the same `key` with the same
        question gives the same run. Raises `InvalidInput` for an
        agent without a chat, and for a last message that neither asks nor answers anything.
        """
        thread = thread_of(scope, said.chat)
        await self._chats.plan(scope, said.run.agent)
        standing = await self._chats.standing(scope, thread, {"chat_id": said.chat} if said.asks else None)
        newest = standing.newest
        if newest is not None and said.mark and newest.metadata.get(MARK) == said.mark:
            return await self._turn(scope, newest, standing.state)
        if said.asks and said.answers:
            raise InvalidInput(
                "this answers what the chat's run waits for and asks something new: the run goes on with answers alone",
                help="send the answers first, and the new message once that run has finished",
            )
        if said.asks:
            return await self._ask(scope, said, thread, standing, key)
        return await self._answer(scope, said, standing)

    async def follow(self, scope: OrgScope, agent: str, chat: str, *, settled: bool) -> Turn | None:
        """The chat's newest run where it is under way, or whatever became of it where `settled` ones are wanted too."""
        await self._chats.plan(scope, agent)
        standing = await self._chats.standing(scope, thread_of(scope, chat))
        run = standing.newest
        if run is None or (run.is_settled and not settled):
            return None
        return replace(await self._turn(scope, run, standing.state), waits=run.is_settled)

    async def stop(self, scope: OrgScope, agent: str, chat: str) -> None:
        """Cancel the chat's run, if one is under way or waits."""
        await self._chats.plan(scope, agent)
        run = (await self._chats.standing(scope, thread_of(scope, chat))).newest
        if run is not None and run.finished_at is None:
            await self._runs.cancel(scope, run.id)

    async def cancel(self, scope: OrgScope, chat: str) -> None:
        """Give up what the chat's run waits for, and the run with it."""
        run = (await self._chats.standing(scope, thread_of(scope, chat))).newest
        if run is not None:
            await self._end(scope, run)

    async def waits(self, scope: OrgScope, chat: str) -> list[InterruptOut]:
        """What the chat's run waits for."""
        run = (await self._chats.standing(scope, thread_of(scope, chat))).newest
        if run is None:
            return []
        pauses = (await self._runs.interrupts.of_run(scope, UUID(run.id))).items
        return [pause for pause in pauses if pause.state == "open"]

    async def asks_anew(self, scope: OrgScope, said: Said) -> bool:
        """Whether the last message is a question, and not the one that the chat's run is about."""
        if not said.asks:
            return False
        run = (await self._chats.standing(scope, thread_of(scope, said.chat))).newest
        return run is None or run.metadata.get(QUESTION) != said.messages[-1].id

    async def state(self, scope: OrgScope, agent: str, chat: str) -> JsonObject:
        """What the chat's thread holds; nothing where there is none yet."""
        await self._chats.plan(scope, agent)
        return (await self._chats.standing(scope, thread_of(scope, chat))).state

    async def _turn(self, scope: OrgScope, run: RunOut, state: JsonObject, since: frozenset[str] = frozenset()) -> Turn:
        return Turn(run.id, await self._agents.plan(scope, run.digest), since, state)

    async def _ask(self, scope: OrgScope, said: Said, thread: UUID, standing: Standing, key: str | None) -> Turn:
        state, newest = standing.state, standing.newest
        place = placed(state.get("messages") or (), said.messages)
        changes = {name: value for name, value in said.state.items() if state.get(name) != value}
        if newest is not None and newest.finished_at is None and (place.dropped or changes):
            await self._end(scope, newest)
        if place.dropped:
            state = (await self._back(scope, thread, place)).state
        if changes:
            edit = StateIn(state=changes, agent=said.run.agent)
            state = (await self._runs.threads.edit(scope, thread, edit)).state
        given: JsonObject = {"thread_id": thread, "messages": list(place.new)}
        named = {MARK: said.mark, QUESTION: said.messages[-1].id}
        given["metadata"] = said.run.metadata | {name: value for name, value in named.items() if value is not None}
        run = await self._runs.create(scope, said.run.model_copy(update=given), key)
        return await self._turn(scope, run, state)

    async def _answer(self, scope: OrgScope, said: Said, standing: Standing) -> Turn:
        newest = standing.newest
        asked = await self._asked(scope, said, newest)
        if newest is None or not asked:
            raise InvalidInput(
                "nothing is asked and nothing is answered: the last message is not one by the user, and the chat's run "
                "waits for nothing that is answered here",
                help='end with a message of the role "user", or with the result of a call that is waited for',
            )
        fresh = {pause.id: self._value(said, pause) for pause in asked if pause.state == "open"}
        if fresh:
            await self._runs.interrupts.resume(scope, UUID(newest.id), ResumeIn(answers=fresh))
        else:  # it was answered before, by this request or one like it
            known = [pause for pause in asked if pause.answered_at is not None]
            fresh = {max(known, key=lambda pause: str(pause.answered_at)).id: None} if known else {}
        return await self._turn(scope, newest, standing.state, frozenset(fresh))

    async def _asked(self, scope: OrgScope, said: Said, newest: RunOut | None) -> list[InterruptOut]:
        """What of all the run has waited for is answered here."""
        if newest is None or not (said.results or said.answers):
            return []
        pauses = (await self._runs.interrupts.of_run(scope, UUID(newest.id))).items
        return [pause for pause in pauses if pause.id in said.answers or _call_of(pause) in said.results]

    @staticmethod
    def _value(said: Said, pause: InterruptOut) -> JsonValue:
        return said.answers[pause.id] if pause.id in said.answers else said.results[_call_of(pause)]

    async def _back(self, scope: OrgScope, thread: UUID, place: Place) -> StateOut:
        """Put the thread back into the newest state that has none of the dropped messages."""
        async for state in self._states(scope, thread):
            ids = {str(message.get("id")) for message in state.state.get("messages") or ()}
            if not ids & place.dropped:
                number = UUID(state.id) if state.id is not None else None
                return await self._runs.threads.edit(scope, thread, StateIn(state={}, state_id=number))
        return await self._runs.threads.edit(scope, thread, StateIn(state={}, replace=True))

    async def _states(self, scope: OrgScope, thread: UUID) -> AsyncIterator[StateOut]:
        cursor: str | None = None
        while True:
            page = await self._runs.threads.history(scope, thread, cursor=cursor)
            for state in page.items:
                yield state
            cursor = page.next
            if cursor is None:
                return

    async def _end(self, scope: OrgScope, run: RunOut) -> None:
        """Cancel a run, and wait until it has ended."""
        stopped = await self._runs.cancel(scope, run.id)
        if stopped.finished_at is None:
            # One that takes longer is still on its thread: whoever wants to change that is told so.
            with suppress(TimeoutError):
                async with asyncio.timeout(PATIENCE):
                    async for _ in self._runs.events(scope, run.id):
                        continue


def _call_of(pause: InterruptOut) -> str:
    return str(pause.details.get("call_id")) if pause.kind == "tool" else ""

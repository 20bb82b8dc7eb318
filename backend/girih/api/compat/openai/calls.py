"""Results of the app's tools on their way back to the run that waits for them."""

from __future__ import annotations

from collections.abc import Sequence
from uuid import UUID

from girih.db.tenancy import OrgScope
from girih.errors import Conflict, NotFound
from girih.services.runs.chat_schemas import ChatMessage
from girih.services.runs.chats import run_of_call
from girih.services.runs.schemas import ENDED, InterruptOut, ResumeIn, RunOut
from girih.wiring.server import Girih


class Results:
    """The results that a request ends with, if one run wanted all of these calls."""

    def __init__(self, girih: Girih, scope: OrgScope, messages: Sequence[ChatMessage]) -> None:
        self._girih = girih
        self._scope = scope
        self._texts = {str(message.call_id): _text(message) for message in messages}

    @property
    def call_ids(self) -> frozenset[str]:
        """The calls that are answered."""
        return frozenset(self._texts)

    async def run(self) -> RunOut | None:
        """The run that made the calls; `None` where no run of the project did."""
        runs = {run_of_call(call_id) for call_id in self._texts}
        number = runs.pop() if len(runs) == 1 else None
        if number is None:
            return None
        try:
            run = await self._girih.runs.run(self._scope, number)
        except NotFound:
            return None
        # What a run that ended long ago said behind the calls is not kept: the calls are history like all others.
        is_kept = run.status not in ENDED or await self._girih.runs.views.is_whole(self._scope, number)
        return run if is_kept else None

    async def give(self, run: RunOut) -> bool:
        """Tell the run. False where it does not wait for these results, and did not get the same ones before."""
        for _ in range(2):
            pauses = await self._pauses(run)
            if pauses is None:
                return False
            answers = {pause.id: self._texts[_call(pause)] for pause in pauses if pause.state == "open"}
            if not answers:
                return True
            try:
                await self._girih.runs.resume(self._scope, run.id, ResumeIn(answers=answers))
            except Conflict:
                continue  # the same request came twice, and the other one was first; or the run has ended
            return True
        return False

    async def _pauses(self, run: RunOut) -> list[InterruptOut] | None:
        """What the run waits for, or waited for with these answers."""
        listed = await self._girih.runs.interrupts.of_run(self._scope, UUID(run.id))
        found = [pause for pause in listed.items if pause.kind == "tool" and _call(pause) in self._texts]
        if found:  # a stream may have begun calls that did not fit after all: nobody wants their results
            wanted = {_call(pause) for pause in found}
            self._texts = {call_id: text for call_id, text in self._texts.items() if call_id in wanted}
        known = {_call(pause) for pause in found if pause.state == "open" or self._is_answered(pause)}
        return found if known == set(self._texts) and len(found) == len(known) else None

    def _is_answered(self, pause: InterruptOut) -> bool:
        return pause.state == "answered" and pause.answer == self._texts[_call(pause)]


async def settled_of(girih: Girih, scope: OrgScope, run_id: str) -> frozenset[str]:
    """The questions of a run that are asked no more."""
    listed = await girih.runs.interrupts.of_run(scope, UUID(run_id))
    return frozenset(pause.id for pause in listed.items if pause.state != "open")


def _call(pause: InterruptOut) -> str:
    return str(pause.details.get("call_id"))


def _text(message: ChatMessage) -> str:
    assert isinstance(message.content, str)  # noqa: S101 - this door reads results as text
    return message.content

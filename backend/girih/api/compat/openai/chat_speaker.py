"""Says a turn of a run as the chunks of a chat completion."""

from __future__ import annotations

from collections.abc import Sequence

from girih.api.compat.openai import faults
from girih.api.compat.openai.chat_frames import Deltas, Head, chunk, usage_chunk
from girih.api.compat.openai.turns import Turn, ends_turn, question_of
from girih.api.compat.openai.wire import DONE, error_frame, frame
from girih.api.speakers import PING
from girih.engine.events import RunEvent
from girih.language.spec.tree import JsonObject
from girih.services.runs.chat_steps import ChatStep, FailedStep


class ChatSpeaker:
    """A stream of one completion. It ends with the turn, or with an error where no answer will come."""

    def __init__(self, turn: Turn, head: Head, *, with_usage: bool) -> None:
        self.over = False
        self._turn = turn
        self._head = head
        self._with_usage = with_usage
        self._deltas = Deltas()
        self._begun = False

    def begin(self) -> bytes:
        """The role, as soon as the turn is there."""
        if self._begun or not self._turn.is_begun:
            return b""
        self._begun = True
        number, at = self._turn.number, self._turn.began_at
        if number and at is not None:
            self._head = Head(self._head.run_id, number, int(at.timestamp()), self._head.model, self._head.fingerprint)
        return self._chunk({"role": "assistant", "content": "", "refusal": None})

    def say(self, event: RunEvent) -> bytes:
        """The chunks of one event."""
        steps = self._turn.take(event)
        return self.begin() + b"".join(self._steps(steps))

    def ping(self) -> bytes:
        """A comment."""
        return PING

    def broken(self) -> bytes:
        """An error: chat completions cannot be resumed."""
        return error_frame({"message": "girih cannot go on with this answer", "type": "server_error", "code": None})

    def _steps(self, steps: Sequence[ChatStep]) -> list[bytes]:
        said = [self._chunk(delta) for delta in self._deltas.of(steps)]
        fault = fault_of(steps, self._head.run_id, is_answered=self._deltas.reason is not None)
        if fault is not None:
            self.over = True
            return [*said, error_frame(fault.error())]
        if steps and ends_turn(steps[-1]):
            said += self._end()
        return said

    def _end(self) -> list[bytes]:
        self.over = True
        said = [self._chunk({}, self._deltas.reason)]
        if self._with_usage:
            said.append(frame(usage_chunk(self._head, self._turn.tokens)))
        return [*said, DONE]

    def _chunk(self, delta: JsonObject, reason: str | None = None) -> bytes:
        return frame(chunk(self._head, delta, reason, with_usage=self._with_usage))


def fault_of(steps: Sequence[ChatStep], run_id: str, *, is_answered: bool) -> faults.Fault | None:
    """Why no answer will come: a person is asked first, or the run has failed and that is not an answer itself."""
    if (waits := question_of(steps)) is not None:
        return faults.of_question(waits.questions[0], run_id)
    last = steps[-1] if steps else None
    return faults.of_failure(last, run_id) if isinstance(last, FailedStep) and not is_answered else None

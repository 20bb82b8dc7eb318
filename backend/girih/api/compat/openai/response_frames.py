"""A turn of a run as a response: the object as it stands, and the numbered events in which it grows."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from datetime import datetime

from girih.api.compat.openai import faults
from girih.api.compat.openai.chat_frames import is_refused
from girih.api.compat.openai.output_items import Output, Said
from girih.api.compat.openai.response_ids import ResponseId
from girih.api.compat.openai.response_sheet import sheet
from girih.api.compat.openai.turns import Tokens, Turn, with_words
from girih.engine.events import RunEvent
from girih.language.spec.tree import JsonObject
from girih.services.runs.chat_steps import (
    CallStep,
    ChatStep,
    CustomStep,
    DoneStep,
    DroppedStep,
    FailedStep,
    SaidStep,
    TextStep,
    WaitStep,
)
from girih.services.runs.schemas import RunOut


class Response:
    """One response. The same events of the run give the same events of the response, with the same numbers."""

    def __init__(self, turn: Turn, run: RunOut) -> None:
        self._turn = turn
        self._run = run
        self._sheet: JsonObject = {}
        self._output = Output("")
        self._number = 0
        self._stage = 0
        self._ended: JsonObject = {}
        self.waits: WaitStep | None = None
        """What a person is asked, while the run waits for that."""
        self.failed: FailedStep | None = None

    @property
    def is_begun(self) -> bool:
        """Whether its turn has come."""
        return self._stage > 0

    @property
    def is_over(self) -> bool:
        """Whether it has ended."""
        return bool(self._ended)

    def shown(self) -> JsonObject:
        """The response as it stands."""
        base = self._sheet or sheet(self._run, self._turn.number)
        status = "queued" if self._stage < 2 and base["background"] else "in_progress"
        return base | {"status": status, "output": self._output.items} | self._ended

    def begin(self) -> list[JsonObject]:
        """What comes first, once the turn is there."""
        if self._stage or not self._turn.is_begun:
            return []
        self._stage, number = 1, self._turn.number
        self._sheet = sheet(self._run, number)
        self._output = Output(str(ResponseId(self._run.id, number)).removeprefix("resp_"))
        if self._turn.began_at is not None and number:
            self._sheet |= {"created_at": _seconds(self._turn.began_at)}
        kinds = ["response.created", "response.queued"] if self._sheet["background"] else ["response.created"]
        return self._numbered((kind, {"response": self.shown()}) for kind in kinds)

    def take(self, event: RunEvent) -> list[JsonObject]:
        """The events of the response that come of one of the run."""
        steps = self._turn.take(event)
        if not self._turn.is_begun or self._ended:
            return []
        said = self.begin()
        if self._stage == 1:
            self._stage = 2
            said += self._numbered([("response.in_progress", {"response": self.shown()})])
        return said + self._numbered(self._steps(steps))

    def question(self) -> JsonObject | None:
        """The error that tells of a question to a person; its number is left out where the stream is read later."""
        if self.waits is None:
            return None
        error = faults.of_question(self.waits.questions[0], self._run.id).error()
        return {"type": "error", "sequence_number": self._number - 1, "error": error}

    def _steps(self, steps: Sequence[ChatStep]) -> Iterator[Said]:
        is_refusal = not self._output.has_text and is_refused(steps)
        for step in with_words(steps):
            if not isinstance(step, CustomStep) or step.type == "run.resumed":
                self.waits = None
            if isinstance(step, TextStep) and step.text:
                yield from self._output.text(step, is_refusal=is_refusal)
            elif isinstance(step, SaidStep | CallStep | DroppedStep):
                yield from self._grow(step)
            elif isinstance(step, WaitStep):
                yield from self._wait(step)
            elif isinstance(step, DoneStep):
                yield from self._done(step)
            elif isinstance(step, FailedStep):
                yield from self._fail(step)

    def _grow(self, step: SaidStep | CallStep | DroppedStep) -> Iterator[Said]:
        if isinstance(step, SaidStep):
            yield from self._output.end_message()
        elif isinstance(step, CallStep):
            yield from self._output.call(step)
        else:
            yield from self._output.drop(step)

    def _wait(self, step: WaitStep) -> Iterator[Said]:
        if not step.calls:
            self._number += 1
            self.waits = step if step.questions else None
            return
        for call in step.calls:
            yield from self._output.call(call)
        yield from self._end("completed")

    def _done(self, step: DoneStep) -> Iterator[Said]:
        if step.cut_off:
            yield from self._end("incomplete", incomplete_details={"reason": "max_output_tokens"})
        else:
            yield from self._end("completed")

    def _fail(self, step: FailedStep) -> Iterator[Said]:
        if step.kind == "refused" and not step.cancelled:
            if not self._output.has_text:
                yield from self._output.text(TextStep("refusal", step.message), is_refusal=True)
            yield from self._end("incomplete", incomplete_details={"reason": "content_filter"})
            return
        self.failed = step
        if step.cancelled:
            yield from self._end("cancelled")
            return
        fault = faults.of_failure(step, self._run.id)
        code = "rate_limit_exceeded" if fault.status == 429 else "server_error"
        yield from self._end("failed", error={"code": code, "message": fault.message})

    def _end(self, status: str, **more: object) -> Iterator[Said]:
        yield from self._output.close("completed" if status == "completed" else "incomplete")
        at = self._turn.ended_at
        self._ended = {
            "status": status,
            "completed_at": _seconds(at) if at is not None and status == "completed" else None,
            "usage": usage(self._turn.tokens),
            **more,
        }
        kind = "failed" if status == "cancelled" else status
        yield f"response.{kind}", {"response": self.shown()}

    def _numbered(self, said: Iterable[Said]) -> list[JsonObject]:
        numbered = []
        for kind, fields in said:
            numbered.append({"type": kind, "sequence_number": self._number} | fields)
            self._number += 1
        return numbered


def usage(tokens: Tokens) -> JsonObject:
    """Tokens as responses count them. girih does not tell cached and reasoning tokens from the others."""
    return {
        "input_tokens": tokens.read,
        "input_tokens_details": {"cached_tokens": 0, "cache_write_tokens": 0},
        "output_tokens": tokens.written,
        "output_tokens_details": {"reasoning_tokens": 0},
        "total_tokens": tokens.read + tokens.written,
    }


def _seconds(at: datetime) -> int:
    return int(at.timestamp())

"""The run's models as one visit of a node uses them: counted, within the budget, and closed when the visit ends."""

from __future__ import annotations

import time
from collections.abc import AsyncGenerator, Callable
from dataclasses import dataclass, field

from girih.engine.context import Frame, usage_dict
from girih.errors import NodeError
from girih.language.nodes.ports import ModelDone, ModelEvent, ModelRequest, Usage
from girih.language.spec.tree import JsonObject


@dataclass
class CountedModels:
    """The `Models` port of one visit. `usage` is what its calls have used; each is told as `model.finished`."""

    frame: Frame
    path: str
    emit: Callable[[str, JsonObject], None]
    usage: Usage = field(default_factory=Usage)
    _open: list[AsyncGenerator[ModelEvent, None]] = field(default_factory=list)

    def stream(self, request: ModelRequest) -> AsyncGenerator[ModelEvent, None]:
        """Stream one answer and count its usage. Raises `NodeFailedError` when the budget has no room for it."""
        answer = self._stream(request)
        self._open.append(answer)
        return answer

    async def close(self) -> None:
        """End the answers that nobody has read to their end."""
        for answer in self._open:
            await answer.aclose()
        self._open.clear()

    async def _stream(self, request: ModelRequest) -> AsyncGenerator[ModelEvent, None]:
        async with self.frame.budget.call(request, self.path):
            events = self.frame.run.models.stream(request)
            call = _Call(request)
            try:
                async for event in events:
                    call.note(event)
                    if isinstance(event, ModelDone):
                        self.usage += event.usage
                        self.frame.budget.spend(event.usage)
                    yield event
                call.error = None
            except NodeError as fault:
                call.error = fault.kind
                raise
            except Exception:
                call.error = "internal"
                raise
            finally:
                self.emit("model.finished", call.told())
                close = getattr(events, "aclose", None)
                if close is not None:
                    await close()


class _Call:
    """One call of a model, as it goes. Until something else is known, it was cancelled."""

    def __init__(self, request: ModelRequest) -> None:
        self._began = time.perf_counter()
        self._first: float | None = None
        self._done: ModelDone | None = None
        self._asked = request.models[0] if request.models else ""
        self.error: str | None = "cancelled"

    def note(self, event: ModelEvent) -> None:
        """An event of the answer arrived."""
        if self._first is None:
            self._first = time.perf_counter()
        if isinstance(event, ModelDone):
            self._done = event
            # Who has the end of an answer may leave the rest unread.
            self.error = None

    def told(self) -> JsonObject:
        """The call as its event tells it: the model by its provider's name, or as it was asked where none answered."""
        done = self._done or ModelDone(Usage(), self._asked, "")
        data: JsonObject = {
            "model": _storable(done.model),
            "provider": _storable(done.provider),
            "name": _storable(done.name or self._asked),
            "usage": usage_dict(done.usage),
            "duration_ms": _milliseconds(self._began, time.perf_counter()),
        }
        if self._first is not None:
            data["first_token_ms"] = _milliseconds(self._began, self._first)
        if self.error is not None:
            data["error"] = self.error
        return data


def _milliseconds(began: float, ended: float) -> float:
    return round((ended - began) * 1000, 1)


def _storable(text: str) -> str:
    """A name the database can compare: without NUL and halves of characters."""
    return text.replace("\0", "").encode("utf-8", "replace").decode("utf-8")[:200]

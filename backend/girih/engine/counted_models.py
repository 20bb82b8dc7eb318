"""The run's models as one visit of a node uses them: counted, within the budget, and closed when the visit ends."""

from __future__ import annotations

from collections.abc import AsyncGenerator
from dataclasses import dataclass, field

from girih.engine.context import Frame
from girih.language.nodes.ports import ModelDone, ModelEvent, ModelRequest, Usage


@dataclass
class CountedModels:
    """The `Models` port of one visit. `usage` is what its calls have used."""

    frame: Frame
    path: str
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
            try:
                async for event in events:
                    if isinstance(event, ModelDone):
                        self.usage += event.usage
                        self.frame.budget.spend(event.usage)
                    yield event
            finally:
                close = getattr(events, "aclose", None)
                if close is not None:
                    await close()

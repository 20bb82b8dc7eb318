"""Model calls on tape: recorded once, then played back, so that tests need no model and give the same every time."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import AsyncIterator, Callable, Iterable, Mapping
from dataclasses import asdict, dataclass, field
from typing import Any

from girih.errors import NodeError
from girih.language.nodes.ports import ModelDone, ModelEvent, ModelRequest, Models, TextDelta, ToolCall, Usage
from girih.language.spec.canonical import canonical_json, digest_of
from girih.language.spec.tree import JsonObject, JsonValue
from girih.providers.telemetry.secret_texts import HIDDEN, without_secrets

VERSION = 1
SHORTEST_SECRET = 6
"""Characters; a shorter value would hide words that are none."""


class CassetteError(ValueError):
    """A cassette that cannot be read; the message says why."""


@dataclass
class Cassette:
    """The calls of one test, in order. A call is found by its request; the same request again gives the next answer."""

    calls: list[JsonObject] = field(default_factory=list)

    @classmethod
    def read(cls, text: str) -> Cassette:
        """From the text of a file. Raises `CassetteError`."""
        try:
            content = json.loads(text)
        except ValueError:
            raise CassetteError("it is not JSON") from None
        if not isinstance(content, dict) or content.get("cassette") != VERSION:
            raise CassetteError(f"it is no cassette of version {VERSION}")
        calls = content.get("calls")
        if not isinstance(calls, list) or not all(isinstance(call, dict) and "request" in call for call in calls):
            raise CassetteError("its calls cannot be read")
        return cls(calls)

    def text(self) -> str:
        """As it lies in a file."""
        return json.dumps({"cassette": VERSION, "calls": self.calls}, indent=2, ensure_ascii=False) + "\n"


class Hiding:
    """Takes secrets out of what is kept: values that are known to be secret, and texts that look like one."""

    def __init__(self, known: Iterable[str] = ()) -> None:
        self._known = sorted({value for value in known if len(value) >= SHORTEST_SECRET}, key=len, reverse=True)

    def __call__(self, value: JsonValue) -> Any:
        """The same data without secrets, also in the names of fields."""
        if isinstance(value, str):
            for secret in self._known:
                value = value.replace(secret, HIDDEN)
            return without_secrets(value)
        if isinstance(value, Mapping):
            return {self(name): self(item) for name, item in value.items()}
        return [self(item) for item in value] if isinstance(value, list | tuple) else value


class RecordingModels:
    """Asks the real models, and keeps what they were asked and answered."""

    def __init__(self, models: Models, cassette: Cassette, hiding: Callable[[JsonValue], Any]) -> None:
        self._models = models
        self._cassette = cassette
        self._hiding = hiding

    async def stream(self, request: ModelRequest) -> AsyncIterator[ModelEvent]:
        """Stream one answer. An answer that nobody reads to its end is not kept."""
        text, done = "", None
        try:
            async for event in self._models.stream(request):
                text += event.text if isinstance(event, TextDelta) else ""
                done = event if isinstance(event, ModelDone) else done
                yield event
        except NodeError as fault:
            self._keep(request, {"error": {"kind": fault.kind, "message": fault.message, "can_pass": fault.can_pass}})
            raise
        if done is not None:
            self._keep(request, {"text": text, **asdict(done)})

    def _keep(self, request: ModelRequest, answer: JsonObject) -> None:
        self._cassette.calls.append(self._hiding({"request": _request(request), "answer": answer}))


class PlayedModels:
    """Answers from a cassette; what is not on it fails, and is never asked of a real model."""

    def __init__(self, cassette: Cassette, hiding: Callable[[JsonValue], Any]) -> None:
        self._hiding = hiding
        self._answers: dict[str, list[JsonObject]] = {}
        self._played: Counter[str] = Counter()
        for call in cassette.calls:
            self._answers.setdefault(digest_of(call["request"]), []).append(call["answer"])

    async def stream(self, request: ModelRequest) -> AsyncIterator[ModelEvent]:
        """Stream one answer. Raises `NodeError`, also where there is none."""
        key = digest_of(json.loads(canonical_json(self._hiding(_request(request)))))
        answers = self._answers.get(key)
        if answers is None:
            raise NodeError(
                "unavailable",
                "this call of a model is not on the test's cassette: the prompt, a tool or a setting has changed",
                help="record the test again: girih test --record",
                can_pass=False,
            )
        answer = answers[min(self._played[key], len(answers) - 1)]
        self._played[key] += 1
        if "error" in answer:
            error = answer["error"]
            raise NodeError(error["kind"], error["message"], can_pass=error["can_pass"])
        if answer["text"]:
            yield TextDelta(answer["text"])
        calls = tuple(ToolCall(**call) for call in answer["calls"])
        rest = {key: value for key, value in answer.items() if key not in ("text", "usage", "calls")}
        yield ModelDone(usage=Usage(**answer["usage"]), calls=calls, **rest)


def _request(request: ModelRequest) -> JsonObject:
    """A request as plain data; what is empty is left out, so that new fields change no old cassette."""
    plain: JsonObject = _filled(json.loads(json.dumps(asdict(request))))
    return plain


def _filled(value: JsonValue) -> Any:
    if isinstance(value, dict):
        return {name: _filled(item) for name, item in value.items() if item not in (None, [], {})}
    return [_filled(item) for item in value] if isinstance(value, list) else value

"""Trying a model with tiny calls: whether it answers, streams, keeps to a shape and calls a tool, as it is declared."""

from __future__ import annotations

import time
from dataclasses import dataclass, field

from girih.errors import NodeError
from girih.language.nodes.answers import read_data
from girih.language.nodes.ports import Message, ModelDone, ModelRequest, Models, TextDelta, ToolSpec, Usage
from girih.language.spec import conform
from girih.language.spec.logical_models import Capabilities
from girih.language.spec.tree import JsonSchema
from girih.services.registry.model_schemas import CheckOut, ModelTestOut

_COUNT = "Count from one to ten in words, separated by spaces. Say nothing else."
_SUM = "What is 2 + 3? Give it as `sum`."
_CALL = "Call the tool `note` with the word `ready`."
_SHAPE: JsonSchema = {
    "type": "object",
    "properties": {"sum": {"type": "integer"}},
    "required": ["sum"],
    "additionalProperties": False,
}
_ARGUMENTS: JsonSchema = {
    "type": "object",
    "properties": {"word": {"type": "string"}},
    "required": ["word"],
    "additionalProperties": False,
}
_NOTE = ToolSpec("note", "Writes one word down.", _ARGUMENTS)


@dataclass
class _Heard:
    """One answer, and what it took."""

    text: str = ""
    pieces: int = 0
    first_ms: float | None = None
    done: ModelDone = field(default_factory=lambda: ModelDone(Usage(), "", ""))


class Trying:
    """The tries of one model."""

    def __init__(self, name: str, models: Models, capabilities: Capabilities) -> None:
        self._name = name
        self._models = models
        self._capabilities = capabilities
        self._usage = Usage()
        self._checks: list[CheckOut] = []

    async def all(self) -> ModelTestOut:
        """Try everything that the model is declared to do; nothing more once it does not answer at all."""
        began = time.perf_counter()
        heard = await self._answers()
        if self._checks[0].ok:
            if (how := self._capabilities.structured_output) != "none":
                await self._keeps_to_a_shape(how)
            if (how := self._capabilities.tools) != "none":
                await self._calls_a_tool(how)
        return ModelTestOut(
            name=self._name,
            healthy=all(check.ok for check in self._checks),
            provider=heard.done.provider or None,
            model=heard.done.model or None,
            streams=heard.pieces > 1 if heard.pieces else None,
            first_token_ms=heard.first_ms,
            total_ms=_milliseconds(began),
            input_tokens=self._usage.input_tokens,
            output_tokens=self._usage.output_tokens,
            cost_usd=self._usage.cost_usd,
            checks=self._checks,
        )

    async def _answers(self) -> _Heard:
        heard = _Heard()
        try:
            await self._hear(ModelRequest((self._name,), (Message("user", _COUNT),)), heard)
        except NodeError as fault:
            self._note("answer", None, fault.message, fault.help)
        else:
            problem = None if heard.text.strip() else "it answered without a word"
            self._note("answer", None, problem, "try another model of the provider")
        return heard

    async def _keeps_to_a_shape(self, how: str) -> None:
        heard, problem, help_ = _Heard(), None, "say so in its capabilities: structured_output: prompted, or none"
        try:
            await self._hear(ModelRequest((self._name,), (Message("user", _SUM),), schema=_SHAPE), heard)
            _, faults = read_data(heard.text, _SHAPE)
            if faults:
                problem = f"its answer has not the shape that was asked for: {faults[0]}"
        except NodeError as fault:
            problem = fault.message
        self._note("structured_output", how, problem, help_)

    async def _calls_a_tool(self, how: str) -> None:
        heard, problem, help_ = _Heard(), None, "say so in its capabilities: tools: prompted, or none"
        asked = ModelRequest((self._name,), (Message("user", _CALL),), tools=(_NOTE,), tool_choice="required")
        try:
            await self._hear(asked, heard)
            problem = _fault_of(heard.done)
        except NodeError as fault:
            problem = fault.message
        self._note("tools", how, problem, help_)

    async def _hear(self, request: ModelRequest, heard: _Heard) -> None:
        began = time.perf_counter()
        async for event in self._models.stream(request):
            if heard.first_ms is None:
                heard.first_ms = _milliseconds(began)
            if isinstance(event, TextDelta):
                heard.text, heard.pieces = heard.text + event.text, heard.pieces + 1
            elif isinstance(event, ModelDone):
                heard.done = event
                self._usage += event.usage

    def _note(self, what: str, declared: str | None, problem: str | None, help: str | None) -> None:
        told = {"problem": problem, "help": help} if problem is not None else {}
        self._checks.append(CheckOut.model_validate({"what": what, "ok": not problem, "declared": declared, **told}))


def _fault_of(done: ModelDone) -> str | None:
    """What is wrong with the call of the tool, if anything is."""
    if not done.calls:
        return "it did not call the tool that it was told to call"
    call = done.calls[0]
    if call.fault is not None:
        return f"it called the tool wrongly: {call.fault}"
    misfits = conform.contract(_ARGUMENTS).misfits(call.arguments)
    return f"it called the tool with other arguments than declared: {misfits[0]}" if misfits else None


def _milliseconds(began: float) -> float:
    return round((time.perf_counter() - began) * 1000, 1)

"""How a node asks a model: one answer, or data of a declared shape with bounded repair."""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass, replace

from girih.errors import NodeError
from girih.language.nodes.base import object_of
from girih.language.nodes.ports import (
    Message,
    ModelDone,
    ModelRequest,
    NodeContext,
    TextDelta,
    ToolCall,
    ToolCallDelta,
    Usage,
)
from girih.language.spec import strict_json
from girih.language.spec.conform import contract, settled
from girih.language.spec.tree import JsonObject, JsonSchema, JsonValue

REPAIR = """That answer does not have the shape that was asked for:
{faults}
Answer again, with JSON of that shape only."""

_FENCE = re.compile(r"```(?:json)?\s*\n(.*)\n\s*```", re.DOTALL)

USAGE: JsonSchema = object_of(
    {"input_tokens": {"type": "integer"}, "output_tokens": {"type": "integer"}, "cost_usd": {"type": "number"}}
)
"""The type of `usage` in the result of a node that asks models."""


@dataclass(frozen=True)
class Answer:
    """A model's whole answer, and what all calls for it cost."""

    text: str
    model: str
    provider: str
    usage: Usage
    calls: tuple[ToolCall, ...] = ()
    cut_off: bool = False
    """The model stopped at its limit of tokens."""

    def completed(self, **more: JsonValue) -> JsonObject:
        """The data of `message.completed`."""
        told: JsonObject = {"text": self.text, "model": self.model, "provider": self.provider, **more}
        return {**told, "cut_off": True} if self.cut_off else told


def usage_of(usage: Usage) -> JsonObject:
    """Usage as results and events show it."""
    return {
        "input_tokens": usage.input_tokens,
        "output_tokens": usage.output_tokens,
        "cost_usd": round(usage.cost_usd, 9),
    }


def piece_of_call(delta: ToolCallDelta) -> JsonObject:
    """The data of `tool.delta`."""
    told = {"call_id": delta.id, "tool": delta.name}
    named = {name: value for name, value in told.items() if value is not None}
    return {"index": delta.index, **named, "arguments": delta.arguments}


async def ask(
    request: ModelRequest,
    ctx: NodeContext,
    *,
    streamed: bool,
    told: Callable[[ToolCallDelta], JsonObject] = piece_of_call,
    **marks: JsonValue,
) -> Answer:
    """Ask once. With `streamed`, each piece of text is told as it comes, with `marks`.

    Pieces of calls always are, in the words of `told`.
    """
    pieces: list[str] = []
    done = ModelDone(Usage(), "", "")
    async for event in ctx.ports.models.stream(request):
        if isinstance(event, TextDelta):
            pieces.append(event.text)
            if streamed:
                ctx.emit("message.delta", {"text": event.text, **marks})
        elif isinstance(event, ToolCallDelta):
            ctx.emit("tool.delta", told(event))
        else:
            done = event
    return Answer("".join(pieces), done.model, done.provider, done.usage, done.calls, done.cut_off)


async def ask_for_data(
    request: ModelRequest, schema: JsonSchema, repairs: int, ctx: NodeContext
) -> tuple[Answer, JsonObject]:
    """Ask until the answer fits, at most `repairs` times again. Raises `NodeError` of the kind `invalid_output`."""
    usage = Usage()
    faults: tuple[str, ...] = ()
    for _ in range(repairs + 1):
        answer = await ask(request, ctx, streamed=False)
        usage += answer.usage
        data, faults = read_data(answer.text, schema)
        if not faults:
            return replace(answer, usage=usage), data
        request = replace(request, messages=(*request.messages, *repair(answer.text, faults)))
    raise misshapen(faults)


def repair(text: str, faults: tuple[str, ...]) -> tuple[Message, Message]:
    """What is said after an answer that does not fit."""
    return Message("assistant", text), Message("user", REPAIR.format(faults="\n".join(faults)))


def misshapen(faults: tuple[str, ...]) -> NodeError:
    """The failure of a model that never gave the declared shape."""
    return NodeError(
        "invalid_output",
        f"the model's answer does not have the declared shape: {'; '.join(faults[:3])}",
        help="raise repairs, simplify returns, or use a stronger model",
    )


def read_data(text: str, schema: JsonSchema) -> tuple[JsonObject, tuple[str, ...]]:
    """The data in an answer, and what is wrong with it."""
    try:
        data = strict_json.loads(data_text(text))
    except (ValueError, RecursionError):
        return {}, ("it is not JSON",)
    data = settled(data, schema)
    return data, tuple(map(str, contract(schema).misfits(data)))


def data_text(text: str) -> str:
    """The JSON text in an answer that fits, without the fence that some models put around it."""
    fenced = _FENCE.fullmatch(text.strip())
    return fenced[1] if fenced else text

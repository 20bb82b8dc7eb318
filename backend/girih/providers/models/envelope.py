"""Tools and structured output for models that have neither: a JSON envelope is asked for, checked and unpacked."""

from __future__ import annotations

import json
import re
from collections.abc import AsyncGenerator, AsyncIterator, Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, replace
from functools import cached_property
from typing import Final

from girih.errors import NodeError
from girih.language.nodes.ports import (
    Message,
    ModelDone,
    ModelEvent,
    ModelRequest,
    TextDelta,
    ToolCall,
    ToolCallDelta,
    ToolSpec,
    Usage,
)
from girih.language.spec import strict_json
from girih.language.spec.conform import contract, settled
from girih.language.spec.tree import JsonObject, JsonSchema, JsonValue

FINAL: Final = "final_answer"
"""The name that an envelope gives to the answer itself; no tool may bear it."""

REPAIRS = 2
"""How often an answer that is no envelope is sent back before the call fails."""

_FENCE = re.compile(r"```(?:json)?\s*\n(.*)\n\s*```", re.DOTALL)

ASKS_FOR_JSON: Final = "Answer with JSON only, without any other text. It must fit this JSON Schema:"
"""Stands before the schema, which has a line of its own."""

OFFERS_TOOLS: Final = "You may call one of these tools, or give the final answer:"
"""Stands before the tools, each of which has a line of its own: `- NAME: DESCRIPTION Arguments: SCHEMA`."""

RESULT_OF: Final = "Result of "
"""Begins the message that tells a tool's result: `Result of NAME:`, and the result below."""

_JSON_ONLY = (
    ASKS_FOR_JSON
    + """
{schema}"""
)

_ENVELOPE = (
    OFFERS_TOOLS
    + """
{tools}

Answer with one JSON object only, without any other text:
{turns}"""
)

_CALLS = '{"tool": "<name of the tool>", "args": {…its arguments…}} to call a tool'

_ANSWERS = '{{"tool": "final_answer", "args": {{…}}}} when you have all that the answer needs. Its arguments: {final}'

_NO_TOOL = "(none at the moment)"

_FAULTY = """That answer does not have the shape that was asked for:
{faults}
Answer again, with that JSON object only."""

Ask = Callable[[ModelRequest], AsyncIterator[ModelEvent]]


def envelope_schema(tools: Iterable[ToolSpec], answer: JsonSchema | None) -> JsonSchema:
    """The schema of one turn: a call of one of the tools, or the final answer (`answer`, else a text)."""
    return _any_of({**{tool.name: tool.parameters for tool in tools}, FINAL: answer or _TEXT})


def _any_of(turns: Mapping[str, JsonSchema]) -> JsonSchema:
    return {"anyOf": [_turn(name, arguments) for name, arguments in turns.items()]}


_TEXT: JsonSchema = {
    "type": "object",
    "properties": {"text": {"type": "string"}},
    "required": ["text"],
    "additionalProperties": False,
}


def _turn(name: str, arguments: JsonSchema) -> JsonSchema:
    return {
        "type": "object",
        "properties": {"tool": {"const": name}, "args": arguments or {"type": "object"}},
        "required": ["tool", "args"],
        "additionalProperties": False,
    }


def prompted(request: ModelRequest) -> ModelRequest:
    """A request that asks for its `schema` in words, for a model that cannot be held to one."""
    if request.schema is None:
        return request
    told = _JSON_ONLY.format(schema=json.dumps(request.schema, ensure_ascii=False))
    return replace(request, messages=_with_system(request.messages, told), schema=None)


async def enveloped(request: ModelRequest, ask: Ask, *, constrained: bool) -> AsyncGenerator[ModelEvent]:
    """One turn of a model without tools of its own, as if it had them.

    `ask` asks the model itself. With `constrained` its provider holds it to the envelope's schema; otherwise the words
    of the prompt must do. Nothing is streamed before the turn is known to fit: then the text or the call comes in one
    piece. `ModelDone` counts all attempts.

    Raises `NodeError`: `invalid_output` after `REPAIRS` answers that were no envelope.
    """
    inner = _Envelope(request)
    asked = inner.request(constrained=constrained)
    usage = Usage()
    faults: tuple[str, ...] = ()
    for _ in range(REPAIRS + 1):
        text, done, failure = await _collected(ask(asked))
        usage += done.usage
        done = replace(done, usage=usage)
        if failure is not None:
            if usage != Usage():
                yield done
            raise failure
        turn, faults = inner.read(text)
        if not faults:
            for event in inner.events(turn):
                yield event
            yield replace(done, calls=inner.calls(turn))
            return
        said = (Message("assistant", text), Message("user", _FAULTY.format(faults="\n".join(faults[:5]))))
        asked = replace(asked, messages=(*asked.messages, *said))
    yield done
    raise NodeError(
        "invalid_output",
        f"the model gave neither a tool call nor an answer in the shape it was asked for: {'; '.join(faults[:3])}",
        help="use a model with tools of its own, or one whose provider holds answers to a JSON Schema",
    )


async def _collected(events: AsyncIterator[ModelEvent]) -> tuple[str, ModelDone, NodeError | None]:
    """A whole answer, what it cost, and the failure it ended with, if it did."""
    pieces: list[str] = []
    done = ModelDone(Usage(), "", "")
    try:
        async for event in events:
            if isinstance(event, ModelDone):
                done = event
            elif isinstance(event, TextDelta):
                pieces.append(event.text)
    except NodeError as error:
        return "", done, error
    return "".join(pieces), done, None


@dataclass(frozen=True)
class _Envelope:
    """The envelope of one request."""

    whole: ModelRequest

    @cached_property
    def turns(self) -> dict[str, JsonSchema]:
        """What the model may do now, with its arguments: the choice of tools leaves some of it, or all."""
        tools, choice = {tool.name: tool.parameters for tool in self.whole.tools}, self.whole.tool_choice
        if choice in tools:
            return {choice: tools[choice]}
        final = {FINAL: self.whole.schema or _TEXT}
        return tools if choice == "required" else final if choice == "none" else {**tools, **final}

    def _told(self) -> str:
        """The envelope in words. The answer stands last: its schema ends the line."""
        tools = [_offered(tool) for tool in self.whole.tools if tool.name in self.turns]
        turns = [_CALLS] if tools else []
        if FINAL in self.turns:
            turns.append(_ANSWERS.format(final=json.dumps(self.turns[FINAL], ensure_ascii=False)))
        return _ENVELOPE.format(tools="\n".join(tools) or _NO_TOOL, turns=", or\n".join(turns))

    def request(self, *, constrained: bool) -> ModelRequest:
        """The request as it goes to the model: the tools in words, earlier calls as the envelopes they were."""
        messages = _merged(_with_system(tuple(_plain(self.whole.messages)), self._told()))
        schema = _any_of(self.turns) if constrained else None
        return replace(self.whole, messages=messages, tools=(), tool_choice=None, schema=schema)

    def read(self, text: str) -> tuple[JsonObject, tuple[str, ...]]:
        """The turn in an answer, and what is wrong with it."""
        fenced = _FENCE.fullmatch(text.strip())
        try:
            turn = strict_json.loads(fenced[1] if fenced else text)
        except (ValueError, RecursionError):
            return {}, ("it is not JSON",)
        if not isinstance(turn, dict) or "tool" not in turn:
            return {}, ('it is not a JSON object with "tool" and "args"',)
        if turn["tool"] not in self.turns:
            return {}, (f"there is no tool '{str(turn['tool'])[:64]}'; there are: {', '.join(self.turns)}",)
        # Held against the one shape it means, so that the faults are about that one and not about all alternatives.
        schema = _turn(str(turn["tool"]), self.turns[turn["tool"]])
        fitting: JsonValue = settled(turn, schema)
        return fitting, tuple(map(str, contract(schema).misfits(fitting)))

    def calls(self, turn: JsonObject) -> tuple[ToolCall, ...]:
        """The call of a turn, if it is one."""
        if turn["tool"] == FINAL:
            return ()
        number = sum(message.role == "assistant" for message in self.whole.messages) + 1
        return (ToolCall(f"call_{number}", turn["tool"], turn["args"]),)

    def events(self, turn: JsonObject) -> Iterator[ModelEvent]:
        """What the turn streams."""
        for index, call in enumerate(self.calls(turn)):
            yield ToolCallDelta(index, json.dumps(call.arguments, ensure_ascii=False), call.id, call.name)
        if turn["tool"] == FINAL:
            answer = turn["args"]
            is_text = self.whole.schema is None
            yield TextDelta(answer["text"] if is_text else json.dumps(answer, ensure_ascii=False))


def _offered(tool: ToolSpec) -> str:
    """A tool in a line of its own."""
    about = " ".join(tool.description.split())
    return f"- {tool.name}: {about} Arguments: {json.dumps(tool.parameters, ensure_ascii=False)}"


def _with_system(messages: tuple[Message, ...], told: str) -> tuple[Message, ...]:
    if messages and messages[0].role == "system":
        return (replace(messages[0], content=f"{messages[0].content}\n\n{told}"), *messages[1:])
    return (Message("system", told), *messages)


def _plain(messages: Iterable[Message]) -> Iterator[Message]:
    """The conversation without calls: an envelope said by the model, and the tool's result told by the user."""
    names: dict[str, str] = {}
    for message in messages:
        names |= {call.id: call.name for call in message.calls}
        if message.role == "tool":
            name = names.get(message.call_id or "", "the tool")
            yield Message("user", f"{RESULT_OF}{name}:\n{message.content}")
        elif message.calls:
            turns = [{"tool": call.name, "args": call.arguments} for call in message.calls]
            said = "\n".join(json.dumps(turn, ensure_ascii=False) for turn in turns)
            yield Message("assistant", "\n".join(filter(None, [message.content, said])))
        else:
            yield message


def _merged(messages: tuple[Message, ...]) -> tuple[Message, ...]:
    """Neighbours of one role as one message: many models' chat templates refuse two in a row."""
    result: list[Message] = []
    for message in messages:
        if result and result[-1].role == message.role:
            content = "\n\n".join(filter(None, (result[-1].content, message.content)))
            result[-1] = replace(result[-1], content=content, images=(*result[-1].images, *message.images))
        else:
            result.append(message)
    return tuple(result)

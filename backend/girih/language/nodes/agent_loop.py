"""The turns of an agent: the model speaks, its calls are done, until it answers, hands over, or has no turn left."""

from __future__ import annotations

import asyncio
import json
import uuid
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field, replace
from functools import partial

from girih.errors import NodeError
from girih.language.nodes.accepting import accepted, instructed, with_params
from girih.language.nodes.agent_app_tools import AppTool, CallPieces, call_id
from girih.language.nodes.agent_tools import Tool, fitting, listed, settle, told, tools_of
from girih.language.nodes.answers import Answer, ask, data_text, misshapen, read_data, repair, usage_of
from girih.language.nodes.conversation import answer_id, as_json, conversation
from girih.language.nodes.ports import AppGiven, Message, ModelRequest, NodeContext, ToolCall, ToolSpec, Usage
from girih.language.spec.tree import JsonObject, JsonSchema, JsonValue

MAX_TOGETHER = 8
"""Calls of one turn that run at the same time."""
MAX_LISTED = 200
"""Calls that the result lists; the first ones."""


@dataclass
class AgentLoop:
    """One execution of one agent. What it did is recorded with `ctx.once`, so that a resumed one repeats nothing."""

    settings: JsonObject
    values: JsonObject
    ctx: NodeContext
    tools: dict[str, Tool] = field(init=False)
    handoffs: dict[str, JsonObject] = field(init=False)
    given: AppGiven = field(init=False)
    app_tools: dict[str, AppTool] = field(init=False)
    said: list[Message] = field(default_factory=list)
    """Everything after the messages the agent began with."""
    calls: list[JsonObject] = field(default_factory=list)
    usage: Usage = field(default_factory=Usage)

    def __post_init__(self) -> None:
        self.tools = tools_of(self.settings, self.values)
        self.handoffs = {handoff["name"]: handoff for handoff in self.settings["handoffs"]}
        self.given = accepted(self.settings, self.ctx.given)
        self.app_tools = {spec.name: AppTool(spec) for spec in self.given.tools}

    @property
    def schema(self) -> JsonSchema | None:
        """The shape that the answer has to have: the author's, or the app's."""
        schema: JsonSchema | None = self.settings["schema"]
        return schema if self.given.format is None else self.given.format

    async def run(self) -> JsonObject:
        """All turns. Raises `NodeError`: `budget` after the last turn, `invalid_output`, what the model raises."""
        schema, repairs = self.schema, self.settings["repairs"]
        for turn in range(1, self.settings["max_turns"] + 1):
            answer = await self._turn(turn, last=repairs == 0)
            self.usage += answer.usage
            if answer.calls:
                handed = await self._calls(turn, answer)
                if handed is not None:
                    return self._result(*handed)
                continue
            if schema is None:
                return self._result(answer.text)
            data, faults = read_data(answer.text, schema)
            if not faults:
                return self._result(data_text(answer.text)) | (data if self.given.format is None else {})
            self.said += repair(answer.text, faults)
            repairs -= 1
        raise NodeError(
            "budget",
            f"the agent took {self.settings['max_turns']} turns, its limit, without an answer",
            help="raise max_turns, or say in the system prompt when it is done",
            can_pass=False,
        )

    async def _turn(self, turn: int, *, last: bool) -> Answer:
        """One call of the model, recorded. With `last`, an answer that does not fit fails, and is not recorded:

        a node that is tried again asks that turn again, and keeps all that came before it.
        """

        async def work() -> JsonValue:
            schema = self.schema
            # What has to have a shape is not told before it is known to have it; other turns are told as they come.
            marks: JsonObject = {"turn": turn} if schema is None else {}
            answer = await self._asked(self._request(turn), marks)
            calls = [_recorded(call) for call in self._named(turn, answer.calls)]
            completed = answer.completed(usage=usage_of(answer.usage))
            called: JsonObject = {"calls": calls, "id": self._id(len(self.said))} if calls else {}
            self.ctx.emit("message.completed", {**completed, **marks, **called})
            if last and schema is not None and not calls:
                _, faults = read_data(answer.text, schema)
                if faults:
                    raise misshapen(faults)
            return {**completed, "calls": calls}

        return _answer(await self.ctx.once(f"turn:{turn}", work))

    async def _asked(self, request: ModelRequest, marks: JsonObject) -> Answer:
        """What the model says; with `marks` each piece is told as it comes, and which turn it is of."""
        if not marks:
            return await ask(request, self.ctx, streamed=False)
        # Without tools there is no other turn: each piece is one of the node's answer, and told to be one.
        final = {"final": True} if not request.tools or request.tool_choice == "none" else {}
        told = CallPieces(self.ctx, marks["turn"], self.app_tools).told
        return await ask(request, self.ctx, streamed=True, told=told, **final, **marks)

    def _named(self, turn: int, calls: Sequence[ToolCall]) -> Iterator[ToolCall]:
        """The calls, those for the app under ids of our own: it finds the run by them."""
        for index, call in enumerate(calls):
            is_apps = call.name in self.app_tools
            yield replace(call, id=call_id(self.ctx, turn, index)) if is_apps else call

    def _request(self, turn: int) -> ModelRequest:
        """What the model is asked. A choice of tools is for the first turn: it would be made again and again."""
        handoffs = [ToolSpec(h["name"], h["description"], h["parameters"]) for h in self.handoffs.values()]
        tools = (*(tool.spec for tool in self.tools.values()), *handoffs, *self.given.tools)
        params = with_params(self.settings["params"], self.given.params)
        if tools and not self.settings["parallel"]:
            params = {"parallel_tool_calls": False, **params}
        begun = instructed(conversation(self.settings, self.values), self.given.instructions)
        choice = self.given.tool_choice if turn == 1 and tools else None
        return ModelRequest(
            tuple(self.settings["models"]), (*begun, *self.said), params, self.schema, tools, tool_choice=choice
        )

    async def _calls(self, turn: int, answer: Answer) -> tuple[str, JsonObject] | None:
        """Do the calls of a turn; a graph that takes over runs when all others are done, and gives the result."""
        self.said.append(Message("assistant", answer.text, answer.calls))
        gate = asyncio.Semaphore(MAX_TOGETHER if self.settings["parallel"] else 1)
        handoff = self._handoff(answer.calls)
        others = [call for call in answer.calls if handoff is None or call is not handoff[0]]
        done = await settle(self._call(call, f"call:{turn}.{answer.calls.index(call)}", gate) for call in others)
        for call, outcome in zip(others, done, strict=True):
            self.calls.append(listed(call.name, outcome))
            self.said.append(Message("tool", told(outcome), call_id=call.id))
        return None if handoff is None else await self._hand_over(handoff[0].name, handoff[1], f"handoff:{turn}")

    async def _call(self, call: ToolCall, key: str, gate: asyncio.Semaphore) -> JsonObject:
        if call.name in self.handoffs:
            read = fitting(self.handoffs[call.name]["parameters"], call)
            error = read if isinstance(read, str) else "the conversation goes to another"
            return {"arguments": call.arguments, "error": error}
        tool = self.tools.get(call.name) or self.app_tools.get(call.name)
        if tool is None:
            known = ", ".join([*self.tools, *self.handoffs, *self.app_tools])
            return {"arguments": call.arguments, "error": f"there is no tool '{call.name[:64]}'; there are: {known}"}
        async with gate:
            done: JsonObject = await self.ctx.once(key, partial(tool.called, call, key, self.ctx))
            return done

    def _handoff(self, calls: Sequence[ToolCall]) -> tuple[ToolCall, JsonObject] | None:
        """The call that hands over, and the graph's inputs: the first one with arguments that the graph can take."""
        for call in calls:
            if call.name in self.handoffs:
                inputs = fitting(self.handoffs[call.name]["parameters"], call)
                if not isinstance(inputs, str):
                    return call, inputs
        return None

    async def _hand_over(self, name: str, inputs: JsonObject, key: str) -> tuple[str, JsonObject]:
        handoff = self.handoffs[name]
        outputs = await self.ctx.ports.graphs.run(handoff["digest"], inputs, key)
        return _text_of(outputs), {handoff["alias"]: outputs}

    def _result(self, text: str, handoff: JsonObject | None = None) -> JsonObject:
        result: JsonObject = {
            "text": text,
            "calls": self.calls[:MAX_LISTED],
            "messages": list(self._messages()),
            "usage": usage_of(self.usage),
        }
        return result if handoff is None else {**result, "handoff": handoff}

    def _messages(self) -> Iterator[JsonObject]:
        """What was said, each with an id; a tool's answer has one that its call gives it."""
        spoken = ""
        for index, message in enumerate(self.said):
            if message.call_id is not None:
                yield as_json(message, answer_id(spoken, message.call_id))
            else:
                spoken = self._id(index)
                yield as_json(message, spoken)

    def _id(self, index: int) -> str:
        return str(uuid.uuid5(uuid.NAMESPACE_OID, f"{self.ctx.attempt_key}:{index}"))


def _text_of(outputs: JsonObject) -> str:
    """What a graph that took over has to say: its `text`, else its only text, else all of it as JSON."""
    texts = [value for value in outputs.values() if isinstance(value, str)]
    if isinstance(outputs.get("text"), str):
        return str(outputs["text"])
    return texts[0] if len(texts) == 1 else json.dumps(outputs, ensure_ascii=False)


def _recorded(call: ToolCall) -> JsonObject:
    told: JsonObject = {"id": call.id, "name": call.name, "arguments": call.arguments}
    return told if call.fault is None else {**told, "fault": call.fault}


def _answer(recorded: JsonValue) -> Answer:
    calls = tuple(
        ToolCall(call["id"], call["name"], call["arguments"], call.get("fault")) for call in recorded["calls"]
    )
    return Answer(recorded["text"], recorded["model"], recorded["provider"], Usage(**recorded["usage"]), calls)

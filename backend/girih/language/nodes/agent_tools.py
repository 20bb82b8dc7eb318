"""The tools of an agent: how an author names them, what the model is told of them, and what a call comes to."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Annotated, Any, Self

from pydantic import BeforeValidator, Field, model_validator
from pydantic_core import PydanticCustomError

from girih.errors import NodeError, Paused
from girih.language.expressions.names import Finding
from girih.language.nodes.approvals import (
    Question,
    approval_conditions,
    approval_settings,
    decided,
    loosened,
    needs_approval,
    waits_for_nobody,
)
from girih.language.nodes.base import ConditionSlot, Scope, Slot, Use
from girih.language.nodes.call import LONGEST_CALL
from girih.language.nodes.ports import NodeContext, ToolCall, ToolSpec
from girih.language.spec.conform import contract, settled
from girih.language.spec.durations import Duration
from girih.language.spec.model import Name, Strict
from girih.language.spec.tree import JsonObject, JsonSchema, JsonValue, Path

MAX_TOLD = 20_000
"""Characters of a tool's result that the model is shown, and that stay in the agent's result."""

_NOBODY_IS_ASKED = "bounds the wait for an approval, and nobody is asked; write approval: always, or a condition"


class AgentTool(Strict):
    """A tool an agent may call, and what the author settles about it.

    `name` and `description` are what the model is told instead of the alias and the tool's own description. `approval`
    is `never`, `always`, or a condition over `args`: where it holds, a person is asked before each call, and so where
    the tool itself wants it. `with` fixes arguments, which the model then neither sees nor gives. `timeout` bounds each
    call, `approval_timeout` the wait for a person: when it is over, the call counts as refused.
    """

    use: Name
    name: Name | None = None
    description: Annotated[str, Field(min_length=1)] | None = None
    approval: str | None = None
    approval_timeout: Duration | None = None
    with_: dict[str, Any] = Field(default_factory=dict, alias="with")
    timeout: Duration | None = None

    @model_validator(mode="after")
    def _waits_for_somebody(self) -> Self:
        if self.approval_timeout is not None and self.approval == "never":
            raise PydanticCustomError("approval_timeout", f"'approval_timeout' {_NOBODY_IS_ASKED}")
        return self

    @property
    def shown_as(self) -> str:
        """What the model calls it."""
        return self.name or self.use


class NamedTool(AgentTool):
    """A tool written as its alias alone."""


def _tool_of_name(value: Any) -> Any:
    known: Mapping[str, Any] = {
        "name": None,
        "description": None,
        "approval": None,
        "approval_timeout": None,
        "with_": {},
        "timeout": None,
    }
    return NamedTool.model_construct(use=value, **known) if isinstance(value, str) else value


AgentToolField = Annotated[AgentTool, BeforeValidator(_tool_of_name, json_schema_input_type=Name | AgentTool)]
"""How an agent's model declares a tool: `alias`, or `{ use: alias, … }`."""


def tool_uses(tools: Iterable[AgentTool]) -> Iterable[Use]:
    """The names of `use:` that the tools need."""
    for index, tool in enumerate(tools):
        path = ("tools", index) if isinstance(tool, NamedTool) else ("tools", index, "use")
        yield Use(path, tool.use, "tool")


def tool_slots(tools: Iterable[AgentTool], scope: Scope) -> Iterable[Slot]:
    """The fixed arguments, each with the type its parameter has."""
    for index, tool in enumerate(tools):
        if tool.with_:
            known = scope.tools.get(tool.use)
            fixed = _only(known.parameters, tool.with_) if known else {}
            yield Slot(_fixed(index), ("tools", index, "with"), tool.with_, fixed)


def tool_conditions(tools: Iterable[AgentTool], scope: Scope) -> Iterable[ConditionSlot]:
    """The conditions for an approval, over `args`: the arguments of the call."""
    for index, tool in enumerate(tools):
        known, path = scope.tools.get(tool.use), ("tools", index, "approval")
        yield from approval_conditions(known, tool.approval, _approval(index), path, ("tools", index, "use"))


def tool_faults(tools: Iterable[AgentTool], scope: Scope) -> Iterable[tuple[Path, Finding]]:
    """What the tools themselves do not allow, or make pointless."""
    for index, tool in enumerate(tools):
        known = scope.tools.get(tool.use)
        yield from loosened(known, tool.approval, ("tools", index, "approval"))
        if tool.approval_timeout is not None and tool.approval is None and waits_for_nobody(known, tool.approval):
            message = f"'approval_timeout' {_NOBODY_IS_ASKED}"
            yield ("tools", index, "approval_timeout"), Finding("E002", message, 0, 1)


def lower_tools(tools: Iterable[AgentTool], scope: Scope) -> list[JsonValue]:
    """The settings that `tools_of` takes."""
    lowered: list[JsonValue] = []
    for index, tool in enumerate(tools):
        known = scope.tools.get(tool.use)
        document = known.document if known else {}
        parameters = known.parameters if known else {}
        lowered.append(
            {
                "name": tool.shown_as,
                "description": tool.description or document.get("description") or tool.shown_as,
                "parameters": parameters,
                "shown": _without(parameters, tool.with_),
                "tool": document,
                **approval_settings(known, tool.approval, _approval(index)),
                "fixed": _fixed(index) if tool.with_ else None,
                "timeout": tool.timeout or document.get("timeout") or LONGEST_CALL,
                **({"approval_timeout": tool.approval_timeout} if tool.approval_timeout is not None else {}),
            }
        )
    return lowered


def _fixed(index: int) -> str:
    return f"tools.{index}.with"


def _approval(index: int) -> str:
    return f"tools.{index}.approval"


def _only(schema: JsonSchema, names: Iterable[str]) -> JsonSchema:
    """The parameters that the author fixes; what the tool does not know stays unknown."""
    wanted = set(names)
    properties = {name: item for name, item in (schema.get("properties") or {}).items() if name in wanted}
    return {"type": "object", "properties": properties, "additionalProperties": False}


def _without(schema: JsonSchema, names: Iterable[str]) -> JsonSchema:
    """The parameters that are left to the model."""
    fixed = set(names)
    if not fixed:
        return schema
    properties = {name: item for name, item in (schema.get("properties") or {}).items() if name not in fixed}
    required = [name for name in schema.get("required") or () if name not in fixed]
    return {**schema, "properties": properties, "required": required}


@dataclass(frozen=True)
class Tool:
    """A tool as a running agent has it."""

    settings: JsonObject
    fixed: JsonObject
    """The arguments that the author has fixed."""

    @property
    def spec(self) -> ToolSpec:
        """What the model is told."""
        return ToolSpec(self.settings["name"], self.settings["description"], self.settings["shown"])

    async def called(self, call: ToolCall, key: str, ctx: NodeContext) -> JsonObject:
        """Do one call and tell how it went: `arguments`, and `result` or `error`, and `approved` if it was asked for.

        A failure of the tool is no failure of the agent: the model is told. `key` names the call within the node.
        Lets `Paused` pass, and a failure of the kind `budget`.
        """
        read = fitting(self.settings["shown"], call)
        if isinstance(read, str):
            return self._finished(call, ctx, {"arguments": call.arguments, "error": read})
        arguments: JsonObject = {**read, **self.fixed}
        done: JsonObject = {"arguments": arguments}
        if needs_approval(self.settings, arguments, ctx):
            done = await self._approved(call, arguments, key, ctx)
            arguments = done["arguments"]
        if "error" in done:
            return self._finished(call, ctx, done)
        ctx.emit("tool.started", {"call_id": call.id, "tool": call.name, "arguments": arguments})
        try:
            done["result"] = await ctx.ports.tools.call(
                self.settings["tool"],
                arguments,
                timeout=self.settings["timeout"],
                idempotency_key=f"{ctx.attempt_key}:{key}",
            )
        except NodeError as error:
            if error.kind == "budget":
                raise
            done["error"] = f"{error.kind}: {error.message}"
        return self._finished(call, ctx, done)

    async def _approved(self, call: ToolCall, arguments: JsonObject, key: str, ctx: NodeContext) -> JsonObject:
        name = self.settings["name"]
        question = Question(
            f"May the agent call '{name}'?",
            arguments,
            self.settings["parameters"],
            {"tool": name, "arguments": arguments, "call_id": call.id},
            self.settings.get("approval_timeout"),
            self.fixed,
        )
        decision = await decided(question, key, ctx)
        done: JsonObject = {"arguments": decision.arguments, "approved": decision.approved}
        return {**done, "changed": decision.changed} if decision.error is None else {**done, "error": decision.error}

    def _finished(self, call: ToolCall, ctx: NodeContext, done: JsonObject) -> JsonObject:
        outcome: JsonObject = {name: done[name] for name in ("result", "error") if name in done}
        if done.get("changed"):
            outcome |= {"changed": True, "arguments": done["arguments"]}
        ctx.emit("tool.finished", {"call_id": call.id, "tool": call.name, **outcome})
        return done


def tools_of(settings: JsonObject, values: JsonObject) -> dict[str, Tool]:
    """The agent's tools by the names the model knows them under."""
    return {
        tool["name"]: Tool(tool, values[tool["fixed"]] if tool["fixed"] is not None else {})
        for tool in settings["tools"]
    }


def fitting(parameters: JsonSchema, call: ToolCall) -> JsonObject | str:
    """The arguments of a call in the parameters' types, or what is wrong with them."""
    if call.fault is not None:
        return f"{call.fault}. Give a JSON object that fits the parameters."
    arguments: JsonObject = settled(call.arguments, parameters)
    if faults := contract(parameters).misfits(arguments):
        return f"the arguments do not fit: {_listed(faults)}"
    return arguments


def _listed(faults: Iterable[object]) -> str:
    return "; ".join(str(fault) for fault in list(faults)[:5])


def told(done: JsonObject) -> str:
    """What the model hears of a call, in at most `MAX_TOLD` characters."""
    if "error" in done:
        return f"Error: {done['error']}"[:MAX_TOLD]
    text = done["result"] if done.get("is_said") else json.dumps(done["result"], ensure_ascii=False)
    if done.get("changed"):
        text = f"(called with changed arguments: {json.dumps(done['arguments'], ensure_ascii=False)})\n{text}"
    return text if len(text) <= MAX_TOLD else f"{text[:MAX_TOLD]}… (cut off)"


def listed(name: str, done: JsonObject) -> JsonObject:
    """A call as the agent's result lists it; a result beyond `MAX_TOLD` characters is cut off, as text."""
    entry: JsonObject = {key: done[key] for key in ("arguments", "result", "error", "approved") if key in done}
    if "result" in done and len(text := json.dumps(done["result"], ensure_ascii=False)) > MAX_TOLD:
        entry["result"] = f"{text[:MAX_TOLD]}…"
    return {"tool": name, **entry}


async def settle(work: Iterable[Any]) -> list[Any]:
    """The results of all, once each has come as far as it can.

    A failure is raised before a pause: whoever waits for an answer need not wait for it when the node fails anyway.
    """
    results = await asyncio.gather(*work, return_exceptions=True)
    stops = [result for result in results if isinstance(result, BaseException)]
    for stop in sorted(stops, key=lambda stop: isinstance(stop, Paused)):
        raise stop
    return results

"""`agent`: a model that calls tools, asks people where it must, and answers or hands over."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Annotated, Any, ClassVar

from pydantic import AfterValidator, Field, ValidationInfo, field_validator
from pydantic_core import PydanticCustomError

from girih.language.expressions.names import Finding
from girih.language.nodes.accepting import AcceptsField, lower_accepts, one_shape
from girih.language.nodes.agent_handoffs import HandoffField, handoff_uses, lower_handoff
from girih.language.nodes.agent_loop import AgentLoop
from girih.language.nodes.agent_tools import (
    AgentToolField,
    lower_tools,
    tool_conditions,
    tool_faults,
    tool_slots,
    tool_uses,
)
from girih.language.nodes.answers import USAGE
from girih.language.nodes.base import STRING, ConditionSlot, Need, NodeConfig, NodeKind, Scope, Slot, Use, object_of
from girih.language.nodes.conversation import (
    ROLES,
    AskedField,
    History,
    conversation_files,
    conversation_slots,
    lower_conversation,
)
from girih.language.nodes.ports import NodeContext
from girih.language.nodes.prompt import PromptField
from girih.language.spec.model import Name, TypeSpec
from girih.language.spec.tree import JsonObject, JsonSchema, Path
from girih.language.spec.types import object_schema

OWN = frozenset({"text", "calls", "messages", "usage", "handoff"})
"""Fields of the result that the node fills in by itself."""

FINAL_ANSWER = "final_answer"
"""What the answer is called among the tools of a model that has none of its own."""


def _not_own(name: str) -> str:
    if name in OWN:
        raise PydanticCustomError("own_field", f"'{name}' is a field that an agent node gives by itself")
    return name


class AgentConfig(NodeConfig):
    """`agent: NAME` of a model in `use:`, what to ask it, and the tools it may call."""

    agent: Name
    messages: str | None = None
    history: History = 20
    prompt: AskedField = None
    system: PromptField | None = None
    tools: Annotated[list[AgentToolField], Field(max_length=64)] = Field(default_factory=list)
    handoffs: Annotated[list[HandoffField], Field(max_length=16)] = Field(default_factory=list)
    max_turns: Annotated[int, Field(ge=1, le=100)] = 10
    parallel_tool_calls: bool = True
    params: dict[str, Any] = Field(default_factory=dict)
    returns: dict[Annotated[Name, AfterValidator(_not_own)], TypeSpec] | None = None
    repairs: Annotated[int, Field(ge=0, le=5)] = 2
    accepts: AcceptsField = Field(default_factory=list)

    @field_validator("accepts")
    @classmethod
    def _one_shape(cls, parts: list[str], info: ValidationInfo) -> list[str]:
        one_shape(parts, has_returns=info.data.get("returns") is not None)
        return parts

    @field_validator("tools", "handoffs")
    @classmethod
    def _tell_apart(cls, named: list[Any], info: ValidationInfo) -> list[Any]:
        seen = {tool.shown_as for tool in info.data.get("tools") or ()}
        for name in (each.shown_as for each in named):
            if name == FINAL_ANSWER:
                raise PydanticCustomError("tool_name", f"no tool can be called '{name}': that is the answer itself")
            if name in seen:
                message = f"two tools are called '{name}', and the model could not tell them apart; give one a 'name'"
                raise PydanticCustomError("tool_name", message)
            seen.add(name)
        return named


class AgentNode(NodeKind[AgentConfig]):
    """Lets a model call tools until it has the answer.

    `prompt`, `messages` with `history`, `system` and `params` are those of `llm`. Each of `tools` is an alias of
    `use:`, or `{ use: alias }` with more about it: `name` and `description` that the model is told, `with` for
    arguments that are fixed and not left to the model, `timeout`, and `approval`. That is `never`, `always`, or a
    condition over `args`, the call's arguments: where it holds, the run waits until a person allows the call, perhaps
    with other arguments, or refuses it. With `approval_timeout: 24h` it waits no longer than that, and then tells the
    model that nobody allowed the call in time. Several calls that need approval are asked about at once; the others
    run meanwhile.

    The calls of one turn run side by side; `parallel_tool_calls: false` asks for one at a time. Whatever goes wrong
    with a call (no such tool, arguments that do not fit, a failure of the tool, a refusal) is told to the model, which
    may do better. After `max_turns` answers of the model (10) the node fails as `budget`.

    `handoffs` are graphs that the model can hand over to, each an alias or `{ use: alias }` with a `description` of
    what it is for: the graph's inputs are the arguments, and what it gives is the agent's result, in `handoff.ALIAS`,
    its text in `text`.

    With `returns` the final answer is JSON of that shape, repaired as in `llm`. `calls` lists the calls with their
    arguments and results, `messages` what was said between the prompt and the answer. Each answer of the model and
    each result of a tool is recorded as it comes: a run that goes on after a pause or a crash repeats none of them.

    `accepts` names what the app that starts a run may give: `params`, `format` and `instructions` as for `llm`, and
    `tools`: tools that the app executes itself. The model is shown them beside the node's own, and where it calls some
    of them the run waits until the app has given their results.
    """

    verb: ClassVar[str] = "agent"
    records: ClassVar[bool] = True
    Config = AgentConfig
    example: ClassVar[str] = """\
desk:
  agent: small
  system: You look after orders. Look an order up before you change it.
  prompt: "${ inputs.message }"
  tools:
    - find_order
    - { use: refund, approval: "args.amount > 50.0" }
  handoffs: [{ use: complaints, description: For customers who complain. }]
  max_turns: 6
  next: $end
"""

    def uses(self, config: AgentConfig) -> Iterable[Use]:
        yield Use(("agent",), config.agent, "model")
        yield from tool_uses(config.tools)
        yield from handoff_uses(config.handoffs)

    def needs(self, config: AgentConfig) -> Iterable[Need]:
        for key, is_used in (
            ("tools", config.tools),
            ("handoffs", config.handoffs),
            ("accepts: [tools]", "tools" in config.accepts),
        ):
            if is_used:
                yield Need(("agent",), config.agent, "tools", key)
                break
        for key, is_used in (
            ("returns", config.returns is not None),
            ("accepts: [format]", "format" in config.accepts),
        ):
            if is_used:
                yield Need(("agent",), config.agent, "structured_output", key)

    def slots(self, config: AgentConfig, scope: Scope) -> Iterable[Slot]:
        yield from conversation_slots(config)
        yield from tool_slots(config.tools, scope)

    def conditions(self, config: AgentConfig, scope: Scope) -> Iterable[ConditionSlot]:
        return tool_conditions(config.tools, scope)

    def faults(self, config: AgentConfig, scope: Scope) -> Iterable[tuple[Path, Finding]]:
        return tool_faults(config.tools, scope)

    def files(self, config: AgentConfig) -> Iterable[Any]:
        return conversation_files(config)

    def returns(self, config: AgentConfig, scope: Scope) -> JsonSchema:
        fields: dict[str, JsonSchema] = {
            "text": STRING,
            "calls": {"type": "array", "items": _CALL},
            "messages": {"type": "array", "items": _MESSAGE},
            "usage": USAGE,
        }
        optional: set[str] = set()
        if config.handoffs:
            graphs = {h.use: scope.graphs[h.use].outputs for h in config.handoffs if h.use in scope.graphs}
            fields["handoff"] = object_of(graphs, optional=graphs)
            optional.add("handoff")
        declared = object_schema(config.returns or {})
        required = set(declared["required"]) if not config.handoffs else set()  # a graph may answer instead
        optional |= declared["properties"].keys() - required
        return object_of({**fields, **declared["properties"]}, optional)

    def lower(self, config: AgentConfig, scope: Scope) -> JsonObject:
        return {
            "models": list(scope.models.get(config.agent, ())),
            **lower_conversation(config, scope),
            "tools": lower_tools(config.tools, scope),
            "handoffs": [lower_handoff(handoff, scope) for handoff in config.handoffs],
            "max_turns": config.max_turns,
            "parallel": config.parallel_tool_calls,
            "params": config.params,
            "schema": object_schema(config.returns) if config.returns is not None else None,
            "repairs": config.repairs,
            **lower_accepts(config.accepts),
        }

    async def run(self, settings: JsonObject, values: JsonObject, ctx: NodeContext) -> JsonObject:
        return await AgentLoop(settings, values, ctx).run()


_MESSAGE: JsonSchema = object_of(
    {
        "id": STRING,
        "role": {"enum": list(ROLES)},
        "content": STRING,
        "calls": {
            "type": "array",
            "items": object_of({"id": STRING, "name": STRING, "arguments": {"type": "object"}}),
        },
        "call_id": STRING,
    },
    optional=("calls", "call_id"),
)


_CALL: JsonSchema = object_of(
    {
        "tool": STRING,  # any text: models also call what is not there
        "arguments": {"type": "object"},
        "result": {},
        "error": STRING,
        "approved": {"type": "boolean"},
    },
    optional=("result", "error", "approved"),
)

"""`ask`: puts a question to people and goes on with their answer, however long it takes."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Annotated, Any, ClassVar

from pydantic import Field, model_validator
from pydantic_core import PydanticCustomError

from girih.errors import NodeError
from girih.language.nodes.base import STRING, Exit, Leaving, NodeConfig, NodeKind, Scope, Slot, object_of
from girih.language.nodes.pausing import PauseRequest
from girih.language.nodes.ports import NodeContext
from girih.language.spec.durations import Duration
from girih.language.spec.model import Name, Strict, TypeSpec
from girih.language.spec.tree import JsonObject, JsonSchema
from girih.language.spec.types import object_schema

Choice = Annotated[str, Field(min_length=1, max_length=200)]


class Question(Strict):
    """What is asked, the form of the answer, who may give it, and what happens when nobody does."""

    message: str
    returns: Annotated[dict[Name, TypeSpec], Field(min_length=1)] | None = None
    choices: Annotated[list[Choice], Field(min_length=2, max_length=50)] | None = None
    to: list[Annotated[str, Field(min_length=1, max_length=100)]] = Field(default_factory=list)
    timeout: Duration | None = None
    on_timeout: str | None = None

    @model_validator(mode="after")
    def _agrees(self) -> Question:
        if self.returns is not None and self.choices is not None:
            raise PydanticCustomError("one_form", "takes either 'returns' or 'choices', and not both")
        if self.choices is not None and len(set(self.choices)) < len(self.choices):
            raise PydanticCustomError("same_choice", "names a choice twice under 'choices'")
        if self.on_timeout is not None and self.timeout is None:
            raise PydanticCustomError("no_timeout", "has 'on_timeout' but no 'timeout' that could pass")
        return self

    @property
    def form(self) -> JsonSchema:
        """The JSON Schema of the answer."""
        if self.returns is not None:
            return object_schema(self.returns)
        answer: JsonSchema = STRING if self.choices is None else {"type": "string", "enum": list(self.choices)}
        return object_of({"answer" if self.choices is None else "choice": answer})


class AskConfig(NodeConfig):
    """`ask: { message, returns }`."""

    ask: Question


class AskNode(NodeKind[AskConfig]):
    """Asks people and waits for the answer.

    `message` is the question and may hold `${ … }`. `returns` names the fields of the answer with their types, as
    everywhere: an `enum` becomes a choice, a `description` the field's help, a `default` what stands there until
    somebody changes it. `choices: [yes, no]` is short for one field `choice`; with neither, the answer is one text,
    `answer`. Whoever answers is told each field that does not fit, and only an answer that fits counts: the node's
    result is exactly that answer. `to` names the roles the question is meant for, for inboxes to sort by.

    The run is interrupted while it waits: it holds no process and no lease, survives restarts, and ends on the version
    it began with. `timeout` bounds the wait; when it is over, the node leaves to `on_timeout` (a node, `$end` or
    `$fail`) without a result, or fails as `timeout` where there is none.
    """

    verb: ClassVar[str] = "ask"
    Config = AskConfig
    example: ClassVar[str] = """\
approval:
  ask:
    message: "Refund order ${ inputs.order_id }?"
    returns:
      approved: boolean
      amount: { type: number, description: What to pay back, minimum: 0, default: 0 }
      reason: string?
    to: [finance]
    timeout: 24h
    on_timeout: $fail
  next: $end
"""

    def slots(self, config: AskConfig, scope: Scope) -> Iterable[Slot]:
        yield Slot("message", ("ask", "message"), config.ask.message, STRING)

    def exits(self, config: AskConfig) -> Iterable[Exit]:
        if config.ask.on_timeout is not None:
            yield Exit("timeout", ("ask", "on_timeout"), config.ask.on_timeout)

    def returns(self, config: AskConfig, scope: Scope) -> JsonSchema:
        return config.ask.form

    def lower(self, config: AskConfig, scope: Scope) -> JsonObject:
        ask = config.ask
        details: dict[str, Any] = {"choices": list(ask.choices)} if ask.choices is not None else {}
        if ask.to:
            details["to"] = list(ask.to)
        return {
            "schema": ask.form,
            "details": details,
            "timeout": ask.timeout,
            "leaves": ask.on_timeout is not None,
        }

    async def run(self, settings: JsonObject, values: JsonObject, ctx: NodeContext) -> JsonObject | Leaving:
        request = PauseRequest(
            "ask", values["message"], settings["schema"], dict(settings["details"]), settings["timeout"]
        )
        reply = await ctx.pause("answer", request)
        if reply.status == "answered":
            return dict(reply.value)
        if settings["leaves"]:
            return Leaving("timeout")
        raise NodeError(
            "timeout",
            f"nobody answered within {settings['timeout']:g} seconds",
            help="say under on_timeout where to go then, or allow more time",
            can_pass=False,
        )

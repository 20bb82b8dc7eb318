"""`llm`: one model call, streamed, with optional structured output and checked citations."""

from __future__ import annotations

import re
from collections.abc import Iterable
from typing import Annotated, Any, ClassVar

from pydantic import AfterValidator, Field, ValidationInfo, field_validator
from pydantic_core import PydanticCustomError

from girih.language.nodes.accepting import LlmAcceptsField, accepted, instructed, lower_accepts, one_shape, with_params
from girih.language.nodes.answers import USAGE, ask, ask_for_data, data_text, usage_of
from girih.language.nodes.base import STRING, Need, NodeConfig, NodeKind, Scope, Slot, Use, object_of
from girih.language.nodes.conversation import (
    AskedField,
    History,
    conversation,
    conversation_files,
    conversation_slots,
    lower_conversation,
)
from girih.language.nodes.ports import ModelRequest, NodeContext
from girih.language.nodes.prompt import PromptField
from girih.language.nodes.retrieve import HIT, PLACE
from girih.language.spec.model import Name, TypeSpec
from girih.language.spec.tree import JsonObject, JsonSchema
from girih.language.spec.types import object_schema

_MARK = re.compile(r"\[(\d{1,3}(?:\s*,\s*\d{1,3})*)\]")

CITATION: JsonSchema = object_of(
    {"number": {"type": "integer"}, "document_id": STRING, "document": STRING, "text": STRING, "place": PLACE}
)


OWN = frozenset({"usage", "citations"})
"""Fields of the result that the node fills in by itself."""


def _not_own(name: str) -> str:
    if name in OWN:
        raise PydanticCustomError("own_field", f"'{name}' is a field that an llm node gives by itself")
    return name


class LlmConfig(NodeConfig):
    """`llm: NAME` of a model in `use:`, and what to ask it."""

    llm: Name
    messages: str | None = None
    history: History = 20
    prompt: AskedField = None
    system: PromptField | None = None
    params: dict[str, Any] = Field(default_factory=dict)
    returns: dict[Annotated[Name, AfterValidator(_not_own)], TypeSpec] | None = None
    repairs: Annotated[int, Field(ge=0, le=5)] = 2
    cite: str | None = None
    accepts: LlmAcceptsField = Field(default_factory=list)

    @field_validator("accepts")
    @classmethod
    def _one_shape(cls, parts: list[str], info: ValidationInfo) -> list[str]:
        one_shape(parts, has_returns=info.data.get("returns") is not None)
        return parts


class LlmNode(NodeKind[LlmConfig]):
    """Asks a model once and streams its answer.

    `prompt` is what the model is asked: a text with `${ … }`, or a file of the workspace with the data passed to it.
    `system` sets the role. With `messages: "${ state.messages }"` the model is shown the last `history` messages of the
    conversation (20), before the prompt or instead of one. `params` go to the provider as they are (`temperature`,
    `max_tokens`, …).

    Without `returns` the node gives `text`. With `returns` the model must answer with JSON of that shape: its
    provider's own structured output is asked for, the answer is checked, and a wrong one is sent back with its faults
    up to `repairs` times; then the node fails as `invalid_output`. Such an answer is not streamed: nobody sees a piece
    of it before it is known to fit.

    With `cite: "${ search.hits }"` the marks `[1]`, `[2]`, … in the answer are matched with the hits in their order:
    `citations` holds those the answer really names, each with document and place.

    `accepts` names what the app that starts a run may give the model: `params` (settings such as `temperature`, which
    go before the author's), `format` (the JSON Schema that the answer has to fit; `text` is then that JSON, and not
    streamed) and `instructions` (said as the system, behind the author's `system`). What no node of an agent accepts
    is refused when the run is started.
    """

    verb: ClassVar[str] = "llm"
    Config = LlmConfig
    example: ClassVar[str] = """\
classify:
  llm: small
  system: You sort questions.
  prompt: "Sort this question: ${ inputs.question }"
  returns:
    intent: { enum: [faq, refund, other] }
    confidence: number
  next: $end
"""

    def uses(self, config: LlmConfig) -> Iterable[Use]:
        yield Use(("llm",), config.llm, "model")

    def needs(self, config: LlmConfig) -> Iterable[Need]:
        if config.returns is not None:
            yield Need(("llm",), config.llm, "structured_output", "returns")
        elif "format" in config.accepts:
            yield Need(("llm",), config.llm, "structured_output", "accepts: [format]")

    def slots(self, config: LlmConfig, scope: Scope) -> Iterable[Slot]:
        yield from conversation_slots(config)
        if config.cite is not None:
            yield Slot("cite", ("cite",), config.cite, {"type": "array", "items": HIT})

    def files(self, config: LlmConfig) -> Iterable[Any]:
        return conversation_files(config)

    def returns(self, config: LlmConfig, scope: Scope) -> JsonSchema:
        fields: dict[str, JsonSchema] = {"usage": USAGE}
        if config.cite is not None:
            fields["citations"] = {"type": "array", "items": CITATION}
        if config.returns is None:
            return object_of({"text": STRING, **fields})
        declared = object_schema(config.returns)
        return {
            **declared,
            "properties": {**declared["properties"], **fields},
            "required": [*declared["required"], *fields],
        }

    def lower(self, config: LlmConfig, scope: Scope) -> JsonObject:
        return {
            "models": list(scope.models.get(config.llm, ())),
            **lower_conversation(config, scope),
            "params": config.params,
            "schema": object_schema(config.returns) if config.returns is not None else None,
            "repairs": config.repairs,
            **lower_accepts(config.accepts),
        }

    async def run(self, settings: JsonObject, values: JsonObject, ctx: NodeContext) -> JsonObject:
        given = accepted(settings, ctx.given)
        request = ModelRequest(
            models=tuple(settings["models"]),
            messages=instructed(conversation(settings, values), given.instructions),
            params=with_params(settings["params"], given.params),
            schema=settings["schema"] if given.format is None else given.format,
        )
        if request.schema is None:
            answer = await ask(request, ctx, streamed=True)
            result: JsonObject = {"text": answer.text}
        else:
            answer, result = await ask_for_data(request, request.schema, settings["repairs"], ctx)
            if settings["schema"] is None:
                result = {"text": data_text(answer.text)}
        extra: JsonObject = {"usage": usage_of(answer.usage)}
        if "cite" in values:
            extra["citations"] = cited(answer.text, values["cite"])
        ctx.emit("message.completed", answer.completed(**extra))
        return {**result, **extra}


def cited(text: str, hits: list[JsonObject]) -> list[JsonObject]:
    """The hits that marks like `[2]` or `[1, 3]` in the text name, each once, in the order of the text."""
    numbers = (int(number) for mark in _MARK.findall(text) for number in mark.split(","))
    return [
        {"number": number, **{key: hits[number - 1][key] for key in ("document_id", "document", "text", "place")}}
        for number in dict.fromkeys(numbers)
        if 1 <= number <= len(hits)
    ]

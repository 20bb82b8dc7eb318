"""`llm`: one model call, streamed, with optional structured output and checked citations."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Annotated, Any, ClassVar

from pydantic import Field

from girih.language.nodes.base import STRING, NodeConfig, NodeKind, Scope, Slot, Use, object_of
from girih.language.nodes.ports import NodeContext
from girih.language.nodes.prompt import PromptField
from girih.language.nodes.retrieve import HIT, PLACE
from girih.language.spec.model import Name, TypeSpec
from girih.language.spec.tree import JsonObject, JsonSchema
from girih.language.spec.types import object_schema

USAGE: JsonSchema = object_of({"input_tokens": {"type": "integer"}, "output_tokens": {"type": "integer"}})
CITATION: JsonSchema = object_of(
    {"number": {"type": "integer"}, "document_id": STRING, "document": STRING, "text": STRING, "place": PLACE}
)


class LlmConfig(NodeConfig):
    """`llm: NAME` of a model in `use:`, and what to ask it."""

    llm: Name
    prompt: PromptField
    system: PromptField | None = None
    params: dict[str, Any] = Field(default_factory=dict)
    returns: dict[Name, TypeSpec] | None = None
    repairs: Annotated[int, Field(ge=0, le=5)] = 2
    cite: str | None = None


class LlmNode(NodeKind[LlmConfig]):
    """Asks a model once and streams its answer.

    `prompt` is what the model is asked: a text with `${ … }`, or a file of the workspace with the data passed to it.
    `system` sets the role. `params` go to the provider as they are (`temperature`, `max_tokens`, …).

    Without `returns` the node gives `text`. With `returns` the model must answer with JSON of that shape: the provider's
    own structured output is asked for, the answer is checked, and a wrong one is sent back with its faults up to
    `repairs` times; then the node fails as `invalid_output`.

    With `cite: "${ search.hits }"` the marks `[1]`, `[2]`, … in the answer are matched with the hits in their order:
    `citations` holds those the answer really names, each with document and place.
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

    def slots(self, config: LlmConfig, scope: Scope) -> Iterable[Slot]:
        yield from config.prompt.slots("prompt")
        if config.system is not None:
            yield from config.system.slots("system")
        if config.cite is not None:
            yield Slot("cite", ("cite",), config.cite, {"type": "array", "items": HIT})

    def files(self, config: LlmConfig) -> Iterable[Any]:
        yield from config.prompt.files("prompt")
        if config.system is not None:
            yield from config.system.files("system")

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
            "prompt": config.prompt.lower(scope),
            "system": config.system.lower(scope) if config.system else None,
            "params": config.params,
            "schema": object_schema(config.returns) if config.returns is not None else None,
            "repairs": config.repairs,
        }

    async def run(self, settings: JsonObject, values: JsonObject, ctx: NodeContext) -> JsonObject:
        raise NotImplementedError

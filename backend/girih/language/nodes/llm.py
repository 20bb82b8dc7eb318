"""`llm`: one model call, streamed, with optional structured output and checked citations."""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass, replace
from typing import Annotated, Any, ClassVar

from pydantic import AfterValidator, Field
from pydantic_core import PydanticCustomError

from girih.errors import NodeError
from girih.language.nodes.base import STRING, NodeConfig, NodeKind, Scope, Slot, Use, object_of
from girih.language.nodes.ports import Message, ModelDone, ModelRequest, NodeContext, Usage
from girih.language.nodes.prompt import PromptField, rendered
from girih.language.nodes.retrieve import HIT, PLACE
from girih.language.spec import strict_json
from girih.language.spec.conform import contract, settled
from girih.language.spec.model import Name, TypeSpec
from girih.language.spec.tree import JsonObject, JsonSchema
from girih.language.spec.types import object_schema

REPAIR = """That answer does not have the shape that was asked for:
{faults}
Answer again, with JSON of that shape only."""

_FENCE = re.compile(r"```(?:json)?\s*\n(.*)\n\s*```", re.DOTALL)
_MARK = re.compile(r"\[(\d{1,3}(?:\s*,\s*\d{1,3})*)\]")

USAGE: JsonSchema = object_of({"input_tokens": {"type": "integer"}, "output_tokens": {"type": "integer"}})
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
    prompt: PromptField
    system: PromptField | None = None
    params: dict[str, Any] = Field(default_factory=dict)
    returns: dict[Annotated[Name, AfterValidator(_not_own)], TypeSpec] | None = None
    repairs: Annotated[int, Field(ge=0, le=5)] = 2
    cite: str | None = None


class LlmNode(NodeKind[LlmConfig]):
    """Asks a model once and streams its answer.

    `prompt` is what the model is asked: a text with `${ … }`, or a file of the workspace with the data passed to it.
    `system` sets the role. `params` go to the provider as they are (`temperature`, `max_tokens`, …).

    Without `returns` the node gives `text`. With `returns` the model must answer with JSON of that shape: its
    provider's own structured output is asked for, the answer is checked, and a wrong one is sent back with its faults
    up to `repairs` times; then the node fails as `invalid_output`. Such an answer is not streamed: nobody sees a piece
    of it before it is known to fit.

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
        request = ModelRequest(
            models=tuple(settings["models"]),
            messages=_messages(settings, values),
            params=settings["params"],
            schema=settings["schema"],
        )
        if request.schema is None:
            answer = await _ask(request, ctx, streamed=True)
            result: JsonObject = {"text": answer.text}
        else:
            answer, result = await _ask_for_data(request, request.schema, settings["repairs"], ctx)
        extra: JsonObject = {"usage": {name: getattr(answer.usage, name) for name in USAGE["properties"]}}
        if "cite" in values:
            extra["citations"] = cited(answer.text, values["cite"])
        completed = {"text": answer.text, "model": answer.model, "provider": answer.provider}
        ctx.emit("message.completed", {**completed, **extra})
        return {**result, **extra}


@dataclass(frozen=True)
class Answer:
    """A model's whole answer, and what all calls for it cost."""

    text: str
    model: str
    provider: str
    usage: Usage


def _messages(settings: JsonObject, values: JsonObject) -> tuple[Message, ...]:
    user = Message("user", rendered(settings["prompt"], values["prompt"]))
    if settings["system"] is None:
        return (user,)
    return (Message("system", rendered(settings["system"], values["system"])), user)


async def _ask(request: ModelRequest, ctx: NodeContext, *, streamed: bool) -> Answer:
    pieces: list[str] = []
    done = ModelDone(Usage(), "", "")
    async for event in ctx.ports.models.stream(request):
        if isinstance(event, ModelDone):
            done = event
            continue
        pieces.append(event.text)
        if streamed:
            ctx.emit("message.delta", {"text": event.text})
    return Answer("".join(pieces), done.model, done.provider, done.usage)


async def _ask_for_data(
    request: ModelRequest, schema: JsonSchema, repairs: int, ctx: NodeContext
) -> tuple[Answer, JsonObject]:
    """Ask until the answer fits, at most `repairs` times again. Raises `NodeError` of the kind `invalid_output`."""
    usage = Usage()
    faults: tuple[str, ...] = ()
    for _ in range(repairs + 1):
        answer = await _ask(request, ctx, streamed=False)
        usage += answer.usage
        data, faults = _read(answer.text, schema)
        if not faults:
            return replace(answer, usage=usage), data
        said = (Message("assistant", answer.text), Message("user", REPAIR.format(faults="\n".join(faults))))
        request = replace(request, messages=(*request.messages, *said))
    raise NodeError(
        "invalid_output",
        f"the model's answer does not have the declared shape: {'; '.join(faults[:3])}",
        help="raise repairs, simplify returns, or use a stronger model",
    )


def _read(text: str, schema: JsonSchema) -> tuple[JsonObject, tuple[str, ...]]:
    """The data in an answer, and what is wrong with it."""
    fenced = _FENCE.fullmatch(text.strip())
    try:
        data = strict_json.loads(fenced[1] if fenced else text)
    except (ValueError, RecursionError):
        return {}, ("it is not JSON",)
    data = settled(data, schema)
    return data, tuple(map(str, contract(schema).misfits(data)))


def cited(text: str, hits: list[JsonObject]) -> list[JsonObject]:
    """The hits that marks like `[2]` or `[1, 3]` in the text name, each once, in the order of the text."""
    numbers = (int(number) for mark in _MARK.findall(text) for number in mark.split(","))
    return [
        {"number": number, **{key: hits[number - 1][key] for key in ("document_id", "document", "text", "place")}}
        for number in dict.fromkeys(numbers)
        if 1 <= number <= len(hits)
    ]

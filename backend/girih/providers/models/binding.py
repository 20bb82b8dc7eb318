"""A logical model bound to a provider's client: what it can do, and what it costs."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Final, Literal

from langchain_core.language_models import BaseChatModel

from girih.language.nodes.ports import ModelRequest, Usage
from girih.language.spec.tree import JsonObject

OPENAI: Final = "openai"
"""What a binding to an OpenAI-compatible provider is called."""

Ability = Literal["native", "prompted", "none"]

_MILLION = 1_000_000


@dataclass(frozen=True)
class Price:
    """USD per million tokens, in and out."""

    input: float = 0.0
    output: float = 0.0


@dataclass(frozen=True)
class Binding:
    """A model of a project, ready to be asked."""

    name: str
    provider: Literal["openai", "girih-demo"]
    model: str
    client: BaseChatModel
    params: JsonObject = field(default_factory=dict)
    tools: Ability = "native"
    structured_output: Ability = "native"
    images: bool = True
    """Whether it can be shown images."""
    price: Price = Price()

    def priced(self, usage: Usage) -> Usage:
        """The usage of one call with its cost."""
        cost = (usage.input_tokens * self.price.input + usage.output_tokens * self.price.output) / _MILLION
        return Usage(usage.input_tokens, usage.output_tokens, cost)


def lacking(binding: Binding, request: ModelRequest) -> str | None:
    """What of a request the model cannot do at all, as a message has it; `None` where it can do all of it."""
    if not binding.images and any(message.images for message in request.messages):
        return "be shown images"
    if request.tools and binding.tools == "none":
        return "call tools"
    # Where tools are called by an envelope, the envelope gives the structure, too.
    is_enveloped = bool(request.tools) and binding.tools == "prompted"
    if request.schema is not None and binding.structured_output == "none" and not is_enveloped:
        return "give structured output"
    return None


def abilities_of(document: JsonObject) -> tuple[Ability, Ability, bool]:
    """How a `model/v1` document says that tools and structured output are done, and whether the model sees images.

    What it does not speak of is done by the provider.
    """
    declared = document.get("capabilities") or {}
    is_seeing = declared.get("images", "native") != "none"
    return declared.get("tools", "native"), declared.get("structured_output", "native"), is_seeing


def price_of(document: JsonObject) -> Price:
    """The price of a `model/v1` document; nothing where it names none."""
    declared = document.get("price") or {}
    return Price(float(declared.get("input_per_million", 0)), float(declared.get("output_per_million", 0)))

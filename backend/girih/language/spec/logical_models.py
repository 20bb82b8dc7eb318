"""Logical models: `model/v1`, which says what graphs need, and a server's binding, which says what answers there."""

from __future__ import annotations

from typing import Annotated, Any, Literal, Self

from pydantic import Field, model_validator
from pydantic_core import PydanticCustomError

from girih.language.spec.model import Slug, Strict
from girih.language.spec.outward import BAD_URL, SecretRef, is_public_url

MOST_FALLBACKS = 8

Ability = Literal["native", "prompted", "none"]


class Capabilities(Strict):
    """What a model can do: by the provider's own means, by a `prompted` envelope that is checked, or not at all."""

    tools: Ability = "native"
    structured_output: Ability = "native"
    images: Literal["native", "none"] = "native"


class PriceList(Strict):
    """What a model costs, in USD per million tokens; nothing where it is not said."""

    input_per_million: Annotated[float, Field(ge=0, le=1_000_000)] = 0.0
    output_per_million: Annotated[float, Field(ge=0, le=1_000_000)] = 0.0


ModelName = Annotated[str, Field(min_length=1, max_length=200)]
Fallbacks = Annotated[list[Slug], Field(max_length=MOST_FALLBACKS)]


class ModelDocument(Strict):
    """A logical model: what `model://NAME` stands for.

    `provider` says who answers: `openai` (any OpenAI-compatible server), `demo` (the built-in model that needs no key),
    or `default`: `openai` where a key is set, else `demo`. `model` is the provider's own name of the model. `params` go
    to the provider as they are. `capabilities` say what the model can do, `price` what it costs, which
    `limits.cost_usd` counts, `context_tokens` how much it reads at once. `fallbacks` are the names of models that are
    asked, in this order, when this one is not to be had. A server may bind the name to something else.
    """

    kind: Literal["model/v1"]
    name: Slug
    title: str | None = None
    description: str | None = None
    provider: Literal["default", "openai", "demo"] = "default"
    model: ModelName | None = None
    params: dict[str, Any] = Field(default_factory=dict)
    capabilities: Capabilities | None = None
    price: PriceList | None = None
    context_tokens: Annotated[int, Field(ge=1)] | None = None
    fallbacks: Fallbacks | None = None


class ModelBinding(Strict):
    """What answers on a server under the name of a logical model, whatever its document says.

    `provider: openai` is any OpenAI-compatible server: at an `endpoint`, a name that the operator has bound to a URL,
    at a public `url`, or, with neither, the one that the operator has set up. `secret` names the key, which is only
    ever sent to the host that it was bound for. Whatever else is left out is as the document says.
    """

    provider: Literal["openai", "demo"]
    endpoint: Slug | None = None
    url: Annotated[str, Field(max_length=2000)] | None = None
    secret: SecretRef | None = None
    model: ModelName | None = None
    params: dict[str, Any] | None = None
    capabilities: Capabilities | None = None
    price: PriceList | None = None
    context_tokens: Annotated[int, Field(ge=1)] | None = None
    fallbacks: Fallbacks | None = None

    @model_validator(mode="after")
    def _one_place(self) -> Self:
        if self.endpoint is not None and self.url is not None:
            raise PydanticCustomError("one_base", "takes either 'endpoint' or 'url', and not both")
        if self.url is not None and not is_public_url(self.url):
            raise PydanticCustomError("bad_url", BAD_URL)
        placed = [name for name in ("endpoint", "url", "secret") if getattr(self, name) is not None]
        if self.provider == "demo" and placed:
            raise PydanticCustomError("no_place", "the demo model has no '{name}'", {"name": placed[0]})
        return self

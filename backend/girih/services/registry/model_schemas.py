"""What is told of models: who answers under each name here, what it was bound to, and how trying it went."""

from __future__ import annotations

from datetime import datetime
from typing import Any, Literal

from pydantic import BaseModel, ConfigDict, Field

from girih.language.spec.logical_models import Capabilities, PriceList


class AnswersOut(BaseModel):
    """Who answers under a model's name on this server."""

    said_by: Literal["binding", "document", "server"] = Field(
        description="Whether a binding says so, the model's document, or neither: then it is built in."
    )
    provider: str | None = Field(description="`openai` or `girih-demo`; nothing where nobody can answer.")
    model: str | None = Field(description="The provider's own name of the model.")
    base_url: str | None = Field(description="Where a binding leads to; nothing where the operator has set it up.")
    secret: str | None = Field(description="The name of the key that goes with each call, as `secret://NAME`.")
    problem: str | None = Field(default=None, description="Why nobody can answer.")
    help: str | None = None


class ModelOut(BaseModel):
    """A logical model, and what it comes to on this server."""

    name: str
    title: str | None
    description: str | None
    answers: AnswersOut
    params: dict[str, Any]
    capabilities: Capabilities
    price: PriceList | None
    context_tokens: int | None
    fallbacks: list[str] = Field(description="Who is asked when this one is not to be had, in this order.")
    is_declared: bool = Field(description="Whether it has a document or is built in; else only a binding names it.")
    revision: int = Field(description="Of its binding: counts from 1; 0 where it never had one.")
    digest: str = Field(description="Changes with its document and with what it is bound to.")


class BindingOut(BaseModel):
    """One revision of what a model was bound to, by whom and when."""

    model_config = ConfigDict(from_attributes=True)

    name: str
    revision: int
    is_current: bool
    binding: dict[str, Any] | None = Field(description="Nothing: the binding was taken away.")
    origin: str | None = Field(description="The only scheme, host and port that the key is sent to.")
    created_at: datetime
    created_by: str


class CheckOut(BaseModel):
    """One thing that was tried."""

    what: Literal["answer", "structured_output", "tools"]
    ok: bool
    declared: str | None = Field(default=None, description="How the model is said to do it.")
    problem: str | None = None
    help: str | None = None


class ModelTestOut(BaseModel):
    """Whether a model answers, measured by tiny real calls to it alone, without its fallbacks."""

    name: str
    healthy: bool
    provider: str | None
    model: str | None
    streams: bool | None = Field(description="Whether the answer came in more than one piece.")
    first_token_ms: float | None
    total_ms: float
    input_tokens: int
    output_tokens: int
    cost_usd: float
    checks: list[CheckOut]

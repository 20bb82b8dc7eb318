"""What a chat brings along with a run: messages, and what the app gives the model: tools, a format, settings."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import BaseModel, ConfigDict, Field

from girih.language.spec.tree import JsonObject, JsonSchema

Role = Literal["system", "user", "assistant", "tool"]


class _Strict(BaseModel):
    model_config = ConfigDict(extra="forbid")


class TextPart(_Strict):
    """A piece of text."""

    type: Literal["text"] = "text"
    text: str


class ImagePart(_Strict):
    """An image: a `data:` URL with its bytes, or an `https:` URL that the model's provider fetches."""

    type: Literal["image"] = "image"
    url: Annotated[str, Field(min_length=1, max_length=20_000_000)]
    detail: Literal["auto", "low", "high"] | None = None


Part = Annotated[TextPart | ImagePart, Field(discriminator="type")]


class ChatCall(_Strict):
    """A tool that the assistant wanted called."""

    id: Annotated[str, Field(min_length=1, max_length=200)]
    name: Annotated[str, Field(min_length=1, max_length=200)]
    arguments: JsonObject = Field(default_factory=dict)


class ChatMessage(_Strict):
    """One message. A `tool` message answers the call with the id `call_id`; an `id` that is known is replaced."""

    id: Annotated[str | None, Field(min_length=1, max_length=200)] = None
    role: Role
    content: str | list[Part] = ""
    calls: Annotated[list[ChatCall], Field(max_length=128)] = []
    call_id: Annotated[str | None, Field(min_length=1, max_length=200)] = None


class ClientTool(_Strict):
    """A tool that the app executes itself: the run waits for its result."""

    name: Annotated[str, Field(pattern=r"^[A-Za-z0-9_-]{1,64}$")]
    description: Annotated[str, Field(max_length=4000)] = ""
    parameters: JsonSchema = Field(default_factory=dict)


class ClientIn(_Strict):
    """What the app gives the models of a run; each part is taken by nodes that name it under `accepts:`, by no other.

    An agent none of whose nodes accepts a part refuses it: `tools` and `tool_choice` as `tools`, `params` as `params`,
    `format` as `format`, `instructions` as `instructions`.
    """

    tools: Annotated[list[ClientTool], Field(max_length=128)] = []
    tool_choice: Annotated[str | None, Field(min_length=1, max_length=64)] = None
    """`auto`, `none`, `required`, or the name of one of the tools."""
    params: JsonObject = Field(default_factory=dict)
    """Sampling settings by the names that `params:` of a node has: `temperature`, `top_p`, `max_tokens`, `stop`, …"""
    format: JsonSchema | None = None
    """The JSON Schema that the answer has to fit."""
    instructions: str | None = None
    """What the app says as the system, behind what the author says."""

"""What is said to models and by them: messages, the tools they may call, and what an app has for a run's models."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Literal

from girih.language.spec.tree import JsonObject, JsonSchema


@dataclass(frozen=True)
class ToolCall:
    """A tool a model wants called. `arguments` are plain JSON, not yet checked against the tool's parameters.

    `fault` says what is wrong with arguments that cannot be read at all; `arguments` are empty then.
    """

    id: str
    name: str
    arguments: JsonObject
    fault: str | None = None


@dataclass(frozen=True)
class Image:
    """An image: a `data:` URL with its bytes, or an `https:` URL that the model's provider fetches by itself."""

    url: str
    detail: Literal["auto", "low", "high"] | None = None


@dataclass(frozen=True)
class Message:
    """One chat message. A `tool` message answers the call with the id `call_id`; `images` stand behind the text."""

    role: Literal["system", "user", "assistant", "tool"]
    content: str
    calls: tuple[ToolCall, ...] = ()
    call_id: str | None = None
    images: tuple[Image, ...] = ()


@dataclass(frozen=True)
class ToolSpec:
    """A tool as a model is told of it: `name` is unique in the request, `parameters` the schema of its arguments."""

    name: str
    description: str
    parameters: JsonSchema


@dataclass(frozen=True)
class AppGiven:
    """What the app gives the models of a run; a node takes of it what its `accepts` names, and nothing else.

    `tools` are executed by the app itself; `tool_choice` is `auto`, `none`, `required` or a tool's name; `params` are
    sampling settings, `format` is the JSON Schema that the answer has to fit, `instructions` what the app says as the
    system.
    """

    tools: tuple[ToolSpec, ...] = ()
    tool_choice: str | None = None
    params: JsonObject = field(default_factory=dict)
    format: JsonSchema | None = None
    instructions: str | None = None


NOTHING_GIVEN = AppGiven()

"""What an AG-UI client sends: `RunAgentInput` of AG-UI 1.0, as far as it is read here."""

from __future__ import annotations

from typing import Annotated, Any, Literal

from pydantic import BaseModel, ConfigDict, Field

from girih.language.spec.tree import JsonObject, JsonValue
from girih.services.runs.schemas import Multitask, Printable

Identifier = Annotated[str, Field(min_length=1, max_length=200)]


class _Loose(BaseModel):
    """AG-UI lets its objects carry more than it names; what is not named here is not read, and said back as it is."""

    model_config = ConfigDict(extra="allow", populate_by_name=True)


class Function(_Loose):
    """What is called: a name, and the arguments as JSON text."""

    name: Identifier
    arguments: str = ""


class ToolCall(_Loose):
    """A tool that the assistant wanted called."""

    id: Identifier
    function: Function


class Message(_Loose):
    """A message of any role; `content` is text, or parts where users and tools have them."""

    id: Identifier
    role: Literal["developer", "system", "assistant", "user", "tool", "activity", "reasoning"]
    content: str | list[JsonObject] | JsonObject | None = None
    tool_calls: Annotated[list[ToolCall], Field(alias="toolCalls", max_length=128)] = []
    tool_call_id: Annotated[Identifier | None, Field(alias="toolCallId")] = None
    error: str | None = None


class Tool(_Loose):
    """A tool of the app."""

    name: Identifier
    description: str = ""
    parameters: JsonValue = None


class Context(_Loose):
    """A piece of what the app knows."""

    description: str
    value: str


class Resume(_Loose):
    """The answer to an interrupt, or that there is none."""

    interrupt_id: Annotated[Identifier, Field(alias="interruptId")]
    status: Literal["resolved", "cancelled"]
    payload: JsonValue = None


class Forwarded(BaseModel):
    """What an app may send along as `forwardedProps`."""

    model_config = ConfigDict(extra="forbid", populate_by_name=True)

    inputs: JsonObject = Field(default_factory=dict)
    """Inputs of the agent beside the question."""
    tool_choice: Annotated[str | None, Field(alias="toolChoice", min_length=1, max_length=64)] = None
    params: JsonObject = Field(default_factory=dict)
    user: Annotated[Printable | None, Field(min_length=1, max_length=200)] = None
    tags: Annotated[list[Annotated[Printable, Field(min_length=1, max_length=64)]], Field(max_length=20)] = []
    metadata: JsonObject = Field(default_factory=dict)
    multitask: Multitask = "interrupt"
    """What a question does where a run is under way on the thread."""
    on_disconnect: Annotated[Literal["continue", "cancel"], Field(alias="onDisconnect")] = "continue"
    """What becomes of the run when the client leaves before the stream is over."""


class RunAgentInput(_Loose):
    """The body of a run."""

    thread_id: Annotated[Identifier, Field(alias="threadId")]
    run_id: Annotated[Identifier, Field(alias="runId")]
    protocol_version: Annotated[str | None, Field(alias="protocolVersion")] = None
    parent_run_id: Annotated[Identifier | None, Field(alias="parentRunId")] = None
    state: Any = None
    messages: Annotated[list[Message], Field(max_length=1000)]
    tools: Annotated[list[Tool], Field(max_length=128)] = []
    context: Annotated[list[Context], Field(max_length=200)] = []
    forwarded: Annotated[Forwarded | None, Field(alias="forwardedProps")] = None
    resume: Annotated[list[Resume], Field(max_length=200)] = []

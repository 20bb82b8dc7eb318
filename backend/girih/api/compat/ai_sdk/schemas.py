"""What the AI SDK's chat transport sends, and what an app may add to it."""

from __future__ import annotations

from typing import Annotated, Any, Literal

from pydantic import BaseModel, ConfigDict, Field

from girih.language.spec.tree import JsonObject, JsonValue
from girih.services.runs.chat_schemas import ClientTool
from girih.services.runs.schemas import Multitask, Printable

Identifier = Annotated[str, Field(min_length=1, max_length=200)]


class UiMessage(BaseModel):
    """A message of the app. Its metadata is the app's own and is not read."""

    model_config = ConfigDict(extra="forbid")

    id: Identifier
    role: Literal["system", "user", "assistant"]
    parts: Annotated[list[JsonObject], Field(max_length=10_000)]
    metadata: Any = None


class ChatIn(BaseModel):
    """The body of `DefaultChatTransport`, and behind it what its option `body` may add."""

    model_config = ConfigDict(extra="forbid", populate_by_name=True)

    id: Identifier
    messages: Annotated[list[UiMessage], Field(min_length=1, max_length=1000)]
    trigger: Literal["submit-message", "regenerate-message"] = "submit-message"
    message_id: Annotated[Identifier | None, Field(alias="messageId")] = None
    """The message that is edited, answered anew or gone on with: where the messages end says the same."""

    answers: dict[Identifier, JsonValue] = Field(default_factory=dict)
    """Answers to questions (`data-question`), by their ids."""
    inputs: JsonObject = Field(default_factory=dict)
    """Inputs of the agent beside the question."""
    tools: Annotated[list[ClientTool], Field(max_length=128)] = []
    """The app's own tools."""
    tool_choice: Annotated[str | None, Field(alias="toolChoice", min_length=1, max_length=64)] = None
    params: JsonObject = Field(default_factory=dict)
    instructions: str | None = None
    user: Annotated[Printable | None, Field(min_length=1, max_length=200)] = None
    tags: Annotated[list[Annotated[Printable, Field(min_length=1, max_length=64)]], Field(max_length=20)] = []
    metadata: JsonObject = Field(default_factory=dict)
    multitask: Multitask = "interrupt"
    """What a question does where the chat's run is under way."""
    on_disconnect: Annotated[Literal["continue", "cancel"], Field(alias="onDisconnect")] = "continue"
    """What becomes of the run when the client leaves before the stream is over."""

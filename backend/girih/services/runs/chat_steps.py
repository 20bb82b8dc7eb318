"""A run of a chat agent as chats see it: the answer's text as it grows, tools, and how it ends."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TypeAlias

from girih.language.spec.tree import JsonObject, JsonValue


@dataclass(frozen=True)
class TextStep:
    """A piece of the answer. `message_id` is the id that the whole message has under `state.messages`."""

    message_id: str
    text: str


@dataclass(frozen=True)
class ToolStep:
    """A tool that girih calls itself: begun, or done with a result or an error."""

    call_id: str
    name: str
    arguments: JsonObject
    done: bool = False
    result: JsonValue = None
    error: str | None = None


@dataclass(frozen=True)
class CallStep:
    """A piece of a call of one of the app's own tools: `name` comes with the first, `arguments` is JSON text.

    `done` comes last, with all of the arguments; the run then waits for the results.
    """

    call_id: str
    name: str
    arguments: str
    done: bool = False


@dataclass(frozen=True)
class Question:
    """Something else a run waits for: an answer of a person, or a leave to call a tool. `schema` is the answer's."""

    id: str
    kind: str
    node: str
    message: str
    schema: JsonObject
    details: JsonObject


@dataclass(frozen=True)
class WaitStep:
    """The run waits: for the results of the app's tools (`calls`), or for `questions`."""

    calls: tuple[CallStep, ...] = ()
    questions: tuple[Question, ...] = ()
    usage: JsonObject = field(default_factory=dict)


@dataclass(frozen=True)
class DoneStep:
    """The run ended well. `text` is the whole answer; what was not streamed of it came as a last `TextStep`.

    `refused`: the answer is a refusal, in the agent's own words.
    """

    message_id: str
    text: str
    outputs: JsonObject
    usage: JsonObject
    model: str | None = None
    refused: bool = False
    cut_off: bool = False
    """The model stopped at its limit of tokens."""


@dataclass(frozen=True)
class FailedStep:
    """The run failed or was cancelled. `kind` is the error's, `message` one that callers may see."""

    kind: str
    message: str
    cancelled: bool = False
    usage: JsonObject = field(default_factory=dict)


@dataclass(frozen=True)
class CustomStep:
    """Anything else that happened, for doors that show it: an event's type, node and data."""

    type: str
    node: str | None
    data: JsonObject


ChatStep: TypeAlias = TextStep | ToolStep | CallStep | WaitStep | DoneStep | FailedStep | CustomStep
END_OF_TURN = (WaitStep, DoneStep, FailedStep)
"""After one of these a chat's answer is over."""

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
class SaidStep:
    """All text since the last of these, or since the beginning, is a message of its own beside calls, not the answer.

    Only a fold that tells `aloud` has them; the answer is what `TextStep`s add up to behind the last one.
    """

    message_id: str


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
    """A call of one of the app's own tools: a piece of it, or with `done` all of it. `arguments` is JSON text.

    Pieces come while the model writes the call, of a fold that tells `aloud`: the first may be empty, and all of them
    are in sum the arguments of the whole, in the model's own words. The whole comes just before the `WaitStep`, once
    it is certain that the run waits for the result; or a `DroppedStep` comes in its place.
    """

    call_id: str
    name: str
    arguments: str
    done: bool = False


@dataclass(frozen=True)
class DroppedStep:
    """A call that was told in pieces comes to nothing: nobody wants a result. `arguments` are what was told of it."""

    call_id: str
    name: str
    arguments: str
    error: str


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
    """Of all the run's model calls so far."""
    said: str = ""
    """What the model said beside its calls and was not told yet; it is no part of the answer."""


@dataclass(frozen=True)
class DoneStep:
    """The run ended well. `text` is the whole answer: what all `TextStep`s add up to, behind the last `SaidStep`.

    `refused`: the graph ended itself as failed, and the answer is the reason it gives; there are no outputs then.
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
    """The run failed or was cancelled. `kind` is the error's, `message` one that callers may see.

    The kind `diverged` stands for a run that ended well with another answer than the one that was begun here.
    """

    kind: str
    message: str
    cancelled: bool = False
    usage: JsonObject = field(default_factory=dict)


@dataclass(frozen=True)
class CustomStep:
    """Anything else that happened, for doors that show it: an event's type, node and data.

    Pieces of messages and of calls, and what models used, are not among it.
    """

    type: str
    node: str | None
    data: JsonObject


ChatStep: TypeAlias = (
    TextStep | SaidStep | ToolStep | CallStep | DroppedStep | WaitStep | DoneStep | FailedStep | CustomStep
)
END_OF_TURN = (WaitStep, DoneStep, FailedStep)
"""After one of these a chat's answer is over."""

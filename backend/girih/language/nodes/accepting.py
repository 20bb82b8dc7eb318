"""`accepts:` of a node that asks a model: what it takes of what the app gives a run, and how that comes together."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import replace
from typing import Annotated, Final, Literal

from pydantic import AfterValidator
from pydantic_core import PydanticCustomError

from girih.language.nodes.messages import NOTHING_GIVEN, AppGiven, Message
from girih.language.spec.tree import JsonObject

Part = Literal["tools", "params", "format", "instructions"]

PARTS: Final[Mapping[Part, str]] = {
    "tools": "tools",
    "params": "settings of a model",
    "format": "a format of the answer",
    "instructions": "instructions",
}
"""Each part, in words."""


def _once(parts: list[str]) -> list[str]:
    if len(set(parts)) < len(parts):
        raise PydanticCustomError("accepts", "names a part twice")
    return parts


_LIMITS: Final = frozenset({"max_tokens", "max_completion_tokens"})
"""Two names of one thing; providers refuse both together."""

AcceptsField = Annotated[list[Part], AfterValidator(_once)]
"""How an agent's model declares what it accepts."""
LlmAcceptsField = Annotated[list[Literal["params", "format", "instructions"]], AfterValidator(_once)]
"""The same for a model that calls no tools."""


def one_shape(parts: Iterable[str], has_returns: bool) -> None:
    """Refuse an answer with two shapes."""
    if "format" in parts and has_returns:
        message = "takes a format from the app beside 'returns': an answer has one shape; leave one of the two out"
        raise PydanticCustomError("two_shapes", message)


def lower_accepts(parts: Iterable[str]) -> JsonObject:
    """The setting of `accepted`; none where nothing is accepted."""
    return {"accepts": sorted(parts)} if parts else {}


def accepted_parts(settings: JsonObject) -> tuple[Part, ...]:
    """What a node takes, by its settings in a plan."""
    return tuple(settings.get("accepts", ()))


def accepted(settings: JsonObject, given: AppGiven) -> AppGiven:
    """What a node takes of what is given."""
    parts = accepted_parts(settings)
    if given == NOTHING_GIVEN or not parts:
        return NOTHING_GIVEN
    return AppGiven(
        tools=given.tools if "tools" in parts else (),
        tool_choice=given.tool_choice if "tools" in parts else None,
        params=given.params if "params" in parts else {},
        format=given.format if "format" in parts else None,
        instructions=given.instructions if "instructions" in parts else None,
    )


def with_params(own: JsonObject, given: JsonObject) -> JsonObject:
    """Settings, where those given go before those of one's own: also one limit of tokens before the other."""
    replaced = _LIMITS if _LIMITS & given.keys() else frozenset[str]()
    return {**{name: value for name, value in own.items() if name not in replaced}, **given}


def instructed(messages: tuple[Message, ...], instructions: str | None) -> tuple[Message, ...]:
    """The messages with the app's instructions behind what the author says as the system."""
    if instructions is None:
        return messages
    if messages and messages[0].role == "system":
        first = messages[0]
        return (replace(first, content=f"{first.content}\n\n{instructions}"), *messages[1:])
    return (Message("system", instructions), *messages)

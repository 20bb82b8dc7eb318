"""What nodes share under `state:`: how writes come together, what holds at the beginning, and a chat's messages."""

from __future__ import annotations

import json
import uuid
from collections.abc import Callable, Iterable, Mapping, Sequence
from copy import deepcopy
from typing import Any

from girih.engine.channels import WRITES, shared
from girih.language.compiler.plan import Plan
from girih.language.expressions.kinds import kinds
from girih.language.spec.tree import JsonObject, JsonValue

MESSAGES = "messages"
"""The name a graph with `chat:` has under `state:` without declaring it."""

_BY_ID = "by_id"

Writes = list[list[Any]]
"""`[name, value]`, in the order of writing."""


class SharedState:
    """The values of one plan's `state:`; it keeps nothing of a run."""

    def __init__(self, plan: Plan) -> None:
        self._rules: dict[str, str] = {name: value.merge for name, value in plan.state.items()}
        self._defaults = {name: value.default for name, value in plan.state.items()}
        self._begin_unset = frozenset(
            name
            for name, value in plan.state.items()
            if value.default is None and "null" not in (kinds(value.type) or ("null",))
        )
        if plan.chat:
            self._rules[MESSAGES] = _BY_ID
            self._defaults[MESSAGES] = []

    @property
    def names(self) -> tuple[str, ...]:
        """Every name there is."""
        return tuple(self._rules)

    def beginning(self, given: Mapping[str, JsonValue]) -> dict[str, Any]:
        """The values before the first write: what is given, else the declared defaults."""
        return {name: deepcopy(given.get(name, default)) for name, default in self._defaults.items()}

    def seen(self, values: Mapping[str, Any]) -> dict[str, Any]:
        """The values as expressions see them: one without a default is not there before its first write.

        Where null is a value like others, it stands for that as well.
        """
        return {name: value for name, value in values.items() if value is not None or name not in self._begin_unset}

    def reducer(self, name: str) -> Callable[[Any, Sequence[Any]], Any]:
        """Merges a list of writes into a value."""
        rule = self._rules[name]

        def merge_all(value: Any, writes: Sequence[Any]) -> Any:
            for write in writes:
                value = merged(rule, value, write)
            return value

        return merge_all

    def after(self, values: Mapping[str, Any], writes: Iterable[Sequence[Any]]) -> dict[str, Any]:
        """The values with what was written since; writes to names that are not declared are left out."""
        result = dict(values)
        for name, value in writes:
            if name in self._rules:
                result[name] = merged(self._rules[name], result.get(name), value)
        return result

    def update(self, writes: Writes, *, in_branch: bool) -> dict[str, Any]:
        """What a node's writes are to the channels."""
        if not writes:
            return {}
        if in_branch:
            return {WRITES: writes}
        grouped: dict[str, Any] = {}
        for name, value in writes:
            if name in self._rules:
                grouped.setdefault(shared(name), []).append(value)
        return grouped


def merged(rule: str, value: Any, write: Any) -> Any:
    """One write on a value. `append`, `union` and messages take one item, or a list of them."""
    if rule == "last" or (value is None and rule in _NUMBERS):
        return write
    if rule in _NUMBERS:
        return _NUMBERS[rule](value, write)
    known = list(value or [])
    items = write if isinstance(write, list) else [write]
    if rule == "append":
        return known + items
    if rule == "union":
        for item in items:
            if not any(_same(item, other) for other in known):
                known.append(item)
        return known
    return _by_id(known, items)


_NUMBERS: Mapping[str, Callable[[Any, Any], Any]] = {"sum": lambda a, b: a + b, "min": min, "max": max}


def _same(left: Any, right: Any) -> bool:
    return type(left) is type(right) and bool(left == right)


def _by_id(known: list[Any], items: list[Any]) -> list[Any]:
    places = {message.get("id"): at for at, message in enumerate(known)}
    for message in items:
        at = places.get(message.get("id"))
        if at is not None and message.get("id") is not None:
            known[at] = message
        else:
            places[message.get("id")] = len(known)
            known.append(message)
    return known


def question(plan: Plan, inputs: JsonObject, place: str, said: Sequence[JsonObject] = ()) -> list[JsonObject]:
    """The user's message that a chat graph's inputs hold, unless it is the last one that the user `said`.

    `place` (run and namespace) makes its id.
    """
    name = (plan.chat or {}).get("input")
    if name not in inputs:
        return []
    message = _message(place, "user", inputs[name])
    last = next((one for one in reversed(said) if one["role"] == "user"), None)
    return [message] if last is None or last["content"] != message["content"] else []


def answer(plan: Plan, outputs: JsonObject, place: str) -> list[JsonObject]:
    """The assistant's message that a chat graph's outputs hold."""
    name = (plan.chat or {}).get("output")
    return [_message(place, "assistant", outputs[name])] if name in outputs else []


def message_id(place: str, role: str) -> str:
    """The id of a message that a run adds: the same whenever it comes to it."""
    return str(uuid.uuid5(uuid.NAMESPACE_OID, f"{place}:{role}"))


def message_text(content: JsonValue) -> str:
    """What a message says that is made of this value."""
    return content if isinstance(content, str) else json.dumps(content, ensure_ascii=False)


def _message(place: str, role: str, content: JsonValue) -> JsonObject:
    return {"id": message_id(place, role), "role": role, "content": message_text(content)}

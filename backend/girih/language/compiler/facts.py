"""What conditions prove along a path: which values a name can still have, so that no impossible path is believed."""

from __future__ import annotations

from collections.abc import Callable, Hashable, Iterator, Mapping
from dataclasses import dataclass, fields, is_dataclass
from functools import cache

from girih.language.expressions.cel import ParseFault, parse
from girih.language.expressions.syntax_tree import Call, Expr, ListOf, Literal, free_names, spoken, walk
from girih.language.spec.tree import JsonValue

Choices = Callable[[str], list[JsonValue] | None]
"""The closed list of values that a name (`classify.intent`) can have, if it has one."""

_FLEETING = frozenset({"state", "errors", "run"})
"""Names that can change without the node that a condition stands at."""


@dataclass(frozen=True)
class Fact:
    """Something that can only have some values: a name, or a whole condition that is true or false."""

    subject: Hashable
    names: frozenset[str]
    """The nodes it speaks of: when one of them runs again, nothing is known of it any more."""


Facts = Mapping[Fact, frozenset[Hashable]]
NOTHING: Facts = {}


def joined(known: Facts, more: Facts) -> Facts | None:
    """Both together; `None` if they cannot both be so."""
    if not more:
        return known
    result = dict(known)
    for fact, values in more.items():
        left = result[fact] & values if fact in result else values
        if not left:
            return None
        result[fact] = left
    return result


def without(known: Facts, names: frozenset[str]) -> Facts:
    """What is left when these nodes have run again, or these names mean something else."""
    return {fact: values for fact, values in known.items() if not fact.names & names} if known else known


def facts_of(text: str, choices: Choices, *, truth: bool) -> Facts:
    """What is so when a condition is `truth`; nothing for what is no condition."""
    try:
        expr = parse(text)
    except ParseFault:
        return NOTHING
    result: Facts = NOTHING
    for part, holds in _parts(expr, truth):
        together = joined(result, _of_part(part, choices, holds))
        if together is None:
            return {_NEVER: frozenset()}
        result = together
    return result


_NEVER = Fact("never", frozenset())


def _parts(expr: Expr, truth: bool) -> Iterator[tuple[Expr, bool]]:
    """The parts that must each be so for the whole to be `truth`."""
    match expr:
        case Call(function="!_", arguments=(inner,)):
            yield from _parts(inner, not truth)
        case Call(function="_&&_", arguments=(left, right)) if truth:
            yield from _parts(left, truth)
            yield from _parts(right, truth)
        case Call(function="_||_", arguments=(left, right)) if not truth:
            yield from _parts(left, truth)
            yield from _parts(right, truth)
        case _:
            yield expr, truth


def _of_part(expr: Expr, choices: Choices, truth: bool) -> Facts:
    names = frozenset(free_names(expr))
    if names & _FLEETING or any(isinstance(part, Call) and part.function == "visits" for part in walk(expr)):
        return NOTHING
    result: dict[Fact, frozenset[Hashable]] = {Fact(_form(expr), names): frozenset({truth})}
    found = values_of(expr)
    if found is None:
        return result
    subject, values = found
    every = choices(subject)
    if truth:
        result[Fact(subject, names)] = _keys(values)
    elif every is not None:
        result[Fact(subject, names)] = _keys(every) - _keys(values)
    return result


def values_of(expr: Expr) -> tuple[str, list[JsonValue]] | None:
    """What a condition compares (`classify.intent`), and the values it holds for."""
    match expr:
        case Call(function="_||_", arguments=(left, right)):
            one, other = values_of(left), values_of(right)
            return (one[0], one[1] + other[1]) if one and other and one[0] == other[0] else None
        case (
            Call(function="_==_", arguments=(subject, Literal(value=value)))
            | Call(function="_==_", arguments=(Literal(value=value), subject))
        ):
            name = spoken(subject)
            return (name, [value]) if name else None
        case Call(function="@in", arguments=(subject, ListOf(items=items))) if all(
            isinstance(i, Literal) for i in items
        ):
            name = spoken(subject)
            return (name, [item.value for item in items if isinstance(item, Literal)]) if name else None
        case _:
            name = spoken(expr)
            return (name, [True]) if name else None


def _keys(values: list[JsonValue]) -> frozenset[Hashable]:
    """Values that can be compared; a number equals itself however it is written, `true` is not 1."""
    return frozenset((isinstance(v, bool), v) if isinstance(v, int | float | str) else repr(v) for v in values)


@cache
def _of_type(cls: type) -> tuple[str, ...]:
    return tuple(field.name for field in fields(cls) if field.name != "at")


def _form(value: object) -> Hashable:
    """An expression without its places: the same for the same condition, wherever it stands."""
    if isinstance(value, tuple):
        return tuple(map(_form, value))
    if is_dataclass(value) and not isinstance(value, type):
        cls = type(value)
        return (cls.__name__, *(_form(getattr(value, name)) for name in _of_type(cls)))
    return (type(value).__name__, repr(value))

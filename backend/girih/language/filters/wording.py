"""A filter as it was understood, in one canonical form."""

from __future__ import annotations

import json

from girih.language.filters.tree import (
    Always,
    Both,
    Compares,
    Constant,
    Either,
    Equals,
    Filter,
    Has,
    Holds,
    Hole,
    Matches,
    Not,
    OneOf,
    Operand,
)


def worded(filter: Filter) -> str:
    """The filter in words of its own language, with every part in brackets that holds others."""
    match filter:
        case Always():
            return json.dumps(filter.value)
        case Not():
            return f"!({worded(filter.part)})"
        case Both():
            return " && ".join(_bracketed(part) for part in filter.parts)
        case Either():
            return " || ".join(_bracketed(part) for part in filter.parts)
        case Has():
            return f"has({filter.subject.spoken})"
        case _:
            return _question(filter)


def _question(filter: Equals | Compares | OneOf | Holds | Matches) -> str:
    match filter:
        case Equals():
            return f"{filter.subject.spoken} == {_value(filter.value)}"
        case Compares():
            return f"{filter.subject.spoken} {filter.order} {_value(filter.value)}"
        case Holds():
            return f"{_value(filter.value)} in {filter.subject.spoken}"
        case Matches():
            return f"{filter.subject.spoken}.{filter.test}({_value(filter.value)})"
    values = filter.values
    listed = values.name if isinstance(values, Hole) else f"[{', '.join(map(_value, values))}]"
    return f"{filter.subject.spoken} in {listed}"


def _bracketed(part: Filter) -> str:
    return f"({worded(part)})" if isinstance(part, Both | Either) else worded(part)


def _value(operand: Operand) -> str:
    return json.dumps(operand.value, ensure_ascii=False) if isinstance(operand, Constant) else operand.name

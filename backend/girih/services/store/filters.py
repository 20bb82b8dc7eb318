"""What a filter over the values of items means in SQL."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, Final

from sqlalchemy import ColumnElement, and_, cast, func, literal, not_
from sqlalchemy.dialects.postgresql import JSONB

from girih.errors import InvalidInput
from girih.language.spec.tree import JsonObject, JsonValue
from girih.services.store.tables import StoreItem

_Compare = Callable[[Any, Any], ColumnElement[bool]]
_ORDERED: Final[Mapping[str, _Compare]] = {
    "$gt": lambda held, given: held > given,
    "$gte": lambda held, given: held >= given,
    "$lt": lambda held, given: held < given,
    "$lte": lambda held, given: held <= given,
}
_OPERATORS: Final = ("$eq", "$ne", *_ORDERED)


def conditions(filter: JsonObject) -> list[ColumnElement[bool]]:
    """The conditions of a filter. Raises `InvalidInput` for an operator there is none of, and what cannot be ordered.

    A name that an item's value lacks fits only `$ne`.
    """
    return [_of(name, operator, value) for name, given in filter.items() for operator, value in _read(name, given)]


def _read(name: str, given: JsonValue) -> list[tuple[str, JsonValue]]:
    if not isinstance(given, dict) or not any(key.startswith("$") for key in given):
        return [("$eq", given)]
    unknown = next((key for key in given if key not in _OPERATORS), None)
    if unknown is not None:
        raise InvalidInput(
            f"filter.{name}: there is no operator `{unknown[:40]}`", help=f"there are: {', '.join(_OPERATORS)}"
        )
    return list(given.items())


def _of(name: str, operator: str, value: JsonValue) -> ColumnElement[bool]:
    held = StoreItem.value[name]
    given = cast(literal(value, JSONB(none_as_null=False)), JSONB)
    if operator == "$eq":
        return func.coalesce(held == given, False)
    if operator == "$ne":
        return not_(func.coalesce(held == given, False))
    if isinstance(value, bool) or not isinstance(value, str | int | float):
        raise InvalidInput(f"filter.{name}.{operator}: only numbers and texts have an order")
    # Numbers are compared with numbers and texts with texts: nothing else has an order that means something.
    kind = "string" if isinstance(value, str) else "number"
    return and_(func.coalesce(func.jsonb_typeof(held) == kind, False), _ORDERED[operator](held, given))

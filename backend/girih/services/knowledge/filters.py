"""A filter as a condition in SQL: its text holds no word of the author's, every value and name is bound.

Every question is made to answer true or false, never NULL, so that `!` means what it says (see `language.filters`).
"""

from __future__ import annotations

import json
import math
from collections.abc import Callable, Mapping, Sequence
from decimal import Decimal
from typing import Any

from girih.errors import InvalidInput
from girih.language.filters.fields import DOCUMENT_FIELDS
from girih.language.filters.forms import moment
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
    Subject,
)
from girih.language.spec.tree import JsonObject, JsonValue
from girih.services.knowledge.where import EVERYTHING, Where

_COLUMNS: Mapping[str, str] = {
    "id": "CAST(d.id AS text)",
    "name": "d.name",
    "key": "d.key",
    "media_type": "d.media_type",
    "source": "CAST(d.source_id AS text)",
    "source_ref": "d.source_ref",
    "size": "d.size",
    "pages": "d.pages",
    "version": "d.generation",
    "created_at": "d.created_at",
    "updated_at": "d.updated_at",
}
_MATCHES = {
    "startsWith": "starts_with({field}, CAST({value} AS text))",
    "endsWith": "right({field}, length(CAST({value} AS text))) = CAST({value} AS text)",
    "contains": "strpos({field}, CAST({value} AS text)) > 0",
}
_NEVER = "false"
_MOST_VALUES = 10_000


def where_of(filter: Filter, given: JsonObject) -> Where:
    """The condition of a filter; `given` are the values of its holes. Raises `InvalidInput` for one that is no value.

    The text depends on the form of the filter and the kinds of its values alone.
    """
    condition = _Condition(given)
    return Where(condition.of(filter), condition.values)


def both(one: Where, other: Where) -> Where:
    """Both conditions together; their values must have names of their own."""
    if not one.narrows or not other.narrows:
        return one if one.narrows else other if other.narrows else EVERYTHING
    return Where(f"({one.sql}) AND ({other.sql})", {**one.values, **other.values})


class _Condition:
    """Collects the values of one condition."""

    def __init__(self, given: JsonObject) -> None:
        self.values: dict[str, Any] = {}
        self._given = given
        self._forms: Mapping[type, Callable[[Any], str]] = {
            Always: lambda part: "true" if part.value else _NEVER,
            Not: lambda part: f"NOT ({self.of(part.part)})",
            Both: lambda part: " AND ".join(f"({self.of(inner)})" for inner in part.parts),
            Either: lambda part: " OR ".join(f"({self.of(inner)})" for inner in part.parts),
            Has: self._has,
            Equals: lambda part: self._one_of(part.subject, [self._value(part.value)]),
            OneOf: lambda part: self._one_of(part.subject, self._list(part)),
            Compares: self._compares,
            Holds: self._holds,
            Matches: self._matches,
        }

    def of(self, filter: Filter) -> str:
        """The condition in SQL."""
        return self._forms[type(filter)](filter)

    def _bind(self, value: object) -> str:
        name = f"where_{len(self.values)}"
        self.values[name] = value
        return f":{name}"

    # --- fields

    def _metadata(self, subject: Subject) -> str:
        # One step after the other: as a path, a name of digits would take an item of a list.
        return "(d.metadata" + "".join(f" -> CAST({self._bind(step)} AS text)" for step in subject.path) + ")"

    def _text(self, field: str) -> str:
        return f"CASE WHEN jsonb_typeof({field}) = 'string' THEN {field} #>> CAST(ARRAY[] AS text[]) END"

    # --- questions

    def _has(self, part: Has) -> str:
        if part.subject.root == "document":
            return f"{_COLUMNS[part.subject.path[0]]} IS NOT NULL"
        return f"coalesce(jsonb_typeof({self._metadata(part.subject)}) <> 'null', false)"

    def _one_of(self, subject: Subject, values: Sequence[JsonValue]) -> str:
        if subject.root == "metadata":
            given = self._bind([json.dumps(value) for value in values if not isinstance(value, list | dict)])
            found = f"{self._metadata(subject)} = ANY(CAST(CAST({given} AS text[]) AS jsonb[]))"
            return f"coalesce({found}, false)"
        column, name = _COLUMNS[subject.path[0]], subject.path[0]
        kind = {"text": "text[]", "whole": "numeric[]", "moment": "timestamptz[]"}[DOCUMENT_FIELDS[name]]
        known = [value for value in (_column_value(name, value) for value in values) if value is not None]
        return f"coalesce({column} = ANY(CAST({self._bind(known)} AS {kind})), false)"

    def _compares(self, part: Compares) -> str:
        value = self._value(part.value)
        if part.subject.root == "document":
            return self._compares_column(part, value)
        if isinstance(value, str):
            field = self._text(self._metadata(part.subject))
            found = f'({field}) COLLATE "C" {part.order} CAST({self._bind(value)} AS text)'
        elif isinstance(value, int | float) and not isinstance(value, bool):
            field = self._metadata(part.subject)
            number = f"CASE WHEN jsonb_typeof({field}) = 'number' THEN CAST({field} AS numeric) END"
            found = f"{number} {part.order} CAST({self._bind(Decimal(str(value)))} AS numeric)"
        else:
            return _NEVER
        return f"coalesce({found}, false)"

    def _compares_column(self, part: Compares, value: JsonValue) -> str:
        name = part.subject.path[0]
        known = _column_value(name, value)
        if known is None:
            return _NEVER
        kind = {"text": "text", "whole": "numeric", "moment": "timestamptz"}[DOCUMENT_FIELDS[name]]
        column = f'{_COLUMNS[name]} COLLATE "C"' if kind == "text" else _COLUMNS[name]
        return f"coalesce({column} {part.order} CAST({self._bind(known)} AS {kind}), false)"

    def _holds(self, part: Holds) -> str:
        value = self._value(part.value)
        if isinstance(value, list | dict):
            return _NEVER
        field, wanted = self._metadata(part.subject), self._bind(json.dumps([value]))
        found = f"CASE WHEN jsonb_typeof({field}) = 'array' THEN {field} @> CAST({wanted} AS jsonb) END"
        return f"coalesce({found}, false)"

    def _matches(self, part: Matches) -> str:
        value = self._value(part.value)
        if not isinstance(value, str):
            return _NEVER
        is_own = part.subject.root == "document"
        field = _COLUMNS[part.subject.path[0]] if is_own else self._text(self._metadata(part.subject))
        return f"coalesce({_MATCHES[part.test].format(field=f'({field})', value=self._bind(value))}, false)"

    # --- values

    def _value(self, operand: Operand) -> JsonValue:
        if isinstance(operand, Constant):
            return operand.value
        return _checked(self._given.get(operand.name))

    def _list(self, part: OneOf) -> list[JsonValue]:
        if not isinstance(part.values, Hole):
            return [self._value(value) for value in part.values]
        found = self._given.get(part.values.name)
        if not isinstance(found, list):
            raise InvalidInput(
                f"the filter looks for `{part.subject.spoken}` in something that is no list", help="give it a list"
            )
        if len(found) > _MOST_VALUES:
            raise InvalidInput(f"a list in a filter has {len(found):,} values, more than {_MOST_VALUES:,}")
        return [_checked(value) for value in found]


def _checked(value: JsonValue) -> JsonValue:
    """A given value, if a document could have it."""
    if isinstance(value, str) and ("\0" in value or any("\ud800" <= character <= "\udfff" for character in value)):
        raise InvalidInput("a text in a filter holds a character that no document can have")
    if isinstance(value, float) and not math.isfinite(value):
        raise InvalidInput("a number in a filter has to be finite")
    return value


def _column_value(name: str, value: JsonValue) -> object | None:
    """The value as the column's type; `None` for what it can never be."""
    kind = DOCUMENT_FIELDS[name]
    if kind == "moment":
        return moment(value)
    if kind == "text":
        return value if isinstance(value, str) else None
    return Decimal(str(value)) if isinstance(value, int | float) and not isinstance(value, bool) else None

"""JSON Schemas as types: what fits where."""

from __future__ import annotations

from typing import Any

import pytest

from girih.language.expressions.kinds import Misfit, field, kinds, misfit, phrase, union
from girih.language.nodes.base import object_of

TEXT: dict[str, Any] = {"type": "string"}
WHOLE: dict[str, Any] = {"type": "integer"}
NUMBER: dict[str, Any] = {"type": "number"}


@pytest.mark.parametrize(
    ("got", "wants", "at"),
    [
        (TEXT, TEXT, None),
        (WHOLE, NUMBER, None),
        (NUMBER, WHOLE, ""),
        (TEXT, {}, None),
        ({}, TEXT, None),
        (TEXT, WHOLE, ""),
        ({"type": ["string", "null"]}, TEXT, ""),
        ({"enum": ["a"]}, {"enum": ["a", "b"]}, None),
        ({"enum": ["a", "c"]}, {"enum": ["a", "b"]}, ""),
        (TEXT, {"enum": ["a"]}, ""),
        ({"const": "a"}, {"enum": ["a"]}, None),
        ({"type": "array", "items": TEXT}, {"type": "array", "items": WHOLE}, "[]"),
        ({"type": "array"}, {"type": "array"}, None),
        (object_of({"a": TEXT}), object_of({"a": TEXT}), None),
        (object_of({"a": TEXT}), object_of({"a": WHOLE}), "a"),
        (object_of({"a": TEXT}), object_of({"a": TEXT, "b": TEXT}), "b"),
        (object_of({"a": TEXT}, optional=("a",)), object_of({"a": TEXT}), "a"),
        (object_of({"a": TEXT}), object_of({"a": TEXT, "b": TEXT}, optional=("b",)), None),
        (object_of({"a": object_of({"b": TEXT})}), object_of({"a": object_of({"b": WHOLE})}), "a.b"),
        ({"anyOf": [TEXT, WHOLE]}, TEXT, ""),
        ({"anyOf": [TEXT, WHOLE]}, {"type": ["string", "integer"]}, None),
    ],
)
def test_misfit(got: Any, wants: Any, at: str | None) -> None:
    found = misfit(got, wants)
    assert (found.at if isinstance(found, Misfit) else None) == at


def test_union() -> None:
    assert union([TEXT, TEXT]) == TEXT
    assert union([WHOLE, NUMBER]) == NUMBER
    assert union([TEXT, {}]) == {}
    assert union([TEXT, {"const": "a"}]) == TEXT
    assert union([{"const": "a"}, {"enum": ["b", "a"]}]) == {"enum": ["a", "b"]}
    assert kinds(union([TEXT, WHOLE])) == {"string", "integer"}


def test_fields_of_a_union() -> None:
    both = union([object_of({"a": TEXT}), object_of({"a": WHOLE, "b": TEXT})])
    a, b = field(both, "a"), field(both, "b")
    assert a is not None and a.always and kinds(a.schema) == {"string", "integer"}
    assert b is not None and not b.always
    assert field(both, "c") is None


def test_phrases() -> None:
    assert phrase({"enum": ["a", "b"]}) == "one of a, b"
    assert phrase({"type": ["string", "null"]}) == "nothing or text"
    assert phrase({}) == "anything"

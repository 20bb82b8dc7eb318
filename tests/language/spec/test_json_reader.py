"""Reading JSON: strictly, with the same tree as YAML."""

from __future__ import annotations

import pytest

from girih.language.spec.reader import read
from girih.language.spec.source import Source


def test_values_and_places() -> None:
    tree, found = read(Source("a.json", '{\n  "a": [1, -2.5e1, true, null],\n  "b": {"c": "x\\ty"}\n}\n'))
    assert tree is not None
    assert found == ()
    assert tree.value == {"a": [1, -25.0, True, None], "b": {"c": "x\ty"}}
    assert (tree.at(("a", 1)).line, tree.at(("a", 1)).column, tree.at(("a", 1)).length) == (2, 12, 6)
    assert (tree.key_at(("b", "c")).column, tree.at(("b", "c")).column) == (9, 14)
    inside = tree.inside(("b", "c"), 2)
    assert (inside.line, inside.column) == (3, 18)


def test_surrogate_pairs() -> None:
    tree, _ = read(Source("a.json", '{"a": "\\ud83d\\ude00 ${ x }"}'))
    assert tree is not None
    assert tree.value == {"a": "😀 ${ x }"}
    assert tree.inside(("a",), 2).column == 21


@pytest.mark.parametrize(
    ("text", "place", "message"),
    [
        ('{"a": 1,\n "a": 2}', (2, 2), "duplicate key 'a'"),
        ('{"a": NaN}', (1, 7), "'NaN' is not a JSON value"),
        ('{"a": -Infinity}', (1, 7), "is not a JSON value"),
        ('{"a": 01}', (1, 7), "'01' is not a JSON value"),
        ('{"a": 1e999}', (1, 7), "too large"),
        ('{"a": 9223372036854775808}', (1, 7), "64 bits"),
        ('{"a": [1,]}', (1, 10), "']' where a value is expected"),
        ('{"a": 1,}', (1, 9), "a key in quotes"),
        ("{'a': 1}", (1, 2), "a key in quotes"),
        ('{"a" 1}', (1, 6), "a ':' is expected"),
        ("[1 2]", (1, 4), "',' or ']' is expected"),
        ('{"a": 1', (1, 8), "',' or '}' is expected"),
        ('{"a": "x\ny"}', (1, 7), "not closed"),
        ('{"a": "\\q"}', (1, 7), "unknown escape"),
        ('{"a": "\\ud800"}', (1, 7), "half of a surrogate pair"),
        ("[1] 2", (1, 5), "after the end"),
        ("", (1, 1), "the file ends"),
        ("// no\n{}", (1, 1), "comments are not part of JSON"),
        ("[" * 100_000, (1, 66), "deeper than 64"),
    ],
)
def test_refused(text: str, place: tuple[int, int], message: str) -> None:
    _, found = read(Source("a.json", text))
    first = found[0]
    assert first.code == "E001"
    assert message in first.message
    assert (first.place.line, first.place.column) == place
    assert first.help

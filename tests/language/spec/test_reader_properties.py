"""What holds for any text: nothing is raised, both notations agree, and each place points at its text."""

from __future__ import annotations

import json
from typing import Any

import yaml
from hypothesis import example, given, settings
from hypothesis import strategies as st

from girih.language.spec.diagnostics import Place
from girih.language.spec.offsets import character_indexes
from girih.language.spec.reader import read
from girih.language.spec.source import Source

TEXT = st.text(
    st.characters(exclude_categories=("Cs", "Cc", "Cn"), exclude_characters="\ufeff\u2028\u2029"), max_size=24
)
SCALARS = (
    st.none()
    | st.booleans()
    | st.integers(-(2**63), 2**63 - 1)
    | st.floats(allow_nan=False, allow_infinity=False)
    | TEXT
)
VALUES = st.recursive(
    SCALARS, lambda inner: st.lists(inner, max_size=4) | st.dictionaries(TEXT, inner, max_size=4), max_leaves=12
)
YAML_LIKE = st.text("ab1 \n\t:-[]{}&*!|>'\"#,?%@`<~.\\ux0\ufeff\u0085\u2028é😀\x00\ud800", max_size=60)


def check_places(text: str, name: str) -> None:
    source = Source(name, text)
    tree, found = read(source)
    places = [d.place for d in found] + [r.place for d in found for r in d.related]
    places += [] if tree is None else [at for path in tree.spots for at in (tree.at(path), tree.key_at(path))]
    for place in places:
        assert_in(place, source)


def assert_in(place: Place, source: Source) -> None:
    assert 1 <= place.line <= len(source.lines)
    assert 1 <= place.column <= len(source.line(place.line)) + 1
    assert place.length >= 1


@given(st.text(max_size=80) | YAML_LIKE)
@example("\x85a")
@example("? \n:")
@example("- - - &a\n*a : b")
@settings(max_examples=300, deadline=None)
def test_no_text_raises(text: str) -> None:
    check_places(text, "a.yaml")
    check_places(text, "a.json")


@given(VALUES)
@settings(max_examples=150, deadline=None)
def test_json_and_yaml_of_the_same_content_are_equal(value: Any) -> None:
    from_json, json_faults = read(Source("a.json", json.dumps(value)))
    from_yaml, yaml_faults = read(Source("a.yaml", json.dumps(value, ensure_ascii=False, indent=1)))
    assert from_json is not None
    assert json_faults == ()
    assert from_json.value == value
    assert from_yaml is not None
    assert yaml_faults == ()
    assert from_yaml.value == value
    assert set(from_yaml.spots) == set(from_json.spots)


@given(value=st.text(st.characters(codec="utf-8", exclude_categories=("Cs",)), max_size=40), width=st.integers(10, 40))
@settings(max_examples=200, deadline=None)
def test_places_inside_a_text_are_right_or_unknown(value: str, width: int) -> None:
    for style in (None, "'", '"', "|", ">"):
        text = yaml.safe_dump({"k": value}, default_style=style, width=width, allow_unicode=True)
        tree, found = read(Source("a.yaml", text))
        if tree is None or found or not isinstance(tree.value, dict) or tree.value.get("k") != value:
            continue  # the writer quotes keys, too, and some characters are not ours to read
        spot = tree.spots["k",]
        assert spot.style is not None
        indexes = character_indexes(text, spot.span, spot.style, value)
        if indexes is None:
            continue
        assert len(indexes) == len(value)
        assert indexes == sorted(indexes)
        for char, index in zip(value, indexes, strict=True):
            assert text[index] == char or char in " \n" or text[index] in "\\'"

"""What counts as JSON when it comes from outside."""

from __future__ import annotations

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from girih.language.spec.strict_json import loads

PLAIN = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False) | st.text(),
    lambda inner: st.lists(inner) | st.dictionaries(st.text(), inner),
)


@given(PLAIN, st.booleans())
def test_json_is_read_as_it_was_written(data: object, ascii_only: bool) -> None:
    assert loads(json.dumps(data, ensure_ascii=ascii_only).encode()) == data


@pytest.mark.parametrize(
    "text", ["NaN", "[Infinity]", "[1e999]", "-1e999", '"\\ud800"', '{"\\udfff": 1}', "{", b"\xff", ""]
)
def test_what_could_not_be_written_down_again_is_refused(text: str | bytes) -> None:
    with pytest.raises(ValueError):
        loads(text)

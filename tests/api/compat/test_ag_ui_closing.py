"""Arguments of calls that broke off are made whole for AG-UI, wherever they broke off."""

from __future__ import annotations

import json

from hypothesis import given
from hypothesis import strategies as st

from girih.api.compat.ag_ui.closing import closing

VALUES = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False) | st.text(max_size=5),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=3), inner, max_size=3),
    max_leaves=6,
)


@given(st.dictionaries(st.text(max_size=3), VALUES, max_size=3), st.booleans(), st.data())
def test_every_beginning_of_an_object_is_made_whole(arguments: object, is_plain: bool, data: st.DataObject) -> None:
    text = json.dumps(arguments, ensure_ascii=is_plain)
    begun = text[: data.draw(st.integers(0, len(text)))]
    assert isinstance(json.loads(begun + closing(begun)), dict)


def test_what_is_no_beginning_is_left() -> None:
    assert closing("{nonsense") == ""

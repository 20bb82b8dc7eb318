"""Places in streams: told as text and as numbers, and found again."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from girih.api.compat.langgraph.frames import LAST, Place, read_place
from girih.api.compat.langgraph.places import Places
from girih.api.compat.langgraph.thread_places import ThreadPlace, of_number, of_text
from girih.errors import BadCursor

PLACES = st.builds(
    ThreadPlace,
    st.integers(1, 1_000_000),
    st.builds(Place, st.integers(0, 999_999), st.integers(1, 999)),
)


@given(PLACES, PLACES)
def test_numbers_stand_in_the_order_of_places(one: ThreadPlace, other: ThreadPlace) -> None:
    assert (one < other) == (one.number < other.number)
    assert of_number(one.number) == one
    assert of_text(one.text) == one
    assert one.number < 2**53


@given(st.integers(0, 10**9), st.integers(0, LAST + 1))
def test_the_id_of_a_frame_names_its_place(seq: int, number: int) -> None:
    assert read_place(f"{seq}-{number}") == Place(seq, number)


@pytest.mark.parametrize("cursor", ["a", "1.2", "1-", "1--2", "9" * 16])
def test_other_texts_name_no_place(cursor: str) -> None:
    with pytest.raises(BadCursor):
        read_place(cursor)
    with pytest.raises(BadCursor):
        of_text(cursor)


def test_a_node_that_goes_on_after_a_wait_is_the_same_task() -> None:
    places = Places("run")
    first = places.begin("a")
    assert places.begin("a") == first
    places.end("a")
    second = places.begin("a")
    assert second.task != first.task
    assert second.step == 2
    inside = places.of("a/b[0]/c")
    assert [part.partition(":")[0] for part in inside.ns] == ["a", "b"]
    assert inside.ns[0] == f"a:{second.task}"
    assert places.of("a/b[1]/c").ns != inside.ns

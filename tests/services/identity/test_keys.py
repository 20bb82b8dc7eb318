"""The form of API keys."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from girih.services.identity.keys import make_key, read_key


def test_a_key_is_read_back_as_what_it_is() -> None:
    key = make_key("live")
    assert key.text.startswith("girih_live_")
    assert read_key(key.text) == key


def test_keys_differ_in_id_and_secret() -> None:
    one, two = make_key("live"), make_key("live")
    assert one.id != two.id
    assert one.text.rsplit("_", 1)[1] != two.text.rsplit("_", 1)[1]
    assert one.hash != two.hash


def test_a_key_in_hand_does_not_show_its_secret() -> None:
    key = make_key("live")
    assert key.text not in repr(key)


@given(at=st.integers(min_value=0), character=st.sampled_from("0aZ_ "))
def test_a_key_with_one_wrong_character_is_none(at: int, character: str) -> None:
    text = make_key("live").text
    at %= len(text)
    wrong = text[:at] + character + text[at + 1 :]
    assert wrong == text or read_key(wrong) is None


@given(st.text())
def test_garbage_is_no_key(text: str) -> None:
    assert read_key(text) is None


@pytest.mark.parametrize("text", ["", "girih_", "Bearer x", "girih_live_" + "z" * 22 + "_" + "z" * 49])
def test_near_misses_are_no_keys(text: str) -> None:
    assert read_key(text) is None

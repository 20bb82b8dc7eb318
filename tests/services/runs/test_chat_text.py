"""What is told of speakers that begin anew: never a word twice, never one that another did not say."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from girih.services.runs.chat_text import Told

pieces = st.lists(st.text("ab", max_size=3), max_size=6)


@given(st.lists(pieces, min_size=1, max_size=4))
def test_what_is_told_begins_what_the_last_one_said_or_has_diverged(tries: list[list[str]]) -> None:
    told = Told()
    heard = ""
    for said in tries:
        told.begin()
        heard += "".join(map(told.add, said))
        assert heard == told.text
        whole = "".join(said)
        if not told.has_diverged:
            assert heard.startswith(whole)
        else:
            break
    last = "".join(tries[-1])
    diverged = told.has_diverged
    heard += told.end(last)
    assert heard == told.text
    if not told.has_diverged:
        assert heard == last
    assert told.has_diverged or not diverged


def test_one_that_says_the_same_is_heard_from_where_the_other_ended() -> None:
    told = Told()
    assert [told.add("Hel"), told.add("lo")] == ["Hel", "lo"]
    told.begin()
    assert [told.add("He"), told.add("llo wor"), told.add("ld")] == ["", " wor", "ld"]
    assert told.end("Hello world!") == "!"
    assert (told.text, told.is_empty, told.has_diverged) == ("Hello world!", False, False)


def test_one_that_says_something_else_is_not_heard() -> None:
    told = Told()
    told.add("Hello")
    told.begin()
    assert [told.add("Good"), told.add("Hello")] == ["", ""]
    assert told.has_diverged
    assert told.end("Good day") == ""
    assert told.text == "Hello"

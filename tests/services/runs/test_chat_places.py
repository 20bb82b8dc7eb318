"""Where an app's chat stands beside its thread."""

from __future__ import annotations

import pytest

from girih.services.runs.chat_places import placed
from girih.services.runs.chat_schemas import ChatMessage, ImagePart, TextPart

HELD = [
    {"id": "u1", "role": "user", "content": "one"},
    {"id": "a1", "role": "assistant", "content": "1"},
    {"id": "u2", "role": "user", "content": "two"},
    {"id": "a2", "role": "assistant", "content": "2"},
]


def sent(*words: str) -> list[ChatMessage]:
    """Messages by their ids, `id=text` where the text is another than the thread's."""
    texts = {str(message["id"]): str(message["content"]) for message in HELD}
    return [
        ChatMessage(
            id=number,
            role={"u": "user", "a": "assistant", "t": "tool", "s": "system"}[number[0]],  # type: ignore[arg-type] - as it is
            content=text if mark else texts.get(number, "new"),
            call_id="c" if number[0] == "t" else None,
        )
        for number, mark, text in (word.partition("=") for word in words)
    ]


@pytest.mark.parametrize(
    ("messages", "dropped", "new"),
    [
        ("u1 a1 u2 a2 u3", "", "u3"),  # the chat goes on
        ("u3", "", "u3"),  # the app sends the newest message alone
        ("a2 u3", "", "u3"),  # it sends a piece of the end
        ("u1 a1 u2", "u2", "u2"),  # the last answer is to be made anew
        ("u1", "u1 u2", "u1"),  # so is the first
        ("u1 a1 u2=other", "u2", "u2"),  # the last question was edited
        ("u1=other", "u1 u2", "u1"),  # the first one was
        ("u1=other a1 u3", "u1 u2", "u1 a1 u3"),  # the first one was, and something else is asked
        ("u1 a1 u3", "u2", "u3"),  # a turn was removed
        ("u1 a1 u2 u3", "", "u3"),  # an answer was removed: what is said is the thread's to know
        ("u1 a1 u2 a2 u3 a3 u4", "", "u3 a3 u4"),  # an answer broke off, and was never the thread's
        ("u1 t1 a1 a7 u2 a2 u3", "", "u3"),  # an app may show one turn as several messages
        ("s1 u1 a1 u2 a2 u3", "", "u3"),  # instructions at the beginning were said then
    ],
)
def test_places(messages: str, dropped: str, new: str) -> None:
    place = placed(HELD, sent(*messages.split()))
    assert place.dropped == frozenset(dropped.split())
    assert [message.id for message in place.new] == new.split()


def test_a_thread_that_holds_nothing_takes_everything() -> None:
    place = placed([], sent("s1", "u1", "a1", "u2"))
    assert (place.dropped, [message.id for message in place.new]) == (frozenset(), ["s1", "u1", "a1", "u2"])


def test_words_are_compared_without_images() -> None:
    parts = [TextPart(text="one"), ImagePart(url="https://example.com/a.png")]
    first = ChatMessage(id="u1", role="user", content=parts)
    place = placed(HELD, [first, *sent("a1", "u2", "a2", "u3")])
    assert not place.dropped
    assert [message.id for message in place.new] == ["u3"]

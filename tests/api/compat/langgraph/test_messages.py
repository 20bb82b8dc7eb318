"""Messages of LangChain and OpenAI, read and refused."""

from __future__ import annotations

from typing import Any

import pytest

from girih.api.compat.langgraph.messages import read_messages
from girih.errors import InvalidInput
from girih.services.runs.message_dicts import written


def read(given: Any) -> list[dict[str, Any]]:
    return [message.model_dump(exclude_none=True) for message in read_messages(given, "input.messages")]


def test_calls_come_in_both_styles() -> None:
    call = {"id": "c1", "name": "look", "arguments": {"a": 1}}
    langchain = {"type": "ai", "content": "", "tool_calls": [{"id": "c1", "name": "look", "args": {"a": 1}}]}
    openai = {
        "role": "assistant",
        "content": None,
        "tool_calls": [{"id": "c1", "type": "function", "function": {"name": "look", "arguments": '{"a": 1}'}}],
    }
    for given in (langchain, openai):
        assert read(given) == [{"role": "assistant", "content": "", "calls": [call]}]
    (result,) = read({"type": "tool", "content": "found", "tool_call_id": "c1", "name": "look", "status": "success"})
    assert (result["role"], result["call_id"], result["content"]) == ("tool", "c1", "found")


@pytest.mark.parametrize(
    ("part", "url"),
    [
        ({"type": "image_url", "image_url": {"url": "https://a/b.png"}}, "https://a/b.png"),
        ({"type": "image_url", "image_url": "https://a/b.png"}, "https://a/b.png"),
        ({"type": "image", "url": "https://a/b.png"}, "https://a/b.png"),
        ({"type": "image", "base64": "AAAA", "mime_type": "image/jpeg"}, "data:image/jpeg;base64,AAAA"),
        (
            {"type": "image", "source_type": "base64", "data": "AAAA", "mime_type": "image/png"},
            "data:image/png;base64,AAAA",
        ),
    ],
)
def test_images_come_in_every_style(part: dict[str, Any], url: str) -> None:
    (message,) = read([{"type": "human", "content": ["look:", part]}])
    assert message["content"] == [{"type": "text", "text": "look:"}, {"type": "image", "url": url}]


@pytest.mark.parametrize(
    ("given", "path"),
    [
        ([{"type": "human", "content": "a"}, 7], "input.messages[1]"),
        ([{"type": "remove", "id": "x", "content": ""}], "input.messages[0].type"),
        ([{"type": "human", "content": "a", "colour": "red"}], "input.messages[0].colour"),
        ([{"type": "human", "content": "a", "name": "Ada"}], "input.messages[0].name"),
        ([{"type": "human", "content": [{"type": "video", "url": "x"}]}], "input.messages[0].content[0]"),
        ([{"type": "human", "content": {"text": "a"}}], "input.messages[0].content"),
        ([{"type": "tool", "content": "a"}], "input.messages[0].tool_call_id"),
        (
            [{"type": "ai", "content": "", "tool_calls": [{"id": "c", "name": "n", "args": "{"}]}],
            "input.messages[0].tool_calls[0]",
        ),
        ([{"type": "human", "content": [{"type": "image"}]}], "input.messages[0].content[0]"),
    ],
)
def test_what_cannot_be_taken_is_refused_with_its_place(given: Any, path: str) -> None:
    with pytest.raises(InvalidInput) as refused:
        read(given)
    assert refused.value.message.startswith(f"{path}: ")
    assert refused.value.details["faults"][0]["path"] == path


def test_what_was_written_is_read_again() -> None:
    for message in (
        {"id": "1", "role": "user", "content": "a"},
        {"id": "2", "role": "system", "content": "b"},
        {"id": "3", "role": "assistant", "content": "c", "calls": [{"id": "x", "name": "n", "arguments": {"a": 1}}]},
        {"id": "4", "role": "tool", "content": "d", "call_id": "x"},
        {
            "id": "5",
            "role": "user",
            "content": [{"type": "text", "text": "a"}, {"type": "image", "url": "https://a/b"}],
        },
    ):
        (again,) = read_messages([written(message)], "messages")
        told = again.model_dump(exclude_none=True)
        assert {name: told[name] for name in message} == message

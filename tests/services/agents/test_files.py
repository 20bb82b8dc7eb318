"""What a client may send to be compiled."""

from __future__ import annotations

import pytest

from girih.errors import InvalidInput, TooLarge
from girih.services.agents import files
from girih.services.agents.files import to_workspace


def test_texts_become_a_workspace() -> None:
    sent = {"hello.yaml": "kind: graph/v1\n", "prompts/größe.md": "Grüße 👋"}
    assert to_workspace(sent).files == sent


@pytest.mark.parametrize(
    "path", ["", "/etc/passwd", "../secret", "a/../../b", "a//b", "./a", "a\\b", "a\nb", "a\0b", "x" * 301, "a/"]
)
def test_a_path_that_leaves_the_workspace_is_refused(path: str) -> None:
    with pytest.raises(InvalidInput):
        to_workspace({path: "text"})


@pytest.mark.parametrize("text", ["a\0b", "\ud800"])
def test_what_is_no_text_is_refused(text: str) -> None:
    with pytest.raises(InvalidInput):
        to_workspace({"a.yaml": text})


def test_too_much_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(files, "MAX_FILES", 2)
    monkeypatch.setattr(files, "MAX_CHARACTERS", 10)
    with pytest.raises(TooLarge):
        to_workspace({"a": "", "b": "", "c": ""})
    with pytest.raises(TooLarge):
        to_workspace({"a": "x" * 6, "b": "x" * 5})

"""Did you mean …?"""

from __future__ import annotations

import pytest

from girih.language.spec.suggest import did_you_mean, hint

KEYS = ["prompt", "system", "params", "returns", "temperature", "top_k"]


@pytest.mark.parametrize(
    ("word", "expected"),
    [("promt", "prompt"), ("PROMPT", "prompt"), ("temp", "temperature"), ("return", "returns"), ("topk", "top_k"),
     ("zzz", None), ("", None), ("sytsem", "system")],
)  # fmt: skip
def test_did_you_mean(word: str, expected: str | None) -> None:
    assert did_you_mean(word, KEYS) == expected


def test_hint() -> None:
    assert hint("promt", ["prompt", "file"], "keys") == "did you mean 'prompt'? keys: prompt, file"
    assert hint("promt", ["prompt"], "keys") == "did you mean 'prompt'?"
    assert hint("zzz", ["prompt", "file"], "keys") == "keys: prompt, file"
    assert hint("promt", ["prompt", "file"], "keys", taken=["prompt"]) == "keys: prompt, file"
    assert hint("zzz", []) is None

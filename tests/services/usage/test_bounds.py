"""The most that a model call may be expected to use."""

from __future__ import annotations

from typing import Any

import pytest

from girih.language.nodes.ports import Message, ModelRequest
from girih.services.usage.bounds import UNKNOWN_TOKENS, bound_of

CHEAP: dict[str, Any] = {"price": {"input_per_million": 1.0, "output_per_million": 2.0}, "params": {"max_tokens": 50}}
DEAR: dict[str, Any] = {"price": {"input_per_million": 10.0, "output_per_million": 20.0}}
DOCUMENTS = {"cheap": CHEAP, "dear": DEAR, "untold": {}}


@pytest.mark.parametrize(
    ("models", "params", "expected"),
    [
        (("cheap",), {}, (60, (10 * 1 + 50 * 2) / 1e6)),
        (("cheap",), {"max_tokens": 7}, (17, (10 * 1 + 7 * 2) / 1e6)),
        (("cheap", "dear"), {"max_tokens": 7}, (17, (10 * 10 + 7 * 20) / 1e6)),
        (("dear",), {}, (10 + UNKNOWN_TOKENS, (10 * 10 + UNKNOWN_TOKENS * 20) / 1e6)),
        (("cheap", "untold"), {"max_tokens": 7}, (17, None)),
        (("unheard_of",), {}, (10 + UNKNOWN_TOKENS, None)),
    ],
)
def test_it_is_that_of_the_dearest_model(
    models: tuple[str, ...], params: dict[str, Any], expected: tuple[int, float | None]
) -> None:
    request = ModelRequest(models, (Message("user", "0123456789"),), params)
    tokens, cost = bound_of(request, DOCUMENTS)
    assert tokens == expected[0]
    assert cost == (None if expected[1] is None else pytest.approx(expected[1]))

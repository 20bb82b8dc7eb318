"""OpenAI's own client for JavaScript speaks to agents."""

from __future__ import annotations

import pytest
from tests.compat.clients import node
from tests.compat.conftest import Served

pytestmark = pytest.mark.timeout(180)


def test_the_client_for_javascript(served: Served) -> None:
    told = node("openai.mjs", served.url, served.key)
    assert {"echo", "assistant@latest"} <= set(told["models"])
    assert len(set(told["chat"])) == 1
    assert told["chat"][0]
    assert len(set(told["usage"])) == 1
    assert (told["loop"], told["calls"]) == ("It is ten.", 3)
    assert told["numbers"] == list(range(len(told["numbers"])))
    assert told["last"] == "response.completed"
    assert told["cancelled"] == "cancelled"
    assert told["chain"]
    assert told["missing"] == [True, "model_not_found", "model", True]
    assert told["broken"] == [True, "server_error"]

"""What services echo of a secret is hidden, however they write it."""

from __future__ import annotations

import base64
import json
from typing import Any
from urllib.parse import quote

import pytest
from hypothesis import given
from hypothesis import strategies as some
from tests.providers.servers import Asked, says, serving

from girih.errors import NodeError
from girih.providers.credentials import Destination
from girih.providers.outbound import OutboundClient
from girih.providers.tools.http import HttpTools
from girih.providers.veil import SHORTEST, Veil

VALUES = some.text(some.characters(codec="ascii", min_codepoint=32, max_codepoint=126), min_size=SHORTEST, max_size=60)


@given(VALUES.filter(str.strip))
def test_a_value_is_hidden_in_every_form(value: str) -> None:
    veil = Veil({"crm.key": value})
    forms = [value, json.dumps(value), quote(value, safe=""), base64.b64encode(value.encode()).decode()]
    for form in forms:
        hidden = veil.over(f"<{form}>")
        assert hidden == veil.over_bytes(f"<{form}>".encode()).decode()
        assert "[secret crm.key]" in hidden
        if "secret crm.key" not in value and value not in '[secret crm.key]<>"':
            assert value not in hidden
    assert value not in repr(veil) or value in "Veil(0123456789 forms)"


def test_the_longer_value_first_and_a_short_one_not_at_all() -> None:
    veil = Veil({"a": "abcd", "b": "abcdef", "c": "x"})
    assert veil.over("x abcdef abcd") == "x [secret b] [secret a]"


TOOL: dict[str, Any] = {
    "kind": "tool/v1",
    "name": "echo",
    "description": "Says what it heard.",
    "http": {"endpoint": "echo", "path": "/", "auth": {"bearer": "secret://echo.key"}},
    "parameters": {},
    "returns": {"heard": "string", "count": "integer"},
}


async def key(name: str, to: Destination) -> str | None:
    return "canary/7f31" if name == "echo.key" else None


@pytest.mark.parametrize(
    ("answer", "said"),
    [
        (says(200, {"heard": "Bearer canary/7f31", "count": 1}), None),
        (says(200, b'{"heard": "Bearer canary\\/7f31", "count": 1}'), None),
        (says(200, {"heard": "x", "count": "canary/7f31"}), "something else than it declares"),
        (says(401, {"error": "the key canary/7f31 is not known"}), "HTTP 401"),
        (says(200, b"canary/7f31 is no JSON"), "not JSON"),
    ],
)
async def test_what_a_service_echoes_reaches_no_result_and_no_failure(answer: Any, said: str | None) -> None:
    seen: list[object] = []
    async with serving(answer) as server:
        client = OutboundClient([server.url])
        tools = HttpTools(client, {"echo": server.url}, key)
        try:
            if said is None:
                result = await tools.call(TOOL, {}, timeout=2, idempotency_key="k", seen=seen.append)
                assert result == {"heard": "Bearer [secret echo.key]", "count": 1}
            else:
                with pytest.raises(NodeError, match=said) as failed:
                    await tools.call(TOOL, {}, timeout=2, idempotency_key="k", seen=seen.append)
                assert "canary" not in f"{failed.value.message} {failed.value.details} {failed.value.help}"
        finally:
            await client.aclose()
        asked: Asked = server.asked[0]
        assert asked.headers["authorization"] == "Bearer canary/7f31"
    assert "canary" not in repr(seen) and "canary" not in repr(tools)

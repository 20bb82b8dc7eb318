"""Tools over HTTP against a real server: where arguments go, what comes back, and which failure each fault is."""

from __future__ import annotations

from typing import Any

import pytest
from tests.providers.servers import Answer, breaks_off, cuts, drips, hangs, says, serving, streams

from girih.errors import NodeError
from girih.providers.credentials import Destination, Secrets, secret_variable
from girih.providers.outbound import OutboundClient
from girih.providers.tools.http import HttpTools

CRM: dict[str, Any] = {
    "kind": "tool/v1",
    "name": "crm.lookup",
    "description": "Looks a customer up.",
    "http": {"endpoint": "crm", "method": "GET", "path": "/customers/{customer_id}"},
    "parameters": {"customer_id": "string", "tags": ["string"], "full": "boolean?"},
    "returns": {"name": "string", "tier": {"enum": ["free", "gold"]}},
    "idempotent": True,
}
ADA = {"name": "Ada", "tier": "gold"}


def knowing(values: dict[str, str]) -> Secrets:
    """The secrets of one project."""

    async def value(name: str, to: Destination) -> str | None:
        return values.get(name)

    return value


async def call(*answers: Answer, arguments: dict[str, Any], tool: dict[str, Any] = CRM, timeout: float = 2) -> Any:
    async with serving(*answers) as server:
        client = OutboundClient([f"{server.url}/v2"])
        try:
            tools = HttpTools(client, {"crm": f"{server.url}/v2/"})
            result = await tools.call(tool, arguments, timeout=timeout, idempotency_key="run:a#1")
        finally:
            await client.aclose()
    return result, server.asked[0]


async def test_path_and_query() -> None:
    result, asked = await call(says(200, ADA), arguments={"customer_id": "a/b ü?", "tags": ["x", "y&z"], "full": True})
    assert result == ADA
    assert (asked.method, asked.path) == ("GET", "/v2/customers/a%2Fb%20%C3%BC%3F?tags=x&tags=y%26z&full=true")
    assert asked.headers["idempotency-key"] == "run:a#1"
    assert asked.headers["accept"] == "application/json"


async def test_a_post_sends_the_rest_as_json() -> None:
    tool = {**CRM, "http": {**CRM["http"], "method": "POST"}}
    _, asked = await call(says(200, ADA), arguments={"customer_id": "7", "tags": []}, tool=tool)
    assert (asked.method, asked.path, asked.json()) == ("POST", "/v2/customers/7", {"tags": []})
    assert asked.headers["content-type"] == "application/json"


async def test_only_what_is_declared_enters_the_graph() -> None:
    result, _ = await call(says(200, {**ADA, "password": "x"}), arguments={"customer_id": "7", "tags": []})
    assert result == ADA


@pytest.mark.parametrize(
    ("answer", "kind"),
    [
        (says(429), "rate_limit"),
        (says(500), "tool_error"),
        (says(502), "unavailable"),
        (says(503), "unavailable"),
        (says(504), "timeout"),
        (says(404), "tool_error"),
        (says(302, location="http://127.0.0.1/"), "tool_error"),
        (says(200, "no json"), "tool_error"),
        (says(200, '{"name": NaN}'), "tool_error"),
        (says(200, "[" * 100_000), "tool_error"),
        (says(200, {"name": "Ada", "tier": "lead"}), "tool_error"),
        (says(200, {"name": "Ada"}), "tool_error"),
        (says(200, ""), "tool_error"),
        (hangs, "timeout"),
        (streams("x", "x", "x", pause=1), "timeout"),
    ],
)
async def test_each_fault_has_its_kind(answer: Answer, kind: str) -> None:
    with pytest.raises(NodeError) as caught:
        await call(answer, arguments={"customer_id": "7", "tags": []}, timeout=0.4)
    assert caught.value.kind == kind
    assert "crm.lookup" in caught.value.message


@pytest.mark.parametrize(
    ("answer", "can_pass"),
    [(says(status), False) for status in (302, 400, 401, 403, 404, 410, 422)]
    + [(says(status), True) for status in (408, 409, 429, 500, 502, 503, 504)]
    + [(hangs, True), (drips, True), (breaks_off, True), (cuts, True), (says(200, "{"), True)],
)
async def test_what_no_repetition_can_mend_says_so(answer: Answer, can_pass: bool) -> None:
    with pytest.raises(NodeError) as caught:
        await call(answer, arguments={"customer_id": "7", "tags": []}, timeout=0.4)
    assert caught.value.can_pass is can_pass


async def test_a_refused_certificate_and_a_lost_connection() -> None:
    async with serving(says(200, ADA), tls=True) as server:
        with pytest.raises(NodeError, match="certificate") as caught:
            await HttpTools(OutboundClient([server.url]), {"crm": server.url}).call(
                CRM, {"customer_id": "7", "tags": []}, timeout=2, idempotency_key="k"
            )
    assert (caught.value.kind, caught.value.can_pass) == ("unavailable", False)
    with pytest.raises(NodeError, match="before its answer was whole") as caught:
        await call(breaks_off, arguments={"customer_id": "7", "tags": []})
    assert (caught.value.kind, caught.value.can_pass) == ("unavailable", True)


async def test_how_long_to_wait_is_passed_on() -> None:
    with pytest.raises(NodeError) as caught:
        await call(says(429, retry_after="7"), arguments={"customer_id": "7", "tags": []})
    assert caught.value.details == {"status": 429, "retry_after": 7.0}


@pytest.mark.parametrize(
    "arguments",
    [{}, {"customer_id": 7, "tags": []}, {"customer_id": "", "tags": []}, {"customer_id": "..", "tags": []},
     {"customer_id": ".", "tags": []}, {"customer_id": "7", "tags": [], "other": 1}],
)  # fmt: skip
async def test_arguments_that_do_not_fit_are_not_sent(arguments: dict[str, Any]) -> None:
    async with serving(says(200, ADA)) as server:
        tools = HttpTools(OutboundClient([server.url]), {"crm": server.url})
        with pytest.raises(NodeError) as caught:
            await tools.call(CRM, arguments, timeout=2, idempotency_key="k")
    assert caught.value.kind == "invalid_output"
    assert server.asked == []


async def test_an_endpoint_that_nobody_bound_says_how_to() -> None:
    with pytest.raises(NodeError, match="endpoint 'crm', which is not set") as caught:
        await HttpTools(OutboundClient(), {}).call(
            CRM, {"customer_id": "7", "tags": []}, timeout=2, idempotency_key="k"
        )
    assert caught.value.kind == "unavailable"
    assert "GIRIH_ENDPOINTS" in str(caught.value.help)


async def test_a_tools_own_url_may_not_be_private() -> None:
    async with serving(says(200, ADA)) as server:
        tool = {**CRM, "http": {"url": server.url, "path": "/customers/{customer_id}"}}
        with pytest.raises(NodeError) as caught:
            await HttpTools(OutboundClient(), {}).call(
                tool, {"customer_id": "7", "tags": []}, timeout=2, idempotency_key="k"
            )
    assert caught.value.kind == "refused"
    assert server.asked == []


@pytest.mark.parametrize(
    ("auth", "header", "sent"),
    [
        ({"bearer": "secret://crm.key"}, "authorization", "Bearer s3cr3t"),
        ({"header": "X-Api-Key", "value": "secret://crm.key"}, "x-api-key", "s3cr3t"),
    ],
)
async def test_a_secret_goes_into_its_header(auth: dict[str, str], header: str, sent: str) -> None:
    tool = {**CRM, "http": {**CRM["http"], "auth": auth}}
    async with serving(says(200, ADA)) as server:
        client = OutboundClient([server.url])
        given = {"customer_id": "7", "tags": []}
        tools = HttpTools(client, {"crm": server.url}, knowing({"crm.key": "s3cr3t"}))
        assert await tools.call(tool, given, timeout=2, idempotency_key="k") == ADA
        assert server.asked[0].headers[header] == sent
        for secrets, message in [
            ({}, "needs the secret 'crm.key', which is not set"),
            ({"crm.key": "s3cr3t\r\nx: y"}, "cannot be sent in the header"),
        ]:
            with pytest.raises(NodeError, match=message) as caught:
                await HttpTools(client, {"crm": server.url}, knowing(secrets)).call(
                    tool, given, timeout=2, idempotency_key="k"
                )
            assert caught.value.can_pass is False
            assert "s3cr3t" not in caught.value.message
        await client.aclose()
    assert secret_variable("crm.key") == "GIRIH_SECRET_CRM_KEY"
    assert len(server.asked) == 1

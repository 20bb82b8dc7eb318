"""Streams of the LangGraph server protocol that break: at every frame and in the middle of one, here and elsewhere."""

from __future__ import annotations

import uuid
from collections.abc import Iterator
from typing import Any

import httpx
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from langgraph_sdk.sse import BytesLineDecoder, SSEDecoder
from tests.api.process import api_process
from tests.compat.conftest import Served

EVERY = [
    "values",
    "updates",
    "messages",
    "messages-tuple",
    "events",
    "tasks",
    "checkpoints",
    "debug",
    "tools",
    "custom",
]
Part = tuple[str | None, str, Any]


@pytest.fixture(scope="module")
def elsewhere(served: Served, tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """Another process on the same database."""
    with api_process(served.database_url, tmp_path_factory.mktemp("elsewhere")) as api:
        yield f"{api.url}/langgraph"


@pytest.fixture(scope="module")
def plain(served: Served) -> Iterator[httpx.Client]:
    with httpx.Client(
        base_url=f"{served.url}/langgraph", headers={"x-api-key": served.key}, timeout=60, trust_env=False
    ) as client:
        yield client


def parsed(body: bytes) -> list[Part]:
    """The frames that are whole."""
    lines, decoder, parts = BytesLineDecoder(), SSEDecoder(), []
    whole = body[: body.rfind(b"\n\n") + 2] if b"\n\n" in body else b""
    for line in lines.decode(whole):
        part = decoder.decode(bytes(line))
        if part is not None and part.event:
            parts.append((part.id, part.event, part.data))
    return parts


@pytest.fixture(scope="module", params=["lg-notes", "echo", "lg-ask", "lg-broken"])
def told(request: pytest.FixtureRequest, plain: httpx.Client) -> tuple[str, bytes]:
    """Where a run is, and its stream as it came from the beginning to the end."""
    body = {
        "assistant_id": request.param,
        "input": {} if request.param != "lg-ask" else {"question": "hm"},
        "stream_mode": EVERY,
        "if_not_exists": "create",
        "stream_subgraphs": True,
    }
    if request.param == "echo":
        body["input"] = {"messages": ["hello"]}
    answer = plain.post(f"/threads/{uuid.uuid4()}/runs/stream", json=body)
    assert answer.status_code == 200, answer.text
    return answer.headers["location"], answer.content


def test_a_stream_goes_on_after_every_frame(told: tuple[str, bytes], plain: httpx.Client, elsewhere: str) -> None:
    address, body = told
    parts = parsed(body)
    assert len(parts) > 10
    for at, (number, _, _) in enumerate(parts):
        for url in (address, f"{elsewhere}{address}") if at % 7 == 0 else (address,):
            rest = plain.get(url, headers={"last-event-id": str(number)})
            assert parsed(rest.content) == parts[at + 1 :], number


@settings(max_examples=25, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(data=st.data())
def test_a_stream_that_breaks_anywhere_is_put_together(
    told: tuple[str, bytes], plain: httpx.Client, data: st.DataObject
) -> None:
    address, body = told
    got = parsed(body[: data.draw(st.integers(0, len(body)))])
    headers = {"last-event-id": str(got[-1][0])} if got else {}
    assert got + parsed(plain.get(address, headers=headers).content) == parsed(body)


@pytest.mark.parametrize("cursor", ["-1", "0", ""])
def test_the_beginning_has_several_names(told: tuple[str, bytes], plain: httpx.Client, cursor: str) -> None:
    address, body = told
    assert parsed(plain.get(address, headers={"last-event-id": cursor}).content) == parsed(body)


def test_a_place_does_not_depend_on_the_modes(told: tuple[str, bytes], plain: httpx.Client) -> None:
    address, body = told
    parts = parsed(body)
    middle = len(parts) // 2
    path = address.partition("?")[0]
    rest = plain.get(path, params={"stream_mode": ["values"]}, headers={"last-event-id": str(parts[middle][0])})
    wanted = ("values", "end", "error")
    assert parsed(rest.content) == [part for part in parts[middle + 1 :] if part[1] in wanted]


@pytest.mark.parametrize("cursor", ["x", "1-2-3", "-2", "999999"])
def test_a_cursor_that_is_none_is_refused(told: tuple[str, bytes], plain: httpx.Client, cursor: str) -> None:
    answer = plain.get(told[0], headers={"last-event-id": cursor})
    assert answer.status_code == 400, answer.text
    assert "event" in answer.json()["detail"]


def test_a_live_stream_is_carried_on_by_another_process(plain: httpx.Client, elsewhere: str) -> None:
    body = {"assistant_id": "lg-notes", "input": {}, "stream_mode": ["values", "updates"], "if_not_exists": "create"}
    got: list[Part] = []
    with plain.stream("POST", f"/threads/{uuid.uuid4()}/runs/stream", json=body) as answer:
        address = answer.headers["location"]
        seen = b""
        for piece in answer.iter_raw():
            seen += piece
            if len(got := parsed(seen)) >= 3:
                break
    rest = parsed(plain.get(f"{elsewhere}{address}", headers={"last-event-id": str(got[-1][0])}).content)
    whole = parsed(plain.get(address).content)
    assert got + rest == whole
    assert whole[-1][1] == "end"

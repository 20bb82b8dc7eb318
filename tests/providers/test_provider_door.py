"""Chat and embeddings leave through the guarded door only: no proxy of the environment, no redirect, no other host."""

from __future__ import annotations

import json
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager
from typing import Any

import httpx
import pytest
import stamina
from langchain_core.messages import HumanMessage
from pydantic import SecretStr
from tests.providers.servers import Server, chunk, hangs, says, serving, streams, used

from girih.errors import GirihError, NodeError, Unavailable
from girih.language.nodes.ports import Message, ModelRequest
from girih.providers.embeddings.openai import OpenAIEmbedder
from girih.providers.models.chat import ModelOptions, make_models
from girih.providers.models.openai import openai_model
from girih.providers.outbound import OutboundError, provider_clients

KEY = "sk-very-secret"
CHAT = streams(chunk("Hi"), chunk(finish="stop"), used(1, 1))
VECTOR = {"index": 0, "object": "embedding", "embedding": [0.6, 0.8]}
EMBEDDINGS = says(200, {"object": "list", "model": "m", "data": [VECTOR], "usage": {"prompt_tokens": 1}})


@pytest.fixture(autouse=True)
def _no_waiting() -> Iterator[None]:
    stamina.set_testing(True, attempts=1)
    yield
    stamina.set_testing(False)


@pytest.fixture
async def recorder(monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[Server]:
    """What the environment calls its proxy, and what must see nothing."""
    async with serving(says(200, "caught")) as server:
        for name in ("HTTP_PROXY", "HTTPS_PROXY", "ALL_PROXY", "OPENAI_PROXY"):
            monkeypatch.setenv(name, server.url)
            monkeypatch.setenv(name.lower(), server.url)
        for name in ("NO_PROXY", "no_proxy"):
            monkeypatch.delenv(name, raising=False)
        # Nor may the environment move what the operator's settings leave where it is.
        for name in ("OPENAI_BASE_URL", "OPENAI_API_BASE"):
            monkeypatch.setenv(name, f"{server.url}/v1")
        yield server


async def chat(url: str) -> None:
    models = make_models({}, ModelOptions(openai_api_key=KEY, openai_base_url=f"{url}/v1", timeout=1))
    request = ModelRequest(("default",), (Message("user", "Hi"),))
    assert [event async for event in models.stream(request)]


async def embed(url: str) -> None:
    assert await OpenAIEmbedder("small", SecretStr(KEY), f"{url}/v1").embed(["a"]) == [pytest.approx([0.6, 0.8])]


def chain(fault: BaseException | None) -> Iterator[BaseException]:
    while fault is not None:
        yield fault
        fault = fault.__cause__


@asynccontextmanager
async def provider(answer: Any) -> AsyncIterator[Server]:
    async with serving(answer) as server:
        yield server


async def test_a_proxy_of_the_environment_would_be_used_by_an_ordinary_client(recorder: Server) -> None:
    """The trap works: what it catches below would have been caught."""
    async with serving(says(200, "direct")) as server, httpx.AsyncClient() as ordinary:
        assert (await ordinary.get(server.url)).text == "caught"
    assert len(recorder.asked) == 1


@pytest.mark.parametrize(("ask", "answer"), [(chat, CHAT), (embed, EMBEDDINGS)], ids=["chat", "embeddings"])
async def test_no_proxy_of_the_environment_sees_anything(recorder: Server, ask: Any, answer: Any) -> None:
    async with provider(answer) as server:
        await ask(server.url)
    assert [asked.method for asked in server.asked] == ["POST"]
    assert server.asked[0].headers["authorization"] == f"Bearer {KEY}"
    assert recorder.asked == []


@pytest.mark.parametrize("ask", [chat, embed])
@pytest.mark.parametrize("status", [301, 302, 307, 308])
async def test_no_redirect_is_followed_with_the_key(ask: Any, status: int) -> None:
    async with serving(says(200, "caught")) as other, serving(says(status, "", location=f"{other.url}/v1")) as server:
        with pytest.raises(GirihError) as caught:
            await ask(server.url)
    assert isinstance(caught.value, NodeError | Unavailable)
    assert server.asked
    assert other.asked == []


async def test_only_the_operators_address_may_be_private() -> None:
    async with serving(says(200, "secret")) as other, serving(EMBEDDINGS) as server:
        clients = provider_clients(f"{server.url}/v1")
        assert (await clients.http.post(f"{server.url}/v1/embeddings")).status_code == 200
        for url in (f"{other.url}/v1", f"{server.url}/admin", f"{server.url}/v1/%2e%2e/admin", "http://[::1]:1/v1"):
            with pytest.raises(OutboundError) as caught:
                await clients.http.get(url)
            assert caught.value.reason == "forbidden"
        await clients.aclose()
    assert len(server.asked) == 1
    assert other.asked == []


async def test_nobody_can_send_around_the_guard() -> None:
    async with provider(CHAT) as server:
        model = openai_model("m", api_key=KEY, base_url=f"{server.url}/v1", timeout=1)
        with pytest.raises(Exception) as caught:
            model.invoke([HumanMessage("Hi")])
        assert OutboundError in {type(fault) for fault in chain(caught.value)}
        remote = OpenAIEmbedder("small", SecretStr(KEY), f"{server.url}/v1")._remote
        with pytest.raises(Exception):  # noqa: B017 - the library wraps it as it likes
            remote.model_copy(update={"max_retries": 0}).embed_query("a")
    assert server.asked == []


async def test_a_provider_that_hangs_ends_within_the_timeout() -> None:
    async with provider(hangs) as server:
        clients = provider_clients(server.url, timeout=0.3)
        with pytest.raises(httpx.TimeoutException):
            await clients.http.post(f"{server.url}/chat", content=json.dumps({}))
        await clients.aclose()

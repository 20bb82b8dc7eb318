"""Models that are bound: asked at their own address with their own key, through the guard, and through nothing else."""

from __future__ import annotations

from collections.abc import AsyncIterator
from dataclasses import replace
from typing import Any

import pytest
from tests.providers.servers import Server, chunk, says, serving, streams, used

from girih.errors import NodeError
from girih.language.nodes.ports import Image, Message, ModelDone, ModelEvent, ModelRequest, TextDelta, ToolSpec
from girih.providers.credentials import Destination
from girih.providers.models.chat import ModelOptions, make_models
from girih.providers.models.connections import Connections

GOOD = (chunk("Hello"), chunk(finish="stop"), used(1, 1))
ASK = ModelRequest(("m",), (Message("user", "Hi"),))
TOOL = ToolSpec("look", "Looks.", {"type": "object", "properties": {}})


@pytest.fixture
async def connections() -> AsyncIterator[Connections]:
    made = Connections()
    yield made
    await made.aclose()


async def hear(documents: dict[str, Any], options: ModelOptions, request: ModelRequest = ASK) -> list[ModelEvent]:
    return [event async for event in make_models(documents, options).stream(request)]


def at(server: Server, **place: str) -> dict[str, Any]:
    return {"provider": "openai", "model": "own", "at": {"endpoint": "gpu", "origin": server.url, **place}}


async def test_a_bound_model_has_its_own_address_and_key_beside_the_operators(connections: Connections) -> None:
    keys = {"own": "sk-own"}

    async def secrets(name: str, to: Destination) -> str | None:
        return keys.get(name)

    async with serving(streams(*GOOD)) as operators, serving(streams(*GOOD)) as own:
        options = ModelOptions(
            openai_api_key="sk-operator", openai_base_url=f"{operators.url}/v1", endpoints={"gpu": f"{own.url}/v1"},
            secrets=secrets, connections=connections,
        )  # fmt: skip
        documents = {"m": at(own, secret="secret://own"), "free": at(own), "plain": {"provider": "openai"}}
        models = make_models(documents, options)
        for name in ("m", "free", "plain"):
            assert TextDelta("Hello") in [event async for event in models.stream(replace(ASK, models=(name,)))]
        keys["own"] = "sk-turned"
        done = [event async for event in models.stream(ASK)][-1]
    assert isinstance(done, ModelDone)
    assert done.name == "m"
    sent = [asked.headers.get("authorization") for asked in own.asked]
    # A stored key that was replaced goes with the next call; the operator's own goes to the operator's address alone.
    assert (sent[0], sent[2]) == ("Bearer sk-own", "Bearer sk-turned")
    assert "operator" not in str(sent)
    assert [asked.headers["authorization"] for asked in operators.asked] == ["Bearer sk-operator"]


@pytest.mark.parametrize("url", ["https://127.0.0.1:1/v1", "https://localhost:1/v1", "https://[::1]/v1"])
async def test_only_an_operators_address_may_be_private(connections: Connections, url: str) -> None:
    document = {"provider": "openai", "model": "own", "at": {"url": url, "origin": None}}
    with pytest.raises(NodeError, match="public network") as caught:
        await hear({"m": document}, ModelOptions(connections=connections))
    assert caught.value.can_pass is False


async def test_a_key_for_another_host_is_not_even_looked_up(connections: Connections) -> None:
    async def secrets(name: str, to: Destination) -> str | None:
        raise AssertionError(name)

    async with serving(streams(*GOOD)) as server:
        options = ModelOptions(endpoints={"gpu": f"{server.url}/v1"}, secrets=secrets, connections=connections)
        document = at(server, secret="secret://own", origin="https://elsewhere.example:443")
        with pytest.raises(NodeError, match="was bound for https://elsewhere"):
            await hear({"m": document}, options)
    assert server.asked == []


async def test_a_key_that_no_header_can_carry_is_refused_without_being_told(connections: Connections) -> None:
    async def secrets(name: str, to: Destination) -> str | None:
        return "sk-\nline"

    async with serving(streams(*GOOD)) as server:
        options = ModelOptions(endpoints={"gpu": f"{server.url}/v1"}, secrets=secrets, connections=connections)
        with pytest.raises(NodeError, match="cannot be sent") as caught:
            await hear({"m": at(server, secret="secret://own")}, options)
    assert "sk-" not in str(caught.value)


async def test_fallbacks_of_fallbacks_are_asked_each_once_and_only_those_that_can(connections: Connections) -> None:
    async with serving(says(503, "busy")) as server:
        options = ModelOptions(endpoints={"gpu": f"{server.url}/v1"}, connections=connections, attempts=1)
        documents = {
            "m": {**at(server), "model": "a", "fallbacks": ["blind", "b"]},
            "b": {**at(server), "model": "b", "fallbacks": ["m", "demo"]},
            "blind": {**at(server), "model": "blind", "capabilities": {"tools": "none", "images": "none"}},
        }
        request = replace(ASK, models=("m", "b"), tools=(TOOL,), tool_choice="none")
        done = (await hear(documents, options, request))[-1]
        assert isinstance(done, ModelDone)
        assert (done.provider, done.name) == ("girih-demo", "demo")
        assert [asked.json()["model"] for asked in server.asked] == ["a", "b"]
        server.asked.clear()
        seen = replace(ASK, messages=(Message("user", "Hi", images=(Image("data:image/png;base64,AA=="),)),))
        await hear(documents, options, seen)
        assert [asked.json()["model"] for asked in server.asked] == ["a", "b"]


async def test_what_says_something_about_the_request_goes_to_no_fallback(connections: Connections) -> None:
    async with serving(says(400, {"error": {"message": "bad parameter"}})) as server:
        options = ModelOptions(endpoints={"gpu": f"{server.url}/v1"}, connections=connections)
        with pytest.raises(NodeError, match="rejected"):
            await hear({"m": {**at(server), "fallbacks": ["demo"]}}, options)

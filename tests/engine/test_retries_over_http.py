"""What a node's `retry` repeats when a real server answers badly, for models and for tools."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest
import stamina
from tests.engine.plans import World, node, plan
from tests.providers.servers import Answer, breaks_off, chunk, cuts, hangs, says, serving, streams

from girih.engine.context import Outcome
from girih.language.compiler.plan import PlanNode, PlanRetry
from girih.language.spec.policies import ERROR_KINDS
from girih.providers.models.chat import ModelOptions, make_models
from girih.providers.outbound import OutboundClient
from girih.providers.tools.http import HttpTools

RETRY = PlanRetry(max=2, on=ERROR_KINDS, wait=0.001, longest=0.002)
TOOL = {"name": "t", "http": {"endpoint": "e", "path": "/"}, "parameters": {}, "returns": {}}


@pytest.fixture(autouse=True)
def _no_waiting() -> Iterator[None]:
    stamina.set_testing(True, attempts=10, cap=True)
    yield
    stamina.set_testing(False)


async def once(verb: str, url: str) -> Outcome:
    world = World()
    if verb == "llm":
        settings: dict[str, Any] = {
            "models": ["default"], "prompt": {}, "system": None, "params": {}, "schema": None, "repairs": 0,
        }  # fmt: skip
        options = ModelOptions(openai_api_key="sk", openai_base_url=f"{url}/v1", timeout=0.3)
        world.models = make_models({}, options)  # type: ignore[assignment]  # - the real ones, in place of the double
        asks: PlanNode = node("a", "$end", verb="llm", prompt="hi")
    else:
        settings = {"tool": TOOL, "timeout": 0.3}
        asks = node("a", "$end", verb="call", **{"with": {}})
    client = OutboundClient([url])
    try:
        tried = asks.model_copy(update={"settings": settings, "retry": RETRY})
        world.tools = HttpTools(client, {"e": url})
        return await world.run(plan(tried))
    finally:
        await client.aclose()


@pytest.mark.parametrize("verb", ["llm", "call"])
@pytest.mark.parametrize("status", [400, 401, 403, 404, 422])
async def test_never_what_cannot_pass(verb: str, status: int) -> None:
    async with serving(says(status, {})) as server:
        outcome = await once(verb, server.url)
    assert outcome.status == "failed"
    assert len(server.asked) == 1


@pytest.mark.parametrize("verb", ["llm", "call"])
async def test_never_a_refused_certificate(verb: str) -> None:
    async with serving(says(200, {}), tls=True) as server:
        outcome = await once(verb, server.url)
    assert outcome.error is not None
    assert "certificate" in outcome.error["message"]
    assert server.asked == []


@pytest.mark.parametrize("verb", ["llm", "call"])
@pytest.mark.parametrize("answer", [says(503, {}), hangs, cuts, breaks_off], ids=["503", "hang", "cut", "half-close"])
async def test_what_may_pass_as_often_as_the_author_says(verb: str, answer: Answer) -> None:
    async with serving(answer) as server:
        outcome = await once(verb, server.url)
    assert outcome.status == "failed"
    assert len(server.asked) == 3


async def test_a_rate_limit_is_the_only_thing_a_model_is_asked_about_twice_in_one_attempt() -> None:
    async with serving(says(429, {})) as server:
        await once("llm", server.url)
    assert len(server.asked) == 6
    async with serving(says(429, {})) as server:
        await once("call", server.url)
    assert len(server.asked) == 3


async def test_an_answer_after_a_failure() -> None:
    async with serving(says(503, {}), streams(chunk("Hi"), chunk(finish="stop"))) as server:
        outcome = await once("llm", server.url)
    assert outcome.status == "succeeded"
    async with serving(cuts, says(200, {})) as server:
        outcome = await once("call", server.url)
    assert outcome.status == "succeeded"

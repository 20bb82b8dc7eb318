"""The chat port against a real server that speaks OpenAI's protocol, well and badly."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest
import stamina
from tests.providers.servers import breaks_off, chunk, cuts, drips, hangs, says, serving, streams, used

from girih.errors import NodeError
from girih.language.nodes.ports import Message, ModelDone, ModelEvent, ModelRequest, TextDelta, Usage
from girih.providers.models.chat import ModelOptions, make_models

KEY = "sk-very-secret"
GOOD = (chunk("Hel"), chunk("lo"), chunk(finish="stop"), used(7, 2))
HELLO = [TextDelta("Hel"), TextDelta("lo"), ModelDone(Usage(7, 2), "test-model", "openai")]


@pytest.fixture(autouse=True)
def _no_waiting() -> Iterator[None]:
    stamina.set_testing(True, attempts=10, cap=True)
    yield
    stamina.set_testing(False)


async def ask(url: str, *, names: tuple[str, ...] = ("m",), documents: Any = None, **request: Any) -> list[ModelEvent]:
    options = ModelOptions(openai_api_key=KEY, openai_base_url=f"{url}/v1", openai_model="test-model", timeout=0.4)
    models = make_models(documents or {"m": {"provider": "openai"}}, options)
    call = ModelRequest(names, (Message("system", "Be brief."), Message("user", "Hi")), **request)
    return [event async for event in models.stream(call)]


async def test_an_answer_streams_with_its_usage() -> None:
    async with serving(streams(*GOOD)) as server:
        assert await ask(server.url) == HELLO
    (asked,) = server.asked
    assert (asked.method, asked.path) == ("POST", "/v1/chat/completions")
    assert asked.headers["authorization"] == f"Bearer {KEY}"
    body = asked.json()
    assert body["stream"] is True
    assert body["stream_options"] == {"include_usage": True}
    assert body["model"] == "test-model"
    assert body["messages"] == [{"role": "system", "content": "Be brief."}, {"role": "user", "content": "Hi"}]


async def test_params_and_schema_reach_the_provider_as_they_are() -> None:
    schema = {
        "type": "object",
        "properties": {"n": {"type": "integer"}},
        "required": ["n"],
        "additionalProperties": False,
    }
    async with serving(streams(*GOOD)) as server:
        documents = {"m": {"provider": "openai", "model": "other", "params": {"temperature": 0, "max_tokens": 5}}}
        await ask(server.url, documents=documents, params={"temperature": 0.5, "top_k": 3}, schema=schema)
        body = server.asked[0].json()
        assert (body["model"], body["temperature"], body["max_tokens"], body["top_k"]) == ("other", 0.5, 5, 3)
        described = {"name": "answer", "schema": schema, "strict": True}
        assert body["response_format"] == {"type": "json_schema", "json_schema": described}
        loose = {"type": "object", "properties": {"n": {"type": "integer", "minimum": 1}}}
        await ask(server.url, schema=loose)
        assert server.asked[1].json()["response_format"]["json_schema"]["strict"] is False


async def test_params_cannot_take_over_the_request() -> None:
    async with serving(streams(*GOOD)) as server:
        with pytest.raises(NodeError, match="'model' is set by girih") as caught:
            await ask(server.url, params={"model": "gpt-expensive"})
    assert caught.value.kind == "refused"
    assert server.asked == []


@pytest.mark.parametrize(
    ("answer", "kind", "requests"),
    [
        (says(429, {"error": {"message": "slow down"}}), "rate_limit", 2),
        (hangs, "timeout", 1),
        (says(500, "oops"), "unavailable", 1),
        (says(503, "busy"), "unavailable", 1),
        (says(401, {"error": {"message": f"Incorrect API key provided: {KEY}"}}), "unavailable", 1),
        (says(404, {"error": {"message": "no such model"}}), "unavailable", 1),
        (says(400, {"error": {"message": "bad", "code": "content_filter"}}), "refused", 1),
        (says(400, {"error": {"message": "bad parameter"}}), "refused", 1),
        (cuts, "unavailable", 1),
        (streams("data: {not json\n\n"), "unavailable", 1),
        (streams("data: 7\n\n"), "unavailable", 1),
        (streams(chunk("x"), chunk(finish="content_filter")), "refused", 1),
        (streams(chunk(refusal="I will not"), chunk(finish="stop")), "refused", 1),
        (streams(chunk("half"), finish=False), "unavailable", 1),
        (breaks_off, "unavailable", 1),
        (drips, "timeout", 1),
        (says(422, {"error": {"message": "no"}}), "refused", 1),
        (says(302, "", location="http://127.0.0.1:1/"), "unavailable", 1),
    ],
    ids=[
        "429",
        "hang",
        "500",
        "503",
        "401",
        "404",
        "filter",
        "400",
        "cut",
        "bad-json",
        "no-object",
        "filtered",
        "refusal",
        "half",
        "half-close",
        "drip",
        "422",
        "302",
    ],
)
async def test_each_fault_gets_its_kind_and_its_retries(answer: Any, kind: str, requests: int) -> None:
    async with serving(answer) as server:
        with pytest.raises(NodeError) as caught:
            await ask(server.url)
    assert caught.value.kind == kind
    assert len(server.asked) == requests
    assert "'m'" in caught.value.message
    assert KEY not in caught.value.message + str(caught.value.help)


@pytest.mark.parametrize(
    ("answer", "can_pass"),
    [(says(status, {}), False) for status in (302, 400, 401, 403, 404, 413, 422)]
    + [(says(status, {}), True) for status in (408, 409, 429, 500, 503)]
    + [(hangs, True), (cuts, True), (breaks_off, True), (streams("data: {no json\n\n"), True)],
)
async def test_what_no_repetition_can_mend_says_so(answer: Any, can_pass: bool) -> None:
    async with serving(answer) as server:
        with pytest.raises(NodeError) as caught:
            await ask(server.url)
    assert caught.value.can_pass is can_pass


async def test_a_server_without_tls_or_without_a_known_certificate_is_not_worth_another_try() -> None:
    async with serving(says(200, {})) as server:
        with pytest.raises(NodeError, match="TLS") as caught:
            await ask(server.url.replace("http://", "https://"))
    assert (caught.value.kind, caught.value.can_pass) == ("unavailable", False)
    async with serving(says(200, {}), tls=True) as server:
        with pytest.raises(NodeError, match="certificate") as caught:
            await ask(server.url)
    assert (caught.value.kind, caught.value.can_pass) == ("unavailable", False)
    assert server.asked == []


async def test_a_wait_that_is_too_long_is_left_to_the_node() -> None:
    async with serving(says(429, {}, retry_after="90")) as server:
        with pytest.raises(NodeError) as caught:
            await ask(server.url)
    assert caught.value.details["retry_after"] == 90.0
    assert len(server.asked) == 1


async def test_what_was_used_is_counted_also_when_the_answer_fails() -> None:
    documents = {"m": {"provider": "openai", "price": {"input_per_million": 2.0, "output_per_million": 8.0}}}
    broken = streams(chunk("x"), used(1_000_000, 500_000), chunk(finish="content_filter"))
    async with serving(broken, streams(*GOOD)) as server:
        options = ModelOptions(openai_api_key=KEY, openai_base_url=f"{server.url}/v1")
        models = make_models(documents, options)
        request = ModelRequest(("m",), (Message("user", "Hi"),))
        events: list[ModelEvent] = []
        with pytest.raises(NodeError, match="content filter"):
            async for event in models.stream(request):
                events.append(event)  # noqa: PERF401 - the failure comes behind the events
        assert events == [TextDelta("x"), ModelDone(Usage(1_000_000, 500_000, 6.0), "gpt-5-mini", "openai")]
        done = [event async for event in models.stream(request)][-1]
    assert isinstance(done, ModelDone)
    assert done.usage.cost_usd == pytest.approx((7 * 2 + 2 * 8) / 1_000_000)


async def test_a_rate_limit_is_waited_out() -> None:
    async with serving(says(429, {}), streams(*GOOD)) as server:
        assert await ask(server.url) == HELLO
    assert len(server.asked) == 2


async def test_a_stream_that_stalls_fails_as_timeout_and_is_not_repeated() -> None:
    async with serving(streams(chunk("Hel"), chunk("lo"), pause=2)) as server:
        options = ModelOptions(openai_api_key=KEY, openai_base_url=f"{server.url}/v1", timeout=0.3)
        stream = make_models({}, options).stream(ModelRequest(("default",), (Message("user", "Hi"),)))
        assert await anext(stream) == TextDelta("Hel")
        with pytest.raises(NodeError) as caught:
            await anext(stream)
    assert caught.value.kind == "timeout"
    assert len(server.asked) == 1


async def test_the_next_model_of_a_chain_answers_when_the_first_is_away() -> None:
    documents = {"m": {"provider": "openai", "model": "first"}, "n": {"provider": "openai", "model": "test-model"}}
    async with serving(says(503, "busy"), streams(*GOOD)) as server:
        assert await ask(server.url, names=("m", "n"), documents=documents) == HELLO
    assert [asked.json()["model"] for asked in server.asked] == ["first", "test-model"]


async def test_a_refusal_is_final() -> None:
    documents = {"m": {"provider": "openai"}, "n": {"provider": "demo"}}
    async with serving(says(400, {"error": {"message": "no", "code": "content_filter"}})) as server:
        with pytest.raises(NodeError, match="content filter"):
            await ask(server.url, names=("m", "n"), documents=documents)


async def test_names_resolve_to_what_the_operator_set() -> None:
    keyless = make_models({"big": {"provider": "openai"}}, ModelOptions())
    with pytest.raises(NodeError, match="needs an OpenAI key"):
        _ = [event async for event in keyless.stream(ModelRequest(("big",), (Message("user", "Hi"),)))]
    with pytest.raises(NodeError, match="model 'ghost' does not exist"):
        _ = [event async for event in keyless.stream(ModelRequest(("ghost",), (Message("user", "Hi"),)))]
    events = [event async for event in keyless.stream(ModelRequest(("ghost", "default"), (Message("user", "Hi"),)))]
    assert isinstance(events[-1], ModelDone)
    assert events[-1].provider == "girih-demo"


async def test_tracing_stays_off_whatever_the_environment_says(monkeypatch: pytest.MonkeyPatch) -> None:
    from langsmith.utils import get_env_var
    from tests.engine.plans import World, node, plan

    async with serving(says(200, {})) as server:
        for name in ("LANGSMITH_TRACING", "LANGCHAIN_TRACING_V2"):
            monkeypatch.setenv(name, "true")
        monkeypatch.setenv("LANGSMITH_ENDPOINT", server.url)
        monkeypatch.setenv("LANGSMITH_API_KEY", "x")
        get_env_var.cache_clear()
        try:
            settings = {"models": ["demo"], "prompt": {}, "system": None, "params": {}, "schema": None, "repairs": 0}
            world = World()
            world.models = make_models({}, ModelOptions())  # type: ignore[assignment]
            llm = node("a", "$end", verb="llm", prompt="hi").model_copy(update={"settings": settings})
            assert (await world.run(plan(llm))).status == "succeeded"
            import asyncio

            await asyncio.sleep(0.5)
        finally:
            monkeypatch.undo()
            get_env_var.cache_clear()
    assert server.asked == []

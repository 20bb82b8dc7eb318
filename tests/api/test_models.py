"""Models over HTTP: bound to real servers that speak OpenAI's protocol, well and badly, and seen without a restart."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator, Iterator
from pathlib import Path
from typing import Any

import pytest
import stamina
from tests.api.conftest import Client, ClientMaker, is_problem, settings_for
from tests.providers.servers import Asked, Server, chunk, says, serving, streams, used

from girih.db.tenancy import OrgScope
from girih.services.identity.schemas import PERMISSIONS
from girih.services.runs import ports
from girih.wiring.server import Girih, open_girih

KEY = "sk-the-projects-own"
PRICE = {"input_per_million": 1_000_000, "output_per_million": 0}


async def speaks(asked: Asked, writer: asyncio.StreamWriter) -> None:
    """Answers as a model that does whatever it is asked for."""
    body = asked.json()
    call = {"index": 0, "id": "c", "function": {"name": "note", "arguments": '{"word": "ready"}'}}
    if "tools" in body:
        said: list[Any] = [chunk(tool_calls=[call])]
    elif "response_format" in body:
        said = [chunk('{"sum": 5}')]
    else:
        said = [chunk("one "), chunk(f"of {body['model']}")]
    await streams(*said, chunk(finish="stop"), used(2, 3))(asked, writer)


@pytest.fixture(scope="module")
async def provider() -> AsyncIterator[Server]:
    async with serving(speaks) as server:
        yield server


@pytest.fixture(scope="module")
async def second() -> AsyncIterator[Server]:
    async with serving(speaks) as server:
        yield server


@pytest.fixture(scope="module")
async def girih(
    database_url: str, tmp_path_factory: pytest.TempPathFactory, provider: Server, second: Server
) -> AsyncIterator[Girih]:
    endpoints = {"local": f"{provider.url}/v1", "second": f"{second.url}/v1", "nobody": "http://127.0.0.1:9/v1"}
    folder: Path = tmp_path_factory.mktemp("girih")
    async with open_girih(settings_for(database_url, folder, endpoints=endpoints)) as girih:
        yield girih


@pytest.fixture(autouse=True)
def _fresh(provider: Server, second: Server, monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    for server in (provider, second):
        server.answers[:] = [speaks]
        server.asked.clear()
    monkeypatch.setattr(ports, "FRESH", 0.0)
    stamina.set_testing(True, attempts=1)
    yield
    stamina.set_testing(False)


async def bind(client: Client, name: str, **binding: Any) -> dict[str, Any]:
    answer = await client.put(f"/v1/models/{name}/binding", json={"provider": "openai", **binding})
    assert answer.status_code == 200, answer.text
    bound: dict[str, Any] = answer.json()
    return bound


async def run(client: Client) -> dict[str, Any]:
    answer = await client.post("/v1/runs/wait", json={"agent": "hello", "inputs": {"question": "Who?"}})
    assert answer.status_code == 200, answer.text
    done: dict[str, Any] = answer.json()
    return done


async def test_a_binding_answers_for_a_published_graph_without_a_restart(
    published: Client, girih: Girih, scope: OrgScope, provider: Server
) -> None:
    assert "demo" in (await run(published))["outputs"]["text"]
    await girih.secrets.put(scope, "local-key", KEY)
    bound = await bind(
        published,
        "default",
        endpoint="local",
        model="m-1",
        secret="secret://local-key",
        price=PRICE,
        params={"top_k": 3},
    )
    assert (bound["revision"], bound["is_current"], bound["origin"]) == (1, True, provider.url)
    done = await run(published)
    assert done["outputs"]["text"] == "one of m-1"
    asked = provider.asked[-1]
    assert asked.headers["authorization"] == f"Bearer {KEY}"
    assert asked.json()["top_k"] == 3
    # The price counts as it was when the model was asked.
    assert done["usage"]["cost_usd"] == pytest.approx(2.0)
    await bind(published, "default", endpoint="local", model="m-2", price={**PRICE, "input_per_million": 500_000})
    done = await run(published)
    assert (done["outputs"]["text"], done["usage"]["cost_usd"]) == ("one of m-2", pytest.approx(1.0))
    assert provider.asked[-1].headers["authorization"] != f"Bearer {KEY}"
    assert (await published.delete("/v1/models/default/binding")).status_code == 204
    assert "demo" in (await run(published))["outputs"]["text"]
    revisions = (await published.get("/v1/models/default/revisions")).json()["items"]
    assert [(one["revision"], one["is_current"]) for one in revisions] == [(3, True), (2, False), (1, False)]
    assert revisions[0]["binding"] is None
    assert {one["created_by"] for one in revisions} == {revisions[2]["created_by"]}
    is_problem(await published.get("/v1/models/default/binding"), 404)


async def test_the_list_says_who_answers_and_never_a_key(client: Client, girih: Girih, scope: OrgScope) -> None:
    await girih.secrets.put(scope, "listed", KEY)
    document = "kind: model/v1\nname: writer\nprovider: openai\nmodel: large\n"
    await client.post("/v1/workspace/apply", json={"files": {"writer.yaml": document}})
    before = {one["name"]: one for one in (await client.get("/v1/models")).json()["items"]}
    assert sorted(before) == ["default", "demo", "writer"]
    assert "OPENAI_API_KEY" in before["writer"]["answers"]["help"]
    await bind(client, "writer", endpoint="local", secret="secret://listed", fallbacks=["demo"])
    answer = await client.get("/v1/models/writer")
    told = answer.json()
    assert told["answers"] | {"base_url": None} == {
        "said_by": "binding", "provider": "openai", "model": "large", "base_url": None, "secret": "secret://listed",
        "problem": None, "help": None,
    }  # fmt: skip
    assert (told["fallbacks"], told["revision"], told["is_declared"]) == (["demo"], 1, True)
    assert told["digest"] != before["writer"]["digest"]
    assert KEY not in answer.text
    (secret,) = (await client.get("/v1/secrets")).json()["items"]
    assert secret["used_by"] == [{"kind": "model", "name": "writer"}]
    is_problem(await client.delete("/v1/secrets/listed"), 409)
    one = (await client.get("/v1/models", params={"limit": 1})).json()
    rest = (await client.get("/v1/models", params={"cursor": one["next"]})).json()
    assert [item["name"] for item in (*one["items"], *rest["items"])] == ["default", "demo", "writer"]
    assert (await client.delete("/v1/models/writer/binding")).status_code == 204
    assert (await client.delete("/v1/secrets/listed")).status_code == 204


async def test_binding_twice_makes_one_revision_and_is_told(client: Client) -> None:
    for _ in range(2):
        assert (await bind(client, "small", endpoint="local", model="m"))["revision"] == 1
    events = (await client.get("/v1/events", params={"type": "model.bound"})).json()["items"]
    assert [(event["data"]["model"], event["data"]["revision"]) for event in events] == [("small", 1)]
    (entry,) = (await client.get("/v1/audit", params={"action": "model.bound"})).json()["items"]
    assert (entry["target"], entry["details"]["revision"]) == ("model:small", 1)


@pytest.mark.parametrize(
    ("binding", "words"),
    [
        ({"endpoint": "local", "url": "https://x.example/v1", "model": "m"}, "not both"),
        ({"url": "http://x.example/v1", "model": "m"}, "https://"),
        ({"url": "https://user:pass@x.example/v1", "model": "m"}, "https://"),
        ({"url": "https://127.0.0.1/v1", "model": "m"}, "public host"),
        ({"url": "https://localhost/v1", "model": "m"}, "public host"),
        ({"endpoint": "ghost", "model": "m"}, "endpoint 'ghost'"),
        ({"endpoint": "local"}, "which model"),
        ({"endpoint": "local", "model": "m", "fallbacks": ["ghost"]}, "fallback 'ghost'"),
        ({"endpoint": "local", "model": "m", "fallbacks": ["self"]}, "circle"),
        ({"endpoint": "local", "model": "m", "secret": KEY}, "secret://"),
        ({"provider": "demo", "secret": "secret://x"}, "demo model has no 'secret'"),
        ({"provider": "vertex"}, "openai"),
        ({"endpoint": "local", "model": "m", "apikey": "x"}, "apikey"),
    ],
)
async def test_what_can_never_answer_is_refused(client: Client, binding: dict[str, Any], words: str) -> None:
    answer = await client.put("/v1/models/self/binding", json={"provider": "openai", **binding})
    problem = is_problem(answer, 422)
    assert words in json.dumps(problem)
    assert KEY not in answer.text


async def test_a_circle_over_documents_and_bindings_is_refused_at_both_ends(client: Client) -> None:
    first = "kind: model/v1\nname: first\nfallbacks: [second]\n"
    second = "kind: model/v1\nname: second\n"
    assert (await client.post("/v1/workspace/apply", json={"files": {"a.yaml": first, "b.yaml": second}})).is_success
    answer = await client.put("/v1/models/second/binding", json={"provider": "demo", "fallbacks": ["first"]})
    assert "second → first → second" in str(is_problem(answer, 422)["detail"])
    assert (await client.put("/v1/models/third/binding", json={"provider": "demo", "fallbacks": ["first"]})).is_success
    circle = {"a.yaml": first, "b.yaml": f"{second}fallbacks: [third]\n"}
    answer = await client.post("/v1/workspace/validate", json={"files": circle})
    found = answer.json()["diagnostics"]
    assert [(one["code"], one["file"], one["line"]) for one in found] == [("E401", "a.yaml", 3)]


async def test_only_who_may_write_secrets_sends_a_key_somewhere_new(
    client: Client, client_for: ClientMaker, scope: OrgScope
) -> None:
    binder = await client_for(scope, PERMISSIONS - {"secrets:write"})
    wanted = {"provider": "openai", "endpoint": "local", "model": "m", "secret": "secret://shared"}
    problem = is_problem(await binder.put("/v1/models/a/binding", json=wanted), 403)
    assert "secrets:write" in str(problem["detail"])
    assert (await client.put("/v1/models/a/binding", json=wanted)).is_success
    assert (await binder.put("/v1/models/b/binding", json=wanted)).is_success
    is_problem(await binder.put("/v1/models/b/binding", json=wanted | {"endpoint": "second"}), 403)


async def test_fallbacks_answer_when_a_model_is_away_and_the_trace_says_which(
    published: Client, provider: Server, second: Server
) -> None:
    await bind(published, "spare", endpoint="second", model="other", fallbacks=["demo"])
    await bind(published, "default", endpoint="local", model="m", fallbacks=["spare"], price=PRICE)
    provider.answers[:] = [says(429, {}, retry_after="60")]
    done = await run(published)
    assert done["outputs"]["text"] == "one of other"
    assert done["usage"]["cost_usd"] == 0
    feed = (await published.get(f"/v1/runs/{done['id']}/events")).text
    assert '"name":"spare"' in feed.replace(" ", "")
    second.answers[:] = [says(401, {"error": {"message": f"bad key {KEY}"}})]
    assert "demo" in (await run(published))["outputs"]["text"]
    provider.answers[:] = [says(400, {"error": {"message": "no", "code": "content_filter"}})]
    second.asked.clear()
    answer = await published.post("/v1/runs/wait", json={"agent": "hello", "inputs": {"question": "Who?"}})
    assert answer.json()["status"] == "failed"
    assert second.asked == []


async def test_a_key_never_goes_where_it_was_not_bound_for(
    published: Client, girih: Girih, scope: OrgScope, provider: Server, second: Server
) -> None:
    await girih.secrets.put(scope, "bound-key", KEY)
    await bind(published, "default", endpoint="local", model="m", secret="secret://bound-key")
    provider.answers[:] = [says(307, b"", location=f"{second.url}/v1/chat/completions")]
    answer = await published.post("/v1/models/default/test")
    assert answer.json()["healthy"] is False
    assert second.asked == []
    # The operator gives the endpoint's name to another host: what was stored for the first is not sent there.
    girih.models._options.endpoints["local"] = f"{second.url}/v1"  # type: ignore[index]
    try:
        told = (await published.get("/v1/models/default")).json()["answers"]
        assert "was bound for" in told["problem"]
        answer = await published.post("/v1/models/default/test")
        assert "was bound for" in answer.json()["checks"][0]["problem"]
        assert second.asked == []
    finally:
        girih.models._options.endpoints["local"] = f"{provider.url}/v1"  # type: ignore[index]


async def test_a_healthy_model_is_measured(client: Client, second: Server) -> None:
    await bind(client, "good", endpoint="second", model="m", price=PRICE, fallbacks=["demo"])
    answer = await client.post("/v1/models/good/test")
    found = answer.json()
    assert (found["healthy"], found["streams"], found["provider"], found["model"]) == (True, True, "openai", "m")
    assert [(check["what"], check["ok"]) for check in found["checks"]] == [
        ("answer", True), ("structured_output", True), ("tools", True),
    ]  # fmt: skip
    assert (found["input_tokens"], found["output_tokens"], found["cost_usd"]) == (6, 9, pytest.approx(6.0))
    assert found["total_ms"] >= found["first_token_ms"] > 0
    assert len(second.asked) == 3
    usage = (await client.get("/v1/usage", params={"group_by": "agent"})).json()["items"]
    assert [(row["agent"], row["calls"]) for row in usage] == [("(model test)", 3)]
    await bind(
        client, "good", endpoint="second", model="m", capabilities={"tools": "none", "structured_output": "none"}
    )
    assert [check["what"] for check in (await client.post("/v1/models/good/test")).json()["checks"]] == ["answer"]
    assert (await client.post("/v1/models/demo/test")).json()["healthy"] is True


@pytest.mark.parametrize(
    ("answer", "words"),
    [
        (says(401, {"error": {"message": "Incorrect API key"}}), "does not accept the API key"),
        (
            says(404, {"error": {"message": "The model `m` does not exist", "code": "model_not_found"}}),
            "a model of that name",
        ),
        (says(404, {"detail": "Not Found"}), "address"),
        (says(404, "<html>nothing here</html>"), "address"),
        (says(200, "<html>welcome</html>", content_type="text/html"), "address"),
        (says(500, "oops"), "fault of its own"),
        (streams(chunk("half"), finish=False), "broke off"),
    ],
    ids=["key", "model", "url", "html", "page", "500", "half"],
)
async def test_a_sick_model_says_what_is_wrong(client: Client, provider: Server, answer: Any, words: str) -> None:
    await bind(client, "sick", endpoint="local", model="m")
    provider.answers[:] = [answer]
    found = (await client.post("/v1/models/sick/test")).json()
    assert found["healthy"] is False
    (check,) = found["checks"]
    assert words in check["problem"]
    assert check["help"]


async def test_what_is_declared_and_not_so_is_found(client: Client, provider: Server) -> None:
    await bind(client, "vain", endpoint="local", model="m")
    provider.answers[:] = [streams(chunk("plain words"), chunk(finish="stop"), used(1, 1))]
    found = (await client.post("/v1/models/vain/test")).json()
    assert (found["healthy"], found["streams"]) == (False, False)
    told = {check["what"]: check for check in found["checks"]}
    assert told["answer"]["ok"] is True
    assert "shape" in told["structured_output"]["problem"]
    assert "did not call the tool" in told["tools"]["problem"]
    await bind(client, "vain", endpoint="nobody", model="m")
    found = (await client.post("/v1/models/vain/test")).json()
    assert "no connection" in found["checks"][0]["problem"]


async def test_a_missing_secret_is_named(client: Client) -> None:
    await bind(client, "keyless", endpoint="local", model="m", secret="secret://never-set")
    found = (await client.post("/v1/models/keyless/test")).json()
    assert "secret 'never-set', which is not set" in found["checks"][0]["problem"]


async def test_models_of_others_and_of_nobody_are_the_same(
    client: Client, client_for: ClientMaker, other_scope: OrgScope
) -> None:
    await bind(client, "mine", endpoint="local", model="m")
    other = await client_for(other_scope)
    for method, path in (
        ("GET", "/v1/models/mine"), ("GET", "/v1/models/mine/binding"), ("GET", "/v1/models/mine/revisions"),
        ("DELETE", "/v1/models/mine/binding"), ("POST", "/v1/models/mine/test"),
    ):  # fmt: skip
        is_problem(await other.request(method, path), 404)
    assert [one["name"] for one in (await other.get("/v1/models")).json()["items"]] == ["default", "demo"]

"""One version over HTTP, where it came from, and ranges of versions at every door."""

from __future__ import annotations

from typing import Any

import pytest
from tests.api.conftest import HELLO, WORKSPACE, Client, ClientMaker, is_problem

from girih.db.tenancy import OrgScope

COMMIT = "0123456789abcdef0123456789abcdef01234567"
PIPELINE = "kind: pipeline/v1\nname: careful\nembedder: hashing\n"


async def apply(client: Client, files: dict[str, str], **more: object) -> Any:
    answer = await client.post("/v1/workspace/apply", json={"files": files, **more})
    assert answer.status_code == 200, answer.text
    return answer.json()


@pytest.fixture
async def two(client: Client) -> Client:
    """The client of an organization with `hello` 1.0.0 and 1.4.0, and 2.0.0 that takes something else."""
    other = HELLO.replace('"${ inputs.question }"', '"Well, ${ inputs.question }"')
    await apply(client, WORKSPACE)
    await apply(client, {"hello.yaml": other.replace("name: hello", "name: hello\nversion: 1.4.0")})
    await apply(client, {"hello.yaml": other.replace("question", "asked")})
    return client


async def test_one_version_tells_all_that_is_kept_of_it(client: Client, scope: OrgScope) -> None:
    origin = {"commit": COMMIT, "dirty": True, "message": "Says hello"}
    await apply(client, {**WORKSPACE, "careful.yaml": PIPELINE}, **origin)
    found = (await client.get("/v1/agents/hello/versions/1.0.0")).json()
    assert {key: found[key] for key in origin} == origin
    assert (found["source"], found["path"], found["created_by"][:4]) == (HELLO, "hello.yaml", "key:")
    assert found["inputs"]["required"] == ["question"]
    (model,) = found["lock"]
    assert (model["uri"], model["held"], model["drifted"]) == ("model://default", False, False)
    listed = (await client.get("/v1/agents/hello/versions")).json()["items"][0]
    assert {key: listed[key] for key in origin} == origin
    pipeline = (await client.get("/v1/pipelines/careful/versions")).json()["items"][0]
    assert {key: pipeline[key] for key in origin} == origin
    for ref in ("prod", "latest", "^1", "~1.0", "1", found["digest"]):
        assert (await client.get(f"/v1/agents/hello/versions/{ref}")).json() == found


@pytest.mark.parametrize("version", ["9.9.9", "^9", "canary"])
async def test_what_there_is_not_is_not_found(
    published: Client, client_for: ClientMaker, other_scope: OrgScope, version: str
) -> None:
    is_problem(await published.get(f"/v1/agents/hello/versions/{version}"), 404)
    stranger = await client_for(other_scope)
    theirs = is_problem(await stranger.get("/v1/agents/hello/versions/1.0.0"), 404)
    nobodys = is_problem(await stranger.get("/v1/agents/hallo/versions/1.0.0"), 404)
    assert theirs["detail"].replace("hello", "hallo") == nobodys["detail"]


@pytest.mark.parametrize(
    "more",
    [{"commit": "main"}, {"commit": "$(reboot)"}, {"commit": "a" * 65}, {"message": ""}, {"message": "x" * 2001}],
)
async def test_what_is_no_commit_and_no_sentence_is_refused(client: Client, more: dict[str, str]) -> None:
    answer = await client.post("/v1/workspace/apply", json={"files": WORKSPACE, **more})
    is_problem(answer, 422)
    is_problem(await client.get("/v1/agents/hello"), 404)


async def test_ranges_are_taken_wherever_an_agent_is_named(two: Client) -> None:
    asked = {"agent": "hello@^1", "inputs": {"question": "x"}}
    run = (await two.post("/v1/runs/wait", json=asked)).json()
    assert (run["status"], run["version"]) == ("succeeded", "1.4.0"), run
    thread = (await two.post("/v1/threads", json={})).json()["id"]
    on_thread = (await two.post(f"/v1/threads/{thread}/runs", json=asked | {"agent": "hello@~1.0"})).json()
    assert on_thread["version"] == "1.0.0"
    body = {"name": "daily", "cron": "0 3 * * *", "run": asked}
    assert (await two.post("/v1/schedules", json=body)).status_code == 201
    assert (await two.get("/v1/agents/hello@1")).json()["version"] == "1.4.0"
    refused = is_problem(await two.post("/v1/runs/wait", json=asked | {"agent": "hello@^3"}), 404)
    assert "has no range `^3`" in refused["detail"]


async def test_a_range_follows_what_is_published(two: Client) -> None:
    asked = {"agent": "hello@^2", "inputs": {"asked": "x"}}
    assert (await two.post("/v1/runs/wait", json=asked)).json()["version"] == "2.0.0"
    text = HELLO.replace("question", "asked").replace('"${ inputs.asked }"', '"Hm, ${ inputs.asked }"')
    await apply(two, {"hello.yaml": text})
    assert (await two.post("/v1/runs/wait", json=asked)).json()["version"] == "2.0.1"


async def test_other_protocols_take_ranges_as_well(client: Client) -> None:
    chatty = HELLO.replace("name: hello", "name: chatty\nchat: { input: question, output: text }")
    await apply(client, {"chatty.yaml": chatty})
    await apply(client, {"chatty.yaml": chatty.replace("name: chatty", "name: chatty\nversion: 3.0.0\ntitle: Chatty")})
    said = {"model": "chatty@^1", "messages": [{"role": "user", "content": "x"}]}
    answer = await client.post("/openai/v1/chat/completions", json=said)
    assert answer.status_code == 200, answer.text
    run = {"assistant_id": "chatty@1", "input": {"question": "x"}}
    answer = await client.post("/langgraph/runs/wait", json=run)
    assert answer.status_code == 200, answer.text
    listed = (await client.get("/v1/runs")).json()["items"]
    assert [one["version"] for one in listed] == ["1.0.0", "1.0.0"]

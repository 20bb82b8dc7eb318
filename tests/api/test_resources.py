"""Each resource's happy path and its worst inputs, through the real app."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from pathlib import Path
from uuid import uuid4

import pytest
from tests.api.conftest import HELLO, WORKSPACE, Client, ClientMaker, is_problem, upload

from girih.cli.stream import frames
from girih.db.tenancy import OrgScope

Work = Callable[[], Awaitable[None]]
PAGES = "# Lamps\n\nA lamp gives light.\n\n# Chairs\n\nA chair has four legs.\n"


async def ended(client: Client, run_id: str) -> dict[str, object]:
    """The run once it has ended, found by following it."""
    await client.get(f"/v1/runs/{run_id}/events")
    run: dict[str, object] = (await client.get(f"/v1/runs/{run_id}")).json()
    return run


async def test_a_workspace_is_published_once(client: Client) -> None:
    first = (await client.post("/v1/workspace/apply", json={"files": WORKSPACE})).json()
    assert {(change["kind"], change["name"], change["action"]) for change in first["changes"]} == {
        ("graph/v1", "hello", "create"),
        ("collection/v1", "shelf", "create"),
    }
    again = (await client.post("/v1/workspace/apply", json={"files": WORKSPACE})).json()
    assert {change["action"] for change in again["changes"]} == {"unchanged"}


async def test_a_dry_run_publishes_nothing(client: Client) -> None:
    answer = await client.post("/v1/workspace/apply", json={"files": WORKSPACE, "dry_run": True})
    assert {change["action"] for change in answer.json()["changes"]} == {"create"}
    assert (await client.get("/v1/agents")).json()["items"] == []


async def test_a_faulty_workspace_is_refused_whole(client: Client) -> None:
    files = WORKSPACE | {"bad.yaml": HELLO.replace("name: hello", "name: bad").replace("next: $end", "next: nowhere")}
    problem = is_problem(await client.post("/v1/workspace/apply", json={"files": files}), 422, "spec_invalid")
    (finding,) = problem["diagnostics"]  # type: ignore[misc]
    assert (finding["code"], finding["file"], finding["line"]) == ("E101", "bad.yaml", 11)
    assert (await client.get("/v1/agents")).json()["items"] == []
    found = (await client.post("/v1/workspace/validate", json={"files": files})).json()
    assert [item["code"] for item in found["diagnostics"]] == ["E101"]


@pytest.mark.parametrize("path", ["../up.yaml", "/etc/passwd", "a\\b.yaml", "a//b.yaml", "./a.yaml", "a\nb.yaml"])
async def test_a_path_that_leaves_the_workspace_is_refused(client: Client, path: str) -> None:
    is_problem(await client.post("/v1/workspace/validate", json={"files": {path: HELLO}}), 422, "invalid_input")


async def test_agents_versions_and_aliases(published: Client) -> None:
    (agent,) = (await published.get("/v1/agents")).json()["items"]
    assert (agent["name"], agent["version"]) == ("hello", "1.0.0")
    detail = (await published.get("/v1/agents/hello")).json()
    assert "question" in detail["inputs"]["properties"]
    (version,) = (await published.get("/v1/agents/hello/versions")).json()["items"]
    assert set(version["aliases"]) == {"latest", "prod"}
    moved = await published.put("/v1/agents/hello/aliases/staging", json={"version": "1.0.0"})
    assert moved.json()["aliases"]["staging"] == "1.0.0"
    is_problem(await published.put("/v1/agents/hello/aliases/prod", json={"version": "9.9.9"}), 404)
    is_problem(await published.put("/v1/agents/hello/aliases/Prod!", json={"version": "1.0.0"}), 422)
    is_problem(await published.get("/v1/agents/hallo"), 404, "not_found")


async def test_a_run_is_recorded_followed_and_listed(published: Client) -> None:
    answer = await published.post("/v1/runs", json={"agent": "hello", "inputs": {"question": "Why?"}})
    assert answer.status_code == 201
    run = answer.json()
    assert answer.headers["location"] == f"/v1/runs/{run['id']}"
    done = await ended(published, run["id"])
    assert done["status"] == "succeeded", done
    assert done["outputs"]["text"]  # type: ignore[index]
    page = (await published.get("/v1/runs", params={"status": "succeeded", "agent": "hello"})).json()
    assert [item["id"] for item in page["items"]] == [run["id"]]


async def test_runs_come_in_pages(published: Client) -> None:
    made = [
        (await published.post("/v1/runs", json={"agent": "hello", "inputs": {"question": str(i)}})).json()["id"]
        for i in range(5)
    ]
    seen: list[str] = []
    cursor: str | None = None
    while True:
        params = {"limit": "2"} | ({"cursor": cursor} if cursor else {})
        page = (await published.get("/v1/runs", params=params)).json()
        seen += [item["id"] for item in page["items"]]
        cursor = page["next"]
        if cursor is None:
            break
    assert seen == made[::-1]
    for bad in ("x", "0", "-1"):
        is_problem(await published.get("/v1/runs", params={"cursor": bad}), 422)
        is_problem(await published.get("/v1/runs", params={"limit": bad}), 422)


@pytest.mark.parametrize(
    ("body", "status"),
    [
        ({"agent": "unknown"}, 404),
        ({"agent": "hello@9.9.9", "inputs": {"question": "x"}}, 404),
        ({"agent": "hello@nowhere", "inputs": {"question": "x"}}, 404),
        ({"agent": "../hello"}, 422),
        ({"agent": "hello"}, 422),
        ({"agent": "hello", "inputs": {"question": ""}}, 422),
        ({"agent": "hello", "inputs": {"question": "x", "other": 1}}, 422),
        ({"agent": "hello", "inputs": {"question": "lone \ud800 half"}}, 422),
    ],
)
async def test_a_run_that_cannot_be_is_refused_before_it_is_one(
    published: Client, body: dict[str, object], status: int
) -> None:
    import json

    content = json.dumps(body).encode()
    answer = await published.post("/v1/runs", content=content, headers={"content-type": "application/json"})
    is_problem(answer, status)
    assert (await published.get("/v1/runs")).json()["items"] == []


async def test_a_key_makes_one_run(published: Client) -> None:
    body = {"agent": "hello", "inputs": {"question": "once"}}
    headers = {"idempotency-key": "k-1"}
    first = await published.post("/v1/runs", json=body, headers=headers)
    second = await published.post("/v1/runs", json=body, headers=headers)
    assert first.json()["id"] == second.json()["id"]
    other = {**body, "inputs": {"question": "twice"}}
    is_problem(await published.post("/v1/runs", json=other, headers=headers), 422)
    for asked in (body, {**body, "background": False}, {**body, "on_disconnect": "cancel"}):
        streamed = await published.post("/v1/runs/stream", json=asked, headers=headers)
        assert streamed.status_code == 200, streamed.text
        assert {event["run_id"] for event in frames([streamed.content])} == {first.json()["id"]}


async def test_a_stream_tells_the_whole_run(published: Client) -> None:
    answer = await published.post("/v1/runs/stream", json={"agent": "hello", "inputs": {"question": "Why?"}})
    assert answer.status_code == 200
    events = list(frames([answer.content]))
    assert [event["seq"] for event in events] == list(range(1, len(events) + 1))
    assert events[0]["type"] == "run.started"
    assert events[-1]["type"] == "run.finished"
    text = "".join(event["data"]["text"] for event in events if event["type"] == "message.delta")
    assert events[-1]["data"]["outputs"] == {"text": text}
    run_id = answer.headers["location"].rpartition("/")[2]
    assert {event["run_id"] for event in events} == {run_id}


async def test_a_late_comer_gets_every_event_and_the_end(published: Client) -> None:
    first = await published.post("/v1/runs/stream", json={"agent": "hello", "inputs": {"question": "Why?"}})
    events = list(frames([first.content]))
    path = f"{first.headers['location']}/events"
    for after in range(len(events)):
        again = await published.get(path, headers={"last-event-id": str(after)})
        assert list(frames([again.content])) == events[after:]
    for foreign in (len(events) + 1, 10**14):
        is_problem(await published.get(path, params={"from": str(foreign)}), 400, "bad_cursor")


async def test_a_run_is_cancelled_or_already_over(published: Client) -> None:
    run = (await published.post("/v1/runs", json={"agent": "hello", "inputs": {"question": "Why?"}})).json()
    first = (await published.post(f"/v1/runs/{run['id']}/cancel")).json()
    assert first["status"] in ("cancelled", "succeeded", "running")
    done = await ended(published, run["id"])
    assert done["status"] in ("cancelled", "succeeded")
    again = (await published.post(f"/v1/runs/{run['id']}/cancel")).json()
    assert again["status"] == done["status"]


async def test_a_document_from_upload_to_search(published: Client, work: Work) -> None:
    answer = await published.post("/v1/collections/shelf/documents", files=upload(PAGES, "Bücher & mehr.md"))
    assert answer.status_code == 202, answer.text
    document = answer.json()
    assert (document["status"], document["name"]) == ("queued", "Bücher & mehr.md")
    await work()
    document = (await published.get(f"/v1/documents/{document['id']}")).json()
    assert (document["status"], document["stage"]) == ("ready", "done"), document["reason"]
    hits = (await published.post("/v1/collections/shelf/search", json={"query": "four legs"})).json()["hits"]
    assert hits[0]["place"]["heading"] == ["Chairs"]
    assert hits[0]["document_id"] == document["id"]
    again = await published.post("/v1/collections/shelf/documents", files=upload(PAGES, "Bücher & mehr.md"))
    assert again.json()["id"] == document["id"]
    (listed,) = (await published.get("/v1/collections/shelf/documents")).json()["items"]
    assert listed["id"] == document["id"]
    (collection,) = (await published.get("/v1/collections")).json()["items"]
    assert (collection["name"], collection["documents"]) == ("shelf", 1)
    assert (await published.delete(f"/v1/documents/{document['id']}")).status_code == 204
    is_problem(await published.get(f"/v1/documents/{document['id']}"), 404)
    hits = (await published.post("/v1/collections/shelf/search", json={"query": "four legs"})).json()["hits"]
    assert hits == []


async def test_a_bad_document_fails_with_its_reason_and_may_be_tried_again(published: Client, work: Work) -> None:
    answer = await published.post("/v1/collections/shelf/documents", files=upload(b"%PDF-1.7 broken", "bad.pdf"))
    if answer.status_code != 202:
        is_problem(answer, 422)
        return
    await work()
    document = (await published.get(f"/v1/documents/{answer.json()['id']}")).json()
    assert document["status"] == "failed"
    assert document["reason"]
    retried = await published.post(f"/v1/documents/{document['id']}/retry")
    assert retried.status_code == 202
    assert retried.json()["status"] == "queued"


@pytest.mark.parametrize(
    ("files", "status", "code"),
    [
        (upload(b"", "empty.md"), 422, "invalid_input"),
        (upload(b"MZ\x90", "tool.exe"), 415, "unsupported"),
        (upload(b"x" * (2**20 + 1), "big.md"), 413, "too_large"),
        (upload(b"x" * (3 * 2**20), "huge.md"), 413, "too_large"),
        ({"other": ("a.md", b"x", "text/plain")}, 422, "invalid_input"),
    ],
)
async def test_an_upload_that_cannot_be_taken_leaves_nothing(
    published: Client, files: dict[str, tuple[str, bytes, str]], status: int, code: str
) -> None:
    is_problem(await published.post("/v1/collections/shelf/documents", files=files), status, code)
    assert (await published.get("/v1/collections/shelf/documents")).json()["items"] == []


async def test_an_upload_to_nowhere_is_404(published: Client) -> None:
    is_problem(await published.post("/v1/collections/attic/documents", files=upload("x")), 404)


BOUNDARY = b"--b\r\n"
HEAD = b'--b\r\ncontent-disposition: form-data; name="file"; filename="a.md"\r\n\r\n'


@pytest.mark.parametrize(
    ("content_type", "content", "status"),
    [
        ("application/json", b"{}", 415),
        ("multipart/form-data", HEAD + b"text\r\n--b--\r\n", 415),
        ("multipart/form-data; boundary=b", b"", 422),
        ("multipart/form-data; boundary=b", b"garbage that is no form", 422),
        ("multipart/form-data; boundary=b", HEAD + b"the connection breaks he", 422),
        ("multipart/form-data; boundary=b", HEAD + b"one\r\n" + HEAD + b"two\r\n--b--\r\n", 422),
        ("multipart/form-data; boundary=b", HEAD.replace(b'; filename="a.md"', b"") + b"text\r\n--b--\r\n", 422),
        ("multipart/form-data; boundary=b", b"--b\r\n" + b"x: y\r\n" * 2000 + b"\r\ntext\r\n--b--\r\n", 422),
        ("multipart/form-data; boundary=" + "b" * 5000, b"x", 415),
    ],
)
async def test_forms_that_are_none(published: Client, content_type: str, content: bytes, status: int) -> None:
    path = "/v1/collections/shelf/documents"
    answer = await published.post(path, content=content, headers={"content-type": content_type})
    assert answer.status_code in (status, 422)
    is_problem(answer, answer.status_code)
    assert (await published.get(path)).json()["items"] == []


@pytest.mark.parametrize(
    "name", ["../../etc/x.md", "/etc/x.md", "..\\..\\x.md", "a\0b.md", "x" * 300 + ".md", "\u202ex.md"]
)
async def test_a_name_is_shown_and_never_a_path(published: Client, work: Work, tmp_path: Path, name: str) -> None:
    answer = await published.post("/v1/collections/shelf/documents", files=upload("text here", name))
    if answer.status_code != 202:
        is_problem(answer, 422)
        return
    await work()
    document = (await published.get(f"/v1/documents/{answer.json()['id']}")).json()
    assert document["status"] == "ready", document["reason"]
    assert not Path("/etc/x.md").exists()


async def test_keys_are_shown_once(client: Client, client_for: ClientMaker, scope: OrgScope) -> None:
    made = await client.post("/v1/keys", json={"name": "ci", "permissions": ["runs:read"], "expires_in_days": 1})
    assert made.status_code == 201
    key = made.json()["key"]
    listed = await client.get("/v1/keys")
    assert key not in listed.text
    assert "hash" not in listed.text
    assert made.json()["id"] in [item["id"] for item in listed.json()["items"]]
    lesser = await client_for(scope, frozenset({"keys:manage"}))
    body = {"name": "more", "permissions": ["agents:publish"]}
    is_problem(await lesser.post("/v1/keys", json=body), 403, "forbidden")
    is_problem(await client.delete(f"/v1/keys/{uuid4()}"), 404)


async def test_the_server_says_what_it_is(anonymous: Client) -> None:
    assert (await anonymous.get("/healthz")).json() == {"status": "ok"}
    ready = await anonymous.get("/readyz")
    assert ready.status_code == 200
    assert ready.json()["status"] == "degraded"
    assert (ready.json()["database"], ready.json()["migrations"]) == ("ok", "ok")
    assert (await anonymous.get("/version")).json()["language"] == "graph/v1"

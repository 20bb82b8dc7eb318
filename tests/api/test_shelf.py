"""Versions taken off the shelf, planning for readers, and a project read back, over HTTP."""

from __future__ import annotations

from tests.api.conftest import WORKSPACE, Client, ClientMaker

from girih.db.tenancy import OrgScope

CHANGED = {"hello.yaml": WORKSPACE["hello.yaml"].replace("inputs.question }", "inputs.question }!")}
RUN = {"agent": "hello@1.0.0", "inputs": {"question": "Hi"}}
OLD = {"reason": "it is — slow", "replaced_by": "hello@1.0.1"}


async def test_a_run_of_a_deprecated_version_says_so(published: Client) -> None:
    assert (await published.post("/v1/workspace/apply", json={"files": CHANGED})).is_success
    plain = await published.post("/v1/runs", json=RUN)
    assert "deprecation" not in plain.headers and plain.json()["notice"] is None
    marked = await published.post("/v1/agents/hello/versions/1.0.0/deprecate", json=OLD)
    assert (marked.status_code, marked.json()["mark"]) == (200, "deprecated")
    told = await published.post("/v1/runs", json=RUN)
    assert told.status_code == 201
    assert told.headers["girih-notice"] == "hello@1.0.0 is deprecated: it is ? slow; use hello@1.0.1 instead"
    assert told.headers["deprecation"].startswith("@1")
    assert told.json()["notice"]["reason"] == "it is — slow"
    assert (await published.get(told.headers["location"])).json()["notice"] is None
    stream = await published.post("/v1/runs/stream", json=RUN)
    assert stream.headers["girih-notice"] == told.headers["girih-notice"]
    marks = (await published.get("/v1/agents/hello/versions/1.0.0/marks")).json()["items"]
    assert [(one["mark"], one["replaced_by"]) for one in marks] == [("deprecated", "hello@1.0.1")]


async def test_who_may_only_read_may_plan(published: Client, client_for: ClientMaker, scope: OrgScope) -> None:
    reader = await client_for(scope, frozenset({"agents:read"}))
    for body in ({"files": CHANGED}, {"files": CHANGED, "dry_run": False}):
        planned = await reader.post("/v1/workspace/plan", json=body)
        assert [one["action"] for one in planned.json()["changes"]] == ["update"]
    assert (await reader.post("/v1/workspace/apply", json={"files": CHANGED, "dry_run": True})).status_code == 403
    assert len((await reader.get("/v1/agents/hello/versions")).json()["items"]) == 1, "nothing was published"


async def test_a_project_is_read_back(published: Client, client_for: ClientMaker, other_scope: OrgScope) -> None:
    read = (await published.get("/v1/workspace/files")).json()
    files = {one["path"]: one["source"] for one in read["things"]}
    assert files == {path: text for path, text in WORKSPACE.items() if "kind:" in text}
    assert all(one["by"].startswith("key:") for one in read["things"])
    plain = (await published.get("/v1/workspace/files", params={"texts": "false"})).json()
    assert {(one["source"], one["document"]) for one in plain["things"]} == {(None, None)}
    stranger = await client_for(other_scope)
    assert (await stranger.get("/v1/workspace/files")).json()["things"] == []


async def test_it_is_told_and_written_down(published: Client) -> None:
    assert (await published.post("/v1/workspace/apply", json={"files": CHANGED})).is_success
    for action in ("yank", "restore"):
        done = await published.post(f"/v1/agents/hello/versions/1.0.1/{action}", json={"reason": "see ticket 7"})
        assert done.is_success, done.text
    told = (await published.get("/v1/events", params={"type": "agent.version.yanked"})).json()["items"]
    assert [(one["data"]["agent"], one["data"]["version"], one["data"]["reason"]) for one in told] == [
        ("hello", "1.0.1", "see ticket 7")
    ]
    written = (await published.get("/v1/audit", params={"target": "hello@1.0.1"})).json()["items"]
    assert [one["action"] for one in written] == ["version.restored", "version.yanked"]

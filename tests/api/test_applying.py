"""Applying over the API: pruning, what a change means, two people at once, and places of refusals."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest
from tests.api.conftest import Client, ClientMaker, is_problem, upload

from girih.db.tenancy import OrgScope
from girih.services.identity.schemas import PERMISSIONS

MODEL = "kind: model/v1\nname: swift\nprovider: demo\n{}"
PRICED = "price: {{ input_per_million: {}, output_per_million: 2 }}\nparams: {{ max_tokens: 100 }}\n"
DESK = """\
kind: graph/v1
name: desk
inputs: { question: string }
use: { model: "model://swift" }
nodes:
  think: { llm: model, prompt: "${ inputs.question }", next: check }
  check: { ask: { message: Fine? }, next: $end }
outputs: { text: "${ think.text }" }
"""
CALLER = """\
kind: graph/v1
name: hall
inputs: { question: string }
use: { inner: "graph://desk" }
nodes:
  go: { graph: inner, with: { question: "${ inputs.question }" }, next: $end }
outputs: { text: "${ go.text }" }
"""
PIPE = "kind: pipeline/v1\nname: slow-way\nembedder: hashing\n"
SHELF = "kind: collection/v1\nname: shelf\ndescription: Books\nembedder: hashing\n{}"
ALL = {
    "models/swift.yaml": MODEL.format(PRICED.format(1)),
    "graphs/desk.yaml": DESK,
    "graphs/hall.yaml": CALLER,
    "pipes/slow.yaml": PIPE,
    "shelf.yaml": SHELF.format(""),
}

Json = dict[str, Any]


async def apply(client: Client, files: dict[str, str], **more: object) -> Json:
    answer = await client.post("/v1/workspace/apply", json={"files": files, **more})
    assert answer.status_code == 200, answer.text
    found: Json = answer.json()
    return found


async def refused(client: Client, files: dict[str, str], status: int = 409, **more: object) -> Json:
    return is_problem(await client.post("/v1/workspace/apply", json={"files": files, **more}), status)


def without(*paths: str) -> dict[str, str]:
    return {path: text for path, text in ALL.items() if path not in paths}


def done(out: Json) -> dict[str, str]:
    return {change["name"]: change["action"] for change in out["changes"]}


def places(problem: Json) -> list[tuple[str, int, int]]:
    return [(one["file"], one["line"], one["column"]) for one in problem.get("diagnostics", [])]


async def names(client: Client) -> list[str]:
    return [agent["name"] for agent in (await client.get("/v1/agents")).json()["items"]]


async def test_only_with_prune_does_anything_go_and_it_comes_back(client: Client) -> None:
    await apply(client, ALL)
    fewer = without("graphs/hall.yaml", "pipes/slow.yaml", "shelf.yaml")
    assert set(done(await apply(client, fewer)).values()) == {"unchanged"}
    planned = await apply(client, fewer, prune=True, dry_run=True)
    gone = {"hall": "delete", "shelf": "delete", "slow-way": "delete"}
    assert done(planned) == {"swift": "unchanged", "desk": "unchanged", **gone}
    assert await names(client) == ["desk", "hall"], "a dry run deletes nothing"
    assert done(await apply(client, fewer, prune=True, base=planned["base"])) == done(planned)
    assert set(done(await apply(client, fewer, prune=True)).values()) == {"unchanged"}
    assert await names(client) == ["desk"]
    is_problem(await client.get("/v1/agents/hall"), 404)
    is_problem(await client.get("/v1/agents/hall/versions"), 404)
    is_problem(await client.post("/v1/runs", json={"agent": "hall@prod", "inputs": {"question": "?"}}), 404)
    is_problem(await client.get("/v1/collections/shelf"), 404)
    assert [one["name"] for one in (await client.get("/v1/pipelines")).json()["items"]] == []
    back = await apply(client, {**ALL, "graphs/hall.yaml": CALLER.replace("text: ", "said: ")})
    assert done(back) == {**dict.fromkeys(("hall", "slow-way"), "restore"), "shelf": "create"} | {
        "swift": "unchanged",
        "desk": "unchanged",
    }
    versions = (await client.get("/v1/agents/hall/versions")).json()["items"]
    assert [(one["version"], one["number"]) for one in versions] == [("2.0.0", 2), ("1.0.0", 1)]


async def until(client: Client, run: str, status: str) -> None:
    while (await client.get(f"/v1/runs/{run}")).json()["status"] != status:
        await asyncio.sleep(0.02)


async def test_runs_of_an_agent_that_was_pruned_end_on_their_version_and_no_more_begin(client: Client) -> None:
    await apply(client, ALL)
    asked = {"agent": "hall@prod", "inputs": {"question": "?"}}
    run = (await client.post("/v1/runs", json=asked)).json()["id"]
    await until(client, run, "interrupted")
    planned = await apply(client, without("graphs/hall.yaml"), prune=True, dry_run=True)
    (gone,) = (one for one in planned["changes"] if one["action"] == "delete")
    assert gone["effects"]["runs"] == [{"version": "1.0.0", "status": "interrupted", "count": 1}]
    await apply(client, without("graphs/hall.yaml"), prune=True)
    is_problem(await client.post("/v1/runs", json=asked), 404)
    (question,) = (await client.get(f"/v1/runs/{run}/interrupts")).json()["items"]
    answer = await client.post(f"/v1/interrupts/{question['id']}/answer", json={"answer": {"answer": "yes"}})
    assert answer.is_success, answer.text
    await until(client, run, "succeeded")


async def test_what_the_workspace_refers_to_stays_and_both_are_named(client: Client) -> None:
    await apply(client, ALL)
    problem = await refused(client, without("models/swift.yaml", "graphs/desk.yaml"), prune=True)
    assert "graph `desk` would be deleted, and graphs/hall.yaml refers to it" in problem["detail"]
    assert ("graphs/hall.yaml", 4, 15) in places(problem)
    assert await names(client) == ["desk", "hall"]
    piped = {**ALL, "shelf.yaml": SHELF.replace("embedder: hashing", "pipeline: pipeline://slow-way").format("")}
    await apply(client, piped)
    problem = await refused(client, {k: v for k, v in piped.items() if k != "pipes/slow.yaml"}, prune=True)
    assert places(problem) == [("shelf.yaml", 4, 11)]


async def test_what_an_alias_leads_to_and_runs_began_with_stays(client: Client) -> None:
    await apply(client, {**ALL})
    silent = DESK.replace('use: { model: "model://swift" }\n', "").replace("llm: model, prompt", "set: { text: hm }, #")
    silent = silent.replace('#: "${ inputs.question }", ', "")
    now = {"graphs/desk.yaml": silent}
    problem = await refused(client, now, prune=True)
    assert "model `swift` would be deleted, and desk@1.0.0 refers to it, which `prod` leads to" in problem["detail"]
    assert places(problem) == [("graphs/desk.yaml", 4, 15)]
    waiting = (await client.post("/v1/runs", json={"agent": "desk", "inputs": {"question": "?"}})).json()
    await apply(client, now)
    await client.put("/v1/agents/desk/aliases/prod", json={"version": "latest"})
    problem = await refused(client, now, prune=True)
    assert "with which runs began that have not ended" in problem["detail"]
    await client.post(f"/v1/runs/{waiting['id']}/cancel")
    out = await apply(client, now, prune=True)
    assert done(out)["swift"] == "delete"


async def test_collections_with_documents_need_a_word_and_a_permission_more(
    client: Client, client_for: ClientMaker, scope: OrgScope
) -> None:
    await apply(client, ALL)
    assert (await client.post("/v1/collections/shelf/documents", files=upload("Once"))).is_success
    fewer = without("shelf.yaml")
    problem = await refused(client, fewer, prune=True)
    assert "collection `shelf` would be deleted, and it holds 1 document" in problem["detail"]
    assert "--prune-data" in problem["help"]
    await refused(client, fewer, 422, prune_data=True)
    publisher = await client_for(scope, PERMISSIONS - {"knowledge:write"})
    await refused(publisher, fewer, 403, prune=True, prune_data=True)
    assert done(await apply(client, fewer, prune=True, prune_data=True))["shelf"] == "delete"
    is_problem(await client.get("/v1/collections/shelf"), 404)


async def test_what_the_clock_starts_stays(client: Client) -> None:
    await apply(client, ALL)
    run = {"agent": "hall@prod", "inputs": {"question": "?"}}
    made = await client.post("/v1/schedules", json={"name": "nightly", "cron": "0 3 * * *", "run": run})
    assert made.status_code == 201, made.text
    problem = await refused(client, without("graphs/hall.yaml"), prune=True)
    assert problem["detail"].startswith("graph `hall` would be deleted, and the schedule `nightly` starts it")


async def test_a_plan_tells_what_goes_on_and_what_it_costs(client: Client) -> None:
    await apply(client, ALL)
    thread = (await client.post("/v1/threads", json={})).json()
    begun = {"agent": "desk", "inputs": {"question": "?"}, "thread_id": thread["id"]}
    run = (await client.post("/v1/runs", json=begun)).json()
    await until(client, run["id"], "interrupted")
    run = {"agent": "desk@prod", "inputs": {"question": "?"}}
    await client.post("/v1/schedules", json={"name": "hourly", "cron": "0 * * * *", "run": run})
    assert (await client.post("/v1/collections/shelf/documents", files=upload("Once"))).is_success
    files = {
        "models/swift.yaml": MODEL.format(PRICED.format(3)),
        "graphs/desk.yaml": DESK.replace("question: string", "question: string, tier: string"),
        "shelf.yaml": SHELF.format("chunk: { size: 100, overlap: 10 }\n"),
    }
    out = await apply(client, files, dry_run=True)
    found = {change["name"]: change["effects"] for change in out["changes"]}
    assert found["swift"] is None
    assert found["shelf"]["documents"] == 1
    desk = found["desk"]
    assert desk["runs"] == [{"version": "1.0.0", "status": "interrupted", "count": 1}]
    assert (desk["threads"], desk["schedules"]) == (1, ["hourly"])
    assert desk["aliases"] == {"latest": "2.0.0", "prod": "1.0.0"}
    (caller,) = desk["callers"]
    assert (caller["name"], caller["version"], caller["calls"]) == ("hall", "1.0.0", "1.0.0")
    assert caller["breaks"] == ["input 'tier' is new and required"]
    cost = {"model_nodes": 1, "max_tokens": 100}
    assert desk["cost_before"] == {"models": {"swift": {"input": 1, "output": 2}}, **cost}
    assert desk["cost_after"] == {"models": {"swift": {"input": 3, "output": 2}}, **cost}
    along = CALLER.replace('{ question: "${ inputs.question }" }', '{ question: "${ inputs.question }", tier: a }')
    both = await apply(client, {**files, "graphs/hall.yaml": along}, dry_run=True)
    assert {one["name"]: one["effects"] for one in both["changes"]}["desk"]["callers"] == [], "it comes along"


async def test_of_two_at_once_one_wins_and_the_other_is_shown_what_changes_now(client: Client) -> None:
    await apply(client, ALL)
    base = (await client.get("/v1/workspace")).json()["base"]
    texts = [DESK.replace("Fine?", word) for word in ("Good?", "Well?")]
    bodies = [{"files": {**ALL, "graphs/desk.yaml": text}, "base": base} for text in texts]
    answers = await asyncio.gather(*(client.post("/v1/workspace/apply", json=body) for body in bodies))
    first, second = sorted(answers, key=lambda answer: answer.status_code)
    assert first.status_code == 200
    assert done(first.json())["desk"] == "update"
    problem = is_problem(second, 409, "conflict")
    fresh: Any = problem["details"]
    assert fresh["base"] == fresh["plan"]["base"] == first.json()["standing"]
    assert {one["name"]: (one["action"], one["previous"]) for one in fresh["plan"]["changes"]}["desk"] == (
        "update",
        "1.0.1",
    )
    assert len((await client.get("/v1/agents/desk/versions")).json()["items"]) == 2


async def test_the_standing_has_an_etag(client: Client) -> None:
    dry = await client.post("/v1/workspace/apply", json={"files": ALL, "dry_run": True})
    looked = await client.get("/v1/workspace")
    tag = looked.headers["etag"]
    assert tag == dry.headers["etag"] == f'"{looked.json()["base"]}"'
    first = await client.post("/v1/workspace/apply", json={"files": ALL}, headers={"if-match": tag})
    assert first.status_code == 200
    assert first.headers["etag"] == (await client.get("/v1/workspace")).headers["etag"] != tag
    late = await client.post("/v1/workspace/apply", json={"files": ALL}, headers={"if-match": tag})
    is_problem(late, 412, "precondition_failed")
    assert late.json()["details"]["plan"]["base"] == first.json()["standing"]
    anything = await client.post("/v1/workspace/apply", json={"files": ALL}, headers={"if-match": "*"})
    assert anything.status_code == 200
    for wrong in ('W/"a"', "a", '"a", "b"'):
        answer = await client.post("/v1/workspace/apply", json={"files": ALL}, headers={"if-match": wrong})
        is_problem(answer, 422)
    both = await client.post("/v1/workspace/apply", json={"files": ALL, "base": "x"}, headers={"if-match": tag})
    is_problem(both, 422)


NUMBERED = PIPE + "version: '{}'\nsplitter: {{ size: {} }}\n"
NOWHERE = PIPE + "store: { type: qdrant, endpoint: nowhere }\n"
REFUSALS = {
    "a taken version": (
        [{"p.yaml": NUMBERED.format("1.0.0", 200)}, {"p.yaml": NUMBERED.format("1.0.0", 300)}],
        "p.yaml",
        4,
    ),
    "an earlier version": (
        [{"p.yaml": NUMBERED.format("1.2.0", 200)}, {"p.yaml": NUMBERED.format("1.1.0", 300)}],
        "p.yaml",
        4,
    ),
    "a store that is not bound": (
        [{"p.yaml": NOWHERE, "c.yaml": SHELF.replace("embedder: hashing", "pipeline: pipeline://slow-way").format("")}],
        "c.yaml",
        4,
    ),
    "an embedder without a key": ([{"c.yaml": SHELF.replace("hashing", "openai").format("")}], "c.yaml", 4),
    "a name that is taken twice": ([{"a.yaml": PIPE, "b.yaml": PIPE}], "b.yaml", 2),
    "a text that is none": ([{"graphs/a.yaml": "kind: graph/v1\nname: \0"}], "graphs/a.yaml", 2),
    "a missing reference": ([{"h.yaml": CALLER}], "h.yaml", 4),
}


@pytest.mark.parametrize("which", REFUSALS)
async def test_every_refusal_names_the_file_and_the_line(client: Client, which: str) -> None:
    steps, file, line = REFUSALS[which]
    for files in steps[:-1]:
        await apply(client, files)
    answer = await client.post("/v1/workspace/apply", json={"files": steps[-1]})
    assert answer.status_code in (409, 413, 422), answer.text
    problem = is_problem(answer, answer.status_code)
    assert (file, line) in {place[:2] for place in places(problem)}, problem

"""A run through the door that guards, computes, remembers, recalls and caches: all with what a server really has."""

from __future__ import annotations

from typing import Any

from tests.api.conftest import Client

DIARY = """\
kind: graph/v1
name: diary
inputs: { note: string, numbers: [ integer ] }
nodes:
  clean:
    guard: "${ inputs.note }"
    checks: { pii: { kinds: [ email ], action: mask } }
    next: add
  add:
    code: |
      { "total": sum(numbers) }
    with: { numbers: "${ inputs.numbers }" }
    returns: { total: integer }
    cache: 10m
    next: keep
  keep: { remember: "${ clean.text }", data: { total: "${ add.total }" }, next: find }
  find: { recall: "${ clean.text }", top_k: 1, next: $end }
outputs:
  found: "${ find.items }"
"""


async def run(client: Client, **more: Any) -> dict[str, Any]:
    body = {"agent": "diary", "inputs": {"note": "Write to ada@example.com", "numbers": [1, 2, 3]}, **more}
    answer = await client.post("/v1/runs", json=body)
    assert answer.status_code in (200, 201, 202), answer.text
    run_id = answer.json()["id"]
    await client.get(f"/v1/runs/{run_id}/events")
    done: dict[str, Any] = (await client.get(f"/v1/runs/{run_id}")).json()
    return done


async def test_a_run_with_all_of_them(client: Client) -> None:
    applied = await client.post("/v1/workspace/apply", json={"files": {"diary.yaml": DIARY}})
    assert applied.status_code == 200, applied.text
    for _ in range(2):
        done = await run(client, user="ada")
        assert done["status"] == "succeeded", done["error"]
        (found,) = done["outputs"]["found"]
        assert (found["text"], found["data"]) == ("Write to [email]", {"total": 6})
    kept = (await client.get("/v1/memories", params={"user": "ada"})).json()["items"]
    assert [(item["text"], item["key"]) for item in kept] == [("Write to [email]", None)] * 2
    assert (await client.delete("/v1/memories", params={"user": "ada"})).json() == {"deleted": 2}


async def test_a_run_without_a_user_has_no_users_memory(client: Client) -> None:
    await client.post("/v1/workspace/apply", json={"files": {"diary.yaml": DIARY}})
    done = await run(client)
    assert (done["status"], done["error"]["kind"], done["error"]["node"]) == ("failed", "refused", "keep")
    assert "scope: project" in done["error"]["help"]

"""Secrets over the API: set and listed, and never shown."""

from __future__ import annotations

import pytest
from fastapi import FastAPI
from tests.api.conftest import Client, ClientMaker, is_problem

from girih.db.tenancy import OrgScope

TOOL = """\
kind: tool/v1
name: crm.lookup
description: Looks a customer up.
http: { endpoint: crm, path: /customers, auth: { bearer: "secret://crm.key" } }
parameters: {}
returns: { name: string }
"""


async def test_a_secret_is_set_listed_replaced_and_deleted(client: Client) -> None:
    made = await client.put("/v1/secrets/crm.key", json={"value": "canary-1"})
    assert made.status_code == 200 and made.json()["version"] == 1
    assert (await client.post("/v1/workspace/apply", json={"files": {"crm.yaml": TOOL}})).is_success
    again = await client.put("/v1/secrets/crm.key", json={"value": "canary-2"})
    assert (again.json()["version"], again.json()["used_by"]) == (2, [{"kind": "tool", "name": "crm.lookup"}])
    listed = await client.get("/v1/secrets")
    assert [one["name"] for one in listed.json()["items"]] == ["crm.key"]
    assert "canary" not in made.text + again.text + listed.text
    refused = is_problem(await client.delete("/v1/secrets/crm.key"), 409)
    assert "crm.lookup" in refused["detail"]
    assert (await client.delete("/v1/secrets/crm.key", params={"force": True})).status_code == 204
    is_problem(await client.delete("/v1/secrets/crm.key"), 404)


@pytest.mark.parametrize(
    ("name", "body"),
    [
        ("crm.key", {"value": ""}),
        ("crm.key", {"value": {"canary": "canary"}}),
        ("crm.key", {"value": "canary", "more": "canary"}),
        ("crm.key", {"canary": "canary"}),
        ("crm.key", {"value": "canary" * 20_000}),
        ("Crm", {"value": "canary"}),
    ],
)
async def test_a_refusal_does_not_repeat_the_value(client: Client, name: str, body: dict[str, object]) -> None:
    refused = await client.put(f"/v1/secrets/{name}", json=body)
    is_problem(refused, 422)
    assert refused.text.count("canary") == ("canary" in body)  # the name of an unknown field is said


async def test_reading_and_writing_are_permissions_of_their_own(
    app: FastAPI, client_for: ClientMaker, scope: OrgScope
) -> None:
    reader = await client_for(scope, frozenset({"secrets:read"}))
    writer = await client_for(scope, frozenset({"secrets:write"}))
    assert (await writer.put("/v1/secrets/crm.key", json={"value": "x"})).is_success
    assert (await reader.get("/v1/secrets")).is_success
    is_problem(await writer.get("/v1/secrets"), 403)
    is_problem(await reader.put("/v1/secrets/crm.key", json={"value": "x"}), 403)
    is_problem(await reader.delete("/v1/secrets/crm.key"), 403)


async def test_a_secret_is_for_the_hosts_that_it_was_set_with(client: Client) -> None:
    away = TOOL.replace("endpoint: crm", 'url: "https://api.example.com/v1"')
    assert (await client.put("/v1/secrets/crm.key", json={"value": "canary"})).json()["hosts"] == []
    for files in ({"crm.yaml": away}, {"crm.yaml": away.replace("bearer: ", "header: X-Key, value: ")}):
        refused = is_problem(await client.post("/v1/workspace/apply", json={"files": files}), 409)
        assert "crm.lookup" in refused["detail"] and "is for no host" in refused["detail"]
        assert refused["details"]["missing"] == "host" and "--host api.example.com" in refused["help"]
        assert "canary" not in str(refused)
    plan = is_problem(
        await client.post("/v1/workspace/apply", json={"files": {"crm.yaml": away}, "dry_run": True}), 409
    )
    assert [(one["file"], one["line"]) for one in plan["diagnostics"]] == [("crm.yaml", 4)]
    bound = await client.put("/v1/secrets/crm.key", json={"value": "canary", "hosts": ["*.example.com"]})
    assert bound.json()["hosts"] == ["*.example.com"]
    assert (await client.post("/v1/workspace/apply", json={"files": {"crm.yaml": away}})).is_success
    elsewhere = away.replace("api.example.com", "api.example.net")
    refused = is_problem(await client.post("/v1/workspace/apply", json={"files": {"crm.yaml": elsewhere}}), 409)
    assert "is for *.example.com, and is not sent to api.example.net" in refused["detail"]


@pytest.mark.parametrize("hosts", [["https://a.example"], ["*"], ["a.example"] * 21, "a.example", [1]])
async def test_what_is_no_list_of_hosts_is_refused(client: Client, hosts: object) -> None:
    is_problem(await client.put("/v1/secrets/crm.key", json={"value": "canary", "hosts": hosts}), 422)


async def test_a_model_is_bound_where_its_key_may_go(client: Client) -> None:
    body = {"provider": "openai", "url": "https://api.example.com/v1", "model": "m", "secret": "secret://m.key"}
    await client.put("/v1/secrets/m.key", json={"value": "canary", "hosts": ["api.example.net"]})
    refused = is_problem(await client.put("/v1/models/default/binding", json=body), 403)
    assert "is for api.example.net" in refused["detail"]
    await client.put("/v1/secrets/m.key", json={"value": "canary", "hosts": ["api.example.com"]})
    assert (await client.put("/v1/models/default/binding", json=body)).is_success

"""What keys are limited to: permissions by name, projects, networks, a rate of their own; and never beyond their maker."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import AsyncExitStack
from pathlib import Path
from typing import Any

import httpx
import pytest
from fastapi import FastAPI
from tests.api.conftest import Client, client_of, is_problem, settings_for

from girih.api.app import create_app
from girih.db.tenancy import OrgScope
from girih.services.identity.key_scopes import SCOPES, is_of_all_agents
from girih.services.identity.keys import read_key
from girih.services.identity.roles import POLICY
from girih.services.identity.schemas import PERMISSIONS
from girih.wiring.server import Girih, open_girih

LIMITS: dict[str, Any] = {
    "agents": ["a*", "b"],
    "networks": ["192.0.2.0/24"],
    "requests_per_minute": 1000,
    "runs_at_once": 10,
    "expires_in_days": 10,
}


async def made(client: Client, **asked: Any) -> httpx.Response:
    return await client.post("/v1/keys", json={"name": "k", **asked})


@pytest.mark.parametrize("scope", SCOPES)
def test_scopes_are_made_of_permissions(scope: Any) -> None:
    assert SCOPES[scope] and SCOPES[scope] <= PERMISSIONS
    assert SCOPES[scope] <= POLICY["owner"]


async def test_a_key_is_made_with_scopes(client: Client) -> None:
    key = (await made(client, scopes=["run", "publish"], permissions=["usage:read"])).json()
    assert set(key["permissions"]) == SCOPES["run"] | SCOPES["publish"] | {"usage:read"}
    of_agents = (await made(client, scopes=["read"], agents=["a*", "a*"])).json()
    assert of_agents["agents"] == ["a*"]
    assert set(of_agents["permissions"]) == {one for one in SCOPES["read"] if not is_of_all_agents(one)}
    is_problem(await made(client, scopes=["everything"]), 422)
    is_problem(await made(client), 422, "invalid_input")


@pytest.mark.parametrize(
    "asked",
    [
        {"agents": ["*"]},
        {"agents": ["a*b"]},
        {"agents": ["^a$"]},
        {"agents": ["a|b"]},
        {"agents": ["(a"]},
        {"agents": ["a"], "permissions": ["events:read"]},
        {"networks": ["somewhere"]},
        {"networks": ["192.0.2.0/33"]},
        {"runs_at_once": 0},
        {"agents": ["a"] * 51},
    ],
)
async def test_what_cannot_be_meant_is_refused(client: Client, asked: dict[str, Any]) -> None:
    is_problem(await made(client, **{"permissions": ["agents:read"], **asked}), 422)


async def test_nobody_gives_more_than_he_has(client: Client, app: FastAPI, girih: Girih, scope: OrgScope) -> None:
    permissions = ["agents:read", "runs:read", "keys:manage"]
    # What it is limited to by network could not be used by these tests, so the maker has none.
    own = {name: one for name, one in LIMITS.items() if name != "networks"}
    maker = client_of(app, (await made(client, permissions=permissions, **own)).json()["key"])
    inherited = (await made(maker, permissions=["runs:read"])).json()
    assert {name: inherited[name] for name in ("agents", "requests_per_minute", "runs_at_once")} == {
        "agents": ["a*", "b"],
        "requests_per_minute": 1000,
        "runs_at_once": 10,
    }
    mine = (await client.get("/v1/keys")).json()["items"]
    assert inherited["expires_at"] <= max(one["expires_at"] for one in mine if one["name"] == "k")
    narrower = {"agents": ["ab", "a-c*"], "networks": ["192.0.2.1"], "runs_at_once": 1, "expires_in_days": 1}
    assert (await made(maker, permissions=["runs:read"], **narrower)).status_code == 201
    for beyond in (
        {"permissions": ["runs:create"]},
        {"agents": ["a*", "c"]},
        {"agents": ["b*"]},
        {"requests_per_minute": 1001},
        {"runs_at_once": 11},
        {"expires_in_days": 11},
        {"projects": ["another"]},
        {"project": "another"},
    ):
        answer = await made(maker, **{"permissions": ["runs:read"], **beyond})
        assert answer.status_code in (403, 404), (beyond, answer.text)


async def test_a_limited_key_knows_of_no_others(client: Client, app: FastAPI) -> None:
    limited = (await made(client, permissions=["keys:manage"], agents=["a*"])).json()
    others = [(await made(client, permissions=["keys:manage"], **one)).json() for one in ({}, {"agents": ["b"]})]
    narrower = (await made(client, permissions=["keys:manage"], agents=["ab"])).json()
    maker = client_of(app, limited["key"])
    seen = {one["id"] for one in (await maker.get("/v1/keys")).json()["items"]}
    assert seen == {limited["id"], narrower["id"]}
    for other in others:
        is_problem(await maker.post(f"/v1/keys/{other['id']}/rotate", json={}), 404, "not_found")
        is_problem(await maker.delete(f"/v1/keys/{other['id']}"), 404, "not_found")
    turned = await maker.post(f"/v1/keys/{narrower['id']}/rotate", json={})
    assert turned.json()["agents"] == ["ab"]
    assert (await maker.delete(f"/v1/keys/{narrower['id']}")).status_code == 204


async def test_a_key_is_for_several_projects(client: Client, app: FastAPI) -> None:
    for name in ("attic", "cellar"):
        assert (await client.post("/v1/projects", json={"name": name})).status_code == 201
    key = (await made(client, permissions=["threads:write", "threads:read", "keys:manage"], projects=["attic"])).json()
    assert key["projects"] == ["attic"]
    holder = client_of(app, key["key"])
    above = {"girih-project": "attic"}
    thread = (await holder.post("/v1/threads", json={}, headers=above)).json()["id"]
    assert (await holder.get(f"/v1/threads/{thread}", headers=above)).status_code == 200
    is_problem(await holder.get(f"/v1/threads/{thread}"), 404)
    for elsewhere in ("cellar", "nowhere"):
        is_problem(await holder.get(f"/v1/threads/{thread}", headers={"girih-project": elsewhere}), 404, "not_found")
        is_problem(
            await made(holder, permissions=["threads:read"], projects=[elsewhere]),
            404 if elsewhere == "nowhere" else 403,
        )
    handed_on = await made(holder, permissions=["threads:read"], projects=["attic"])
    assert handed_on.json()["projects"] == ["attic"]
    turned = await client.post(f"/v1/keys/{key['id']}/rotate", json={})
    assert turned.json()["projects"] == ["attic"]


@pytest.fixture
async def strict(database_url: str, tmp_path: Path) -> AsyncIterator[Girih]:
    async with AsyncExitStack() as stack:
        settings = settings_for(database_url, tmp_path, key_lifetime_days=30, request_burst=1)
        yield await stack.enter_async_context(open_girih(settings))


def from_address(app: FastAPI, key: str, address: str) -> Client:
    """A client that comes from an address."""
    transport = httpx.ASGITransport(app, client=(address, 1234))
    return Client(transport=transport, base_url="http://girih.test", headers={"authorization": f"Bearer {key}"})


async def test_a_key_comes_from_its_networks_only(client: Client, app: FastAPI) -> None:
    key = (await made(client, permissions=["agents:read"], networks=["192.0.2.7/24", "2001:db8::/32"])).json()
    assert key["networks"] == ["192.0.2.0/24", "2001:db8::/32"]
    for address, status in (
        ("192.0.2.200", 200),
        ("::ffff:192.0.2.1", 200),
        ("2001:db8::1", 200),
        ("192.0.3.1", 401),
        ("2001:db9::1", 401),
        ("no address", 401),
    ):
        for path in ("/v1/agents", "/langgraph/info", "/openai/v1/models"):
            answer = await from_address(app, key["key"], address).get(path)
            assert answer.status_code == status or (path == "/langgraph/info" and status == 401), (address, path)
    refused = is_problem(await from_address(app, key["key"], "192.0.3.1").get("/v1/agents"), 401)
    unknown = is_problem(await client_of(app, key["key"][:-1] + "0").get("/v1/agents"), 401)
    assert refused["detail"] == unknown["detail"], "the same words, whatever is wrong with it"


async def test_a_key_has_a_rate_of_its_own(strict: Girih, scope: OrgScope) -> None:
    app = create_app(strict)
    maker = client_of(app, (await strict.identity.create_key(scope, "m", PERMISSIONS)).key)
    slow = client_of(app, (await made(maker, permissions=["agents:read"], requests_per_minute=2)).json()["key"])
    assert [(await slow.get("/v1/agents")).status_code for _ in range(3)] == [200, 200, 429]
    assert (await maker.get("/v1/agents")).status_code == 200


async def test_keys_hold_no_longer_than_an_operator_allows(strict: Girih, scope: OrgScope) -> None:
    app = create_app(strict)
    maker = client_of(app, (await strict.identity.create_key(scope, "m", PERMISSIONS)).key)
    short = (await made(maker, permissions=["agents:read"])).json()
    assert short["expires_at"] is not None
    is_problem(await made(maker, permissions=["agents:read"], expires_in_days=31), 422, "invalid_input")


async def test_a_key_with_a_wrong_sum_is_refused_without_a_look(
    app: FastAPI, girih: Girih, monkeypatch: pytest.MonkeyPatch, scope: OrgScope
) -> None:
    key = (await girih.identity.create_key(scope, "k", ["agents:read"])).key
    assert read_key(key) is not None and key.startswith("girih_live_")

    def look(*_: object, **__: object) -> None:
        raise AssertionError("the database was asked")

    monkeypatch.setattr(girih.identity._uow, "reading_for", look)
    wrong = key[:-1] + ("0" if key[-1] != "0" else "1")
    is_problem(await client_of(app, wrong).get("/v1/agents"), 401, "unauthorized")

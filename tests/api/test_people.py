"""People over HTTP: invited by a key, signed in, calling with their access tokens, and refused in words."""

from __future__ import annotations

from collections.abc import AsyncIterator
from dataclasses import dataclass
from pathlib import Path

import pytest
from fastapi import FastAPI
from joserfc import jwt
from joserfc.jwk import KeySet
from tests.api.conftest import Client, client_of, is_problem, settings_for
from tests.api.serving import served
from tests.services.identity.people import PASSWORD
from websockets.asyncio.client import connect
from websockets.exceptions import InvalidStatus

from girih.api.app import create_app
from girih.api.ws import KEY, PROTOCOL
from girih.db.base import new_id
from girih.db.tenancy import OrgScope
from girih.errors import InvalidInput
from girih.services.identity.schemas import PERMISSIONS
from girih.wiring.server import open_girih


@dataclass
class Place:
    """An app that people can sign in to, and the key of an organization."""

    app: FastAPI
    client: Client

    async def join(self, role: str = "owner", email: str = "") -> dict[str, str]:
        """Somebody new in the organization; gives his tokens."""
        email = email or f"{new_id()}@example.com"
        invited = await self.client.post("/v1/invitations", json={"email": email, "role": role})
        assert invited.status_code == 201, invited.text
        body = {"token": invited.json()["token"], "name": "Ann", "password": PASSWORD}
        made = await client_of(self.app, None).post("/v1/auth/accept", json=body)
        assert made.status_code == 201, made.text
        tokens: dict[str, str] = made.json()
        return tokens

    def as_person(self, tokens: dict[str, str]) -> Client:
        """The person's own client."""
        return client_of(self.app, tokens["access_token"])


@pytest.fixture
async def place(database_url: str, tmp_path: Path, scope: OrgScope) -> AsyncIterator[Place]:
    settings = settings_for(database_url, tmp_path, public_url="https://girih.test")
    async with open_girih(settings) as girih:
        app = create_app(girih)
        key = await girih.identity.create_key(scope, "test", PERMISSIONS)
        yield Place(app, client_of(app, key.key))


async def test_a_person_calls_with_an_access_token(place: Place, scope: OrgScope) -> None:
    email = f"{new_id()}@example.com"
    await place.join("viewer", email)
    signed = await client_of(place.app, None).post("/v1/auth/sign-in", json={"email": email, "password": PASSWORD})
    assert (signed.status_code, signed.json()["token_type"], signed.json()["expires_in"]) == (200, "Bearer", 900)
    person = place.as_person(signed.json())
    assert (await person.get("/v1/agents")).json()["items"] == []
    refused = await person.post("/v1/workspace/apply", json={"files": {}})
    is_problem(refused, 403, "forbidden")
    account = (await person.get("/v1/account")).json()
    assert (account["email"], account["places"][0]["project"]) == (email, "main")
    away = await person.get("/v1/agents", headers={"Girih-Organization": str(new_id())})
    is_problem(away, 404, "not_found")
    assert (await person.get("/v1/agents", headers={"Girih-Organization": str(scope.org_id)})).status_code == 200


async def test_sessions_over_http(place: Place) -> None:
    tokens = await place.join()
    person = place.as_person(tokens)
    refreshed = await client_of(place.app, None).post(
        "/v1/auth/refresh", json={"refresh_token": tokens["refresh_token"]}
    )
    assert refreshed.status_code == 200
    (session,) = (await person.get("/v1/account/sessions")).json()["items"]
    assert session["current"] is True
    assert (await person.post("/v1/auth/sign-out")).status_code == 204
    is_problem(await person.get("/v1/account"), 401, "unauthorized")
    is_problem(await place.client.get("/v1/account"), 401, "unauthorized")
    is_problem(await client_of(place.app, None).get("/v1/account"), 401, "unauthorized")


async def test_others_can_check_access_tokens(place: Place) -> None:
    tokens = await place.join()
    keys = (await client_of(place.app, None).get("/.well-known/jwks.json")).json()
    assert "d" not in keys["keys"][0]
    claims = jwt.decode(tokens["access_token"], KeySet.import_key_set(keys), algorithms=["ES256"]).claims
    assert (claims["iss"], claims["aud"]) == ("https://girih.test", "girih")


async def test_no_answer_repeats_a_password(place: Place) -> None:
    anonymous = client_of(place.app, None)
    for body in (
        {"email": "x@example.com", "password": ["canary-of-a-password"]},
        {"email": "x@example.com", "password": "canary-of-a-password", "more": 1},
        {"email": "no address", "password": "canary-of-a-password"},
    ):
        refused = await anonymous.post("/v1/auth/sign-in", json=body)
        assert refused.status_code in (401, 422)
        assert "canary" not in refused.text


async def test_members_and_roles_over_http(place: Place) -> None:
    await place.join()
    tokens = await place.join("viewer")
    person = place.as_person(tokens)
    me = (await person.get("/v1/account")).json()["id"]
    roles = {"roles": [{"role": "editor"}]}
    is_problem(await person.put(f"/v1/members/{me}/roles", json=roles), 403, "forbidden")
    assert (await place.client.put(f"/v1/members/{me}/roles", json=roles)).json()["roles"] == [
        {"role": "editor", "project": None, "unit": None}
    ]
    made = await place.client.put("/v1/roles/caller", json={"permissions": ["runs:create"]})
    assert made.json() == {"name": "caller", "permissions": ["runs:create"], "custom": True}
    assert "caller" in [role["name"] for role in (await place.client.get("/v1/roles")).json()["items"]]
    assert (await place.client.delete("/v1/roles/caller")).status_code == 204
    assert (await place.client.post(f"/v1/members/{me}/suspend")).status_code == 204
    is_problem(await person.get("/v1/agents"), 403, "forbidden")
    assert (await place.client.post(f"/v1/members/{me}/resume")).status_code == 204
    assert (await person.get("/v1/agents")).status_code == 200
    assert (await place.client.delete(f"/v1/members/{me}")).status_code == 204
    assert len((await place.client.get("/v1/members")).json()["items"]) == 1


async def test_nobody_signs_in_without_a_key_for_tokens(database_url: str, tmp_path: Path) -> None:
    async with open_girih(settings_for(database_url, tmp_path, token_key="")) as girih:
        anonymous = client_of(create_app(girih), None)
        body = {"email": "x@example.com", "password": PASSWORD}
        problem = is_problem(await anonymous.post("/v1/auth/sign-in", json=body), 409, "conflict")
        assert problem["help"] == "set GIRIH_TOKEN_KEY"
        is_problem(await anonymous.get("/.well-known/jwks.json"), 409, "conflict")
        is_problem(await client_of(create_app(girih), "a.b.c").get("/v1/agents"), 409, "conflict")


@pytest.mark.parametrize("key", ["no key at all", "-----BEGIN PRIVATE KEY-----\nxx\n-----END PRIVATE KEY-----"])
async def test_a_key_that_is_none_is_refused_at_the_start(database_url: str, tmp_path: Path, key: str) -> None:
    with pytest.raises(InvalidInput) as refused:
        async with open_girih(settings_for(database_url, tmp_path, token_key=key)):
            pass
    assert key not in str(refused.value)


async def test_a_persons_token_opens_a_websocket_too(place: Place) -> None:
    tokens = await place.join("viewer")
    path = f"/v1/runs/{new_id()}/ws"
    async with served(place.app, ws="auto") as url:
        for key, status in ((tokens["access_token"], 404), (tokens["access_token"] + "x", 401)):
            address, offered = url.replace("http://", "ws://") + path, [PROTOCOL, KEY + key]
            with pytest.raises(InvalidStatus) as refused:
                async with connect(address, subprotocols=offered):  # type: ignore[arg-type]
                    raise AssertionError("it was accepted")
            assert refused.value.response.status_code == status


async def test_a_key_to_another_project(place: Place, scope: OrgScope) -> None:
    made = await place.client.post("/v1/projects", json={"name": "cellar"})
    assert (made.status_code, made.json()["current"]) == (201, False)
    body = {"name": "ci", "permissions": ["agents:read", "members:read"], "project": "cellar"}
    key = (await place.client.post("/v1/keys", json=body)).json()["key"]
    listed = (await client_of(place.app, key).get("/v1/projects")).json()["items"]
    assert [(project["name"], project["current"]) for project in listed] == [("cellar", True), ("main", False)]
    is_problem(await place.client.post("/v1/keys", json={**body, "project": "attic"}), 404, "not_found")
    admin = place.as_person(await place.join("admin"))
    is_problem(await admin.post("/v1/keys", json=body), 422, "invalid_input")
    is_problem(await admin.post("/v1/keys", json=body, headers={"Girih-Project": "main"}), 403, "forbidden")

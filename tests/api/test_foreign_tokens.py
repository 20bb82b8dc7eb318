"""Tokens of other issuers, straight at the doors: whom they speak for, where, for how long, and every refusal."""

from __future__ import annotations

import asyncio
import json
import time
from collections.abc import AsyncIterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import httpx
import pytest
from fastapi import FastAPI
from tests.api.conftest import CURIOUS, HELLO, SHELF, Client, client_of, is_problem, settings_for, upload
from tests.api.serving import served
from tests.providers.oidc.issuing import CLIENT, Issuing, confused, issuing, rsa_key, unsigned
from websockets.asyncio.client import connect

from girih.api import open_streams
from girih.api.app import create_app
from girih.api.ws import KEY, PROTOCOL
from girih.db.base import new_id
from girih.db.tenancy import OrgScope
from girih.services.identity.foreign import groups_in, issuer_mark
from girih.services.identity.schemas import PERMISSIONS
from girih.services.knowledge.lanes import LANES
from girih.wiring.server import Girih, open_girih


@dataclass
class Place:
    """A server, a provider that its projects may trust, and the key of one of them."""

    girih: Girih
    app: FastAPI
    provider: Issuing
    key: Client

    async def trust(self, key: Client | None = None, **more: Any) -> httpx.Response:
        """Trust the provider."""
        body = {"issuer": self.provider.url, "audience": CLIENT, "role": "editor", **more}
        return await (key or self.key).post("/v1/trusted-issuers", json=body)

    def user(self, **claims: Any) -> Client:
        """The client of an app's user, with a token of the provider."""
        return client_of(self.app, self.provider.issue(**claims))

    async def key_of(self, scope: OrgScope, permissions: frozenset[str] = PERMISSIONS) -> Client:
        """A key's client."""
        return client_of(self.app, (await self.girih.identity.create_key(scope, "test", permissions)).key)


@pytest.fixture(scope="module")
async def house(
    database_url: str, tmp_path_factory: pytest.TempPathFactory
) -> AsyncIterator[tuple[Girih, FastAPI, Issuing]]:
    async with issuing() as provider:
        more = {"endpoints": {"idp": provider.url}, "public_url": "https://girih.test"}
        async with open_girih(settings_for(database_url, tmp_path_factory.mktemp("foreign"), **more)) as girih:
            app = create_app(girih)
            async with app.router.lifespan_context(app):
                yield girih, app, provider


@pytest.fixture
async def place(house: tuple[Girih, FastAPI, Issuing], scope: OrgScope) -> AsyncIterator[Place]:
    girih, app, provider = house
    place = Place(girih, app, provider, client_of(app, (await girih.identity.create_key(scope, "x", PERMISSIONS)).key))
    yield place
    provider.claims, provider.header = {}, {}
    # Else what one test trusts would be another way for the tokens of the next.
    for one in (await place.key.get("/v1/trusted-issuers")).json()["items"]:
        await place.key.delete(f"/v1/trusted-issuers/{one['id']}")


async def test_an_apps_user_calls_with_the_token_of_the_app(place: Place, scope: OrgScope) -> None:
    made = await place.trust()
    assert made.status_code == 201, made.text
    user = place.user(sub="user_2abc")
    await place.key.post("/v1/workspace/apply", json={"files": {"hello.yaml": HELLO}})
    assert [one["name"] for one in (await user.get("/v1/agents")).json()["items"]] == ["hello"]
    run = await user.post("/v1/runs/wait", json={"agent": "hello", "inputs": {"question": "x"}})
    assert (run.status_code, run.json()["user"]) == (200, "user_2abc"), run.text
    is_problem(await user.post("/v1/workspace/apply", json={"files": {}}), 403, "forbidden")
    is_problem(await user.get("/v1/keys"), 403, "forbidden")
    is_problem(await user.get("/v1/members"), 403, "forbidden")
    is_problem(await user.get("/v1/account"), 401, "unauthorized")
    token = place.provider.issue(sub="user_2abc")
    scope_of_it = await place.girih.people.foreign.authenticate(token, None, None)
    assert scope_of_it.actor == f"user:{issuer_mark(place.provider.url)}:user_2abc"
    (listed,) = (await place.key.get("/v1/trusted-issuers")).json()["items"]
    assert listed == made.json()
    audit = (await place.key.get("/v1/audit")).json()["items"]
    assert [one["action"] for one in audit if one["target"] == f"issuer:{listed['id']}"] == ["issuer.trusted"]


async def test_whatever_does_not_hold_is_refused_in_the_same_words(place: Place) -> None:
    await place.trust()
    now = int(time.time())
    provider = place.provider
    claims = {"iss": provider.url, "aud": CLIENT, "sub": "u1", "iat": now, "exp": now + 60}
    lies = [
        provider.issue(aud="other"),
        provider.issue(aud=None),
        provider.issue(exp=now - 120),
        provider.issue(exp=None),
        provider.issue(exp=now + 7 * 86_400),
        provider.issue(iat=None),
        provider.issue(nbf=now + 600),
        provider.issue(sub=None),
        provider.issue(sub="a b"),
        provider.issue(sub=7),
        provider.issue(iss="https://nobody.example"),
        provider.issue(iss=f"{provider.url}/"),
        provider.issue(iss="https://girih.test"),
        unsigned(claims),
        confused(claims, rsa_key()),
        "a.b.c",
        "..",
        f"{unsigned(claims)}x",
    ]
    provider.signer = rsa_key(2)
    lies.append(provider.issue())
    provider.header = {"kid": "rsa-2", "jku": f"{provider.url}/evil"}
    lies.append(provider.issue())
    provider.signer, provider.header = None, {}
    answers = [is_problem(await client_of(place.app, lie).get("/v1/agents"), 401, "unauthorized") for lie in lies]
    assert {(one["detail"], one["help"]) for one in answers} == {(answers[0]["detail"], answers[0]["help"])}
    assert "/evil" not in provider.asked
    assert (await place.user().get("/v1/agents")).status_code == 200


async def test_nobody_gives_an_issuer_more_than_he_has(place: Place, scope: OrgScope) -> None:
    poor = await place.key_of(scope, frozenset({"keys:manage", "agents:read"}))
    assert "may do what you may not" in str(is_problem(await place.trust(poor), 403, "forbidden")["detail"])
    await place.key.put("/v1/roles/caller", json={"permissions": ["agents:read", "members:manage"]})
    assert (await place.trust(poor, role="caller")).status_code == 201
    assert (await place.user().get("/v1/agents")).status_code == 200
    is_problem(await place.user().get("/v1/members"), 403, "forbidden")  # what concerns the organization is left out
    is_problem(await place.trust(role="caller"), 409, "conflict")
    is_problem(await place.trust(role="owner"), 422, "invalid_input")
    is_problem(await place.trust(role="nothing"), 422, "invalid_input")
    is_problem(await place.trust(audience_claim="sub"), 422)
    is_problem(await place.trust(await place.key_of(scope, PERMISSIONS - {"keys:manage"})), 403, "forbidden")
    limited = await place.girih.identity.authenticate(place.key.headers["authorization"].split()[1])
    assert limited.agents == ()


@pytest.mark.parametrize(
    ("issuer", "words"),
    [
        ("https://girih.test", "girih itself"),
        ("http://127.0.0.1:1", "not on the public network"),
        ("http://169.254.169.254/latest", "not on the public network"),
        ("http://[::1]/", "not on the public network"),
        ("https://user:pass@example.com", "no issuer"),
        ("https://example.com/?x=1", "no issuer"),
        ("ftp://example.com", "no issuer"),
        ("https://exa mple.com", "no issuer"),
        ("http://[", "no issuer"),
        ("example.com", "no issuer"),
    ],
)
async def test_what_cannot_be_trusted(place: Place, issuer: str, words: str) -> None:
    assert words in str(is_problem(await place.trust(issuer=issuer), 422, "invalid_input")["detail"])


async def test_the_place_is_said_where_several_take_the_token(
    place: Place, scope: OrgScope, other_scope: OrgScope
) -> None:
    theirs = await place.key_of(other_scope)
    assert (await place.trust()).status_code == (await place.trust(theirs)).status_code == 201
    user = place.user()
    problem = is_problem(await user.get("/v1/agents"), 422, "invalid_input")
    assert "org-" not in str(problem) and str(other_scope.org_id) not in str(problem)
    for name in (str(scope.org_id), f"org-{scope.org_id}"):
        assert (await user.get("/v1/agents", headers={"Girih-Organization": name})).status_code == 200
    for name in (str(scope.project_id), str(other_scope.project_id)):
        assert (await user.get("/v1/agents", headers={"Girih-Project": name})).status_code == 200
    for nowhere in (str(new_id()), "nowhere"):
        is_problem(await user.get("/v1/agents", headers={"Girih-Organization": nowhere}), 404, "not_found")
        is_problem(await user.get("/v1/agents", headers={"Girih-Project": nowhere}), 404, "not_found")
    (mine,) = (await place.key.get("/v1/trusted-issuers")).json()["items"]
    is_problem(await theirs.delete(f"/v1/trusted-issuers/{mine['id']}"), 404, "not_found")
    (gone,) = (await theirs.get("/v1/trusted-issuers")).json()["items"]
    assert (await theirs.delete(f"/v1/trusted-issuers/{gone['id']}")).status_code == 204
    assert (await user.get("/v1/agents")).status_code == 200


async def test_an_audience_in_another_claim(place: Place) -> None:
    assert (await place.trust(audience_claim="azp", audience="https://app.example.com")).status_code == 201
    assert (await place.user(aud=None, azp="https://app.example.com").get("/v1/agents")).status_code == 200
    is_problem(await place.user(aud=None, azp="https://evil.example").get("/v1/agents"), 401)
    is_problem(await place.user(aud="https://app.example.com").get("/v1/agents"), 401)


async def test_a_removed_issuer_opens_nothing_any_more(
    place: Place, database_url: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("girih.services.identity.foreign.SECONDS", 0.3)
    monkeypatch.setattr(open_streams, "LOOK", 0.05)
    made = (await place.trust(role="publisher")).json()
    token = place.provider.issue()
    more = {"endpoints": {"idp": place.provider.url}, "public_url": "https://girih.test"}
    async with open_girih(settings_for(database_url, tmp_path, **more)) as other:
        app = create_app(other)
        async with served(app, ws="auto") as url:
            headers = {"authorization": f"Bearer {token}"}
            async with httpx.AsyncClient(base_url=url, headers=headers, timeout=30, trust_env=False) as user:
                await user.post("/v1/workspace/apply", json={"files": {"curious.yaml": CURIOUS}})
                run = (await user.post("/v1/runs", json={"agent": "curious"})).json()["id"]
                address = f"{url.replace('http', 'ws', 1)}/v1/runs/{run}/ws"
                socket = await connect(address, subprotocols=[PROTOCOL, f"{KEY}{token}"], proxy=None)
                async with user.stream("GET", f"/v1/runs/{run}/events") as stream:
                    reading = asyncio.create_task(anext_all(stream))
                    await asyncio.sleep(0.2)
                    assert not reading.done()
                    assert (await place.key.delete(f"/v1/trusted-issuers/{made['id']}")).status_code == 204
                    is_problem(await client_of(place.app, token).get("/v1/agents"), 401)
                    await asyncio.wait_for(reading, 10)
                await asyncio.wait_for(socket.wait_closed(), 10)
                assert (await user.get("/v1/agents")).status_code == 401


async def anext_all(stream: httpx.Response) -> None:
    """Read to the end."""
    async for _ in stream.aiter_bytes():
        pass


async def test_what_is_open_outlives_its_token_for_a_while(place: Place) -> None:
    await place.trust()
    foreign, now = place.girih.people.foreign, int(time.time())
    token = place.provider.issue(iat=now - 900, exp=now - 300)
    assert (await foreign.authenticate(token, None, None, opened=True)).end_user is not None
    is_problem(await client_of(place.app, token).get("/v1/agents"), 401)
    token = place.provider.issue(iat=now - 9000, exp=now - 4000)
    is_problem(await client_of(place.app, token).get("/v1/agents"), 401)


async def test_documents_are_shown_to_the_user_of_the_token_alone(place: Place) -> None:
    await place.trust(groups_claim="realm_access.roles")
    await place.key.post("/v1/workspace/apply", json={"files": {"shelf.yaml": SHELF}})
    for name, readers in (("a.md", ["user:ann"]), ("b.md", ["group:staff"]), ("c.md", None)):
        body = {"readers": json.dumps(readers)} if readers else {}
        text = f"# Lamps of {name}\n\nThey give light."
        sent = await place.key.post("/v1/collections/shelf/documents", files=upload(text, name), data=body)
        assert sent.is_success, sent.text
    ingestion = place.girih.knowledge.ingestion
    for lane in LANES:
        while (held := await ingestion.next(lane)) is not None:
            await ingestion.work(held)
    ann = place.user(sub="ann")
    staff = place.user(sub="bob", realm_access={"roles": ["staff", 7]})
    wide = {"asker": {"user": "ann", "groups": ["staff"]}}
    for client, names in ((ann, {"a.md", "c.md"}), (staff, {"b.md", "c.md"})):
        for params in ({}, {"user": "ann", "group": "staff"}):
            listed = (await client.get("/v1/collections/shelf/documents", params=params)).json()["items"]
            assert {one["name"] for one in listed} == names
        for more in ({}, wide):
            found = await client.post("/v1/collections/shelf/search", json={"query": "light", **more})
            assert {hit["document"] for hit in found.json()["hits"]} == names


async def test_runs_are_for_the_user_of_the_token_alone(place: Place) -> None:
    await place.trust(groups_claim="groups")
    await place.key.post("/v1/workspace/apply", json={"files": {"hello.yaml": HELLO}})
    user = place.user(sub="ann", groups=["staff"])
    body = {"agent": "hello", "inputs": {"question": "x"}}
    made = (await user.post("/v1/runs/wait", json=body)).json()
    assert (made["user"], made["metadata"]) == ("ann", {"groups": ["staff"]})
    for more in ({"user": "bob"}, {"metadata": {"groups": ["admins"]}}, {"metadata": {"roles": ["boss"]}}):
        is_problem(await user.post("/v1/runs", json={**body, **more}), 403, "forbidden")
        night = {"name": "n", "cron": "0 3 * * *", "run": {**body, **more}}
        is_problem(await user.post("/v1/schedules", json=night), 403, "forbidden")
    theirs = {"metadata": {"groups": ["admins"]}}
    is_problem(await user.patch(f"/v1/runs/{made['id']}", json=theirs), 403, "forbidden")
    assert (await user.patch(f"/v1/runs/{made['id']}", json={"metadata": {"x": 1}})).status_code == 200


async def test_memories_are_those_about_the_user_of_the_token(place: Place) -> None:
    await place.trust()
    user = place.user(sub="ann")
    for params in ({}, {"user": "ann"}):
        assert (await user.get("/v1/memories", params=params)).json()["items"] == []
        assert (await user.delete("/v1/memories", params=params)).json() == {"deleted": 0}
    is_problem(await user.get("/v1/memories", params={"user": "bob"}), 403, "forbidden")
    is_problem(await user.delete("/v1/memories", params={"user": "bob"}), 403, "forbidden")


def test_groups_are_names_in_a_claim() -> None:
    claims = {"groups": ["a", "b", "a", 7, "", "x" * 300, "no\nline"], "one": "c", "a.b": ["d"], "deep": {"er": ["e"]}}
    assert groups_in(claims, "groups") == ("a", "b")
    assert groups_in(claims, "one") == ("c",)
    assert groups_in(claims, "a.b") == ("d",)
    assert groups_in(claims, "deep.er") == ("e",)
    for nothing in (None, "none", "deep.none.at", "one.more"):
        assert groups_in(claims, nothing) == ()

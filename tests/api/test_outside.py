"""People who sign in at an identity provider: there and back through real HTTP, and every way that it must not go."""

from __future__ import annotations

from collections.abc import AsyncIterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, urlsplit
from uuid import UUID

import httpx
import pytest
from fastapi import FastAPI
from sqlalchemy import text
from tests.api.conftest import Client, client_of, is_problem, settings_for
from tests.providers.oidc.issuing import CLIENT, SECRET, Issuing, issuing, rsa_key
from tests.services.identity.people import PASSWORD

from girih.api.app import create_app
from girih.api.outside import COOKIE
from girih.db.base import new_id
from girih.db.tenancy import OrgScope
from girih.db.unit_of_work import UnitOfWork
from girih.errors import InvalidInput
from girih.providers.oidc.provider import challenge_of
from girih.services.identity.keys import read_key
from girih.services.identity.outside import _request
from girih.services.identity.schemas import PERMISSIONS
from girih.wiring.server import Girih, open_girih

APP = "https://app.example.com"
VERIFIER = "a" * 43
FILE = """\
local:
  title: Our own
  issuer: {url}
  client_id: girih-here
  client_secret_env: TEST_OIDC_SECRET
picky:
  issuer: {url}
  client_id: girih-here
  client_secret_env: TEST_OIDC_SECRET
  email_domains: [Example.org]
"""


@dataclass
class Place:
    """A server that people sign in to through a provider."""

    girih: Girih
    app: FastAPI
    provider: Issuing
    key: Client

    @property
    def anonymous(self) -> Client:
        """A browser that knows nothing yet."""
        return client_of(self.app, None)

    def somebody(self, **claims: Any) -> str:
        """Whoever signs in next, with an address of his own."""
        email = f"{new_id()}@example.com"
        self.provider.user = {"sub": str(new_id()), "email": email, "email_verified": True, "name": "Ann", **claims}
        return email

    async def start(self, provider: str = "local", **query: str) -> httpx.Response:
        """Begin; gives where to go, with the cookie."""
        query = {"return_to": f"{APP}/back?x=1", **query}
        return await self.anonymous.get(f"/v1/auth/oidc/{provider}/start", params=query)

    async def there(self, begun: httpx.Response) -> str:
        """Sign in at the provider; gives where that sends the browser."""
        assert begun.status_code == 303, begun.text
        async with httpx.AsyncClient() as browser:
            return (await browser.get(begun.headers["location"])).headers["location"]

    async def back(self, address: str, cookie: str) -> httpx.Response:
        """Come back with what the provider has said."""
        return await self.anonymous.get(address, headers={"cookie": f"{COOKIE}={cookie}"} if cookie else {})

    async def through(self, provider: str = "local", **query: str) -> dict[str, str]:
        """All of it; gives what the app is told."""
        begun = await self.start(provider, **query)
        answer = await self.back(await self.there(begun), cookie_of(begun))
        assert answer.status_code == 303, answer.text
        return told(answer)

    async def exchange(self, code: str, **more: str) -> httpx.Response:
        """What the app does with its code."""
        return await self.anonymous.post("/v1/auth/oidc/token", json={"code": code, **more})

    async def signed_in(self) -> Client:
        """The client of whoever signs in now."""
        answer = await self.exchange((await self.through())["code"])
        assert answer.status_code == 200, answer.text
        return client_of(self.app, answer.json()["access_token"])


def cookie_of(begun: httpx.Response) -> str:
    """What the browser keeps."""
    name, _, rest = begun.headers["set-cookie"].partition("=")
    assert name == COOKIE
    return str(rest.partition(";")[0])


def told(answer: httpx.Response) -> dict[str, str]:
    """What stands behind the question mark of where the browser goes on to."""
    parts = urlsplit(answer.headers["location"])
    assert f"{parts.scheme}://{parts.netloc}{parts.path}" == f"{APP}/back"
    return {name: values[0] for name, values in parse_qs(parts.query).items()}


@pytest.fixture(scope="module")
async def house(
    database_url: str, tmp_path_factory: pytest.TempPathFactory
) -> AsyncIterator[tuple[Girih, FastAPI, Issuing]]:
    folder = tmp_path_factory.mktemp("outside")
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("TEST_OIDC_SECRET", SECRET)
        async with issuing() as provider:
            (folder / "oidc.yaml").write_text(FILE.format(url=provider.url))
            more = {"oidc_file": folder / "oidc.yaml", "sign_in_origins": [APP], "public_url": "http://girih.test"}
            async with open_girih(settings_for(database_url, folder, **more)) as girih:
                yield girih, create_app(girih), provider


@pytest.fixture
async def place(house: tuple[Girih, FastAPI, Issuing], scope: OrgScope) -> Place:
    girih, app, provider = house
    url = provider.url
    provider.__init__()  # type: ignore[misc] - as it was at first
    provider.url = url
    key = await girih.identity.create_key(scope, "test", PERMISSIONS)
    return Place(girih, app, provider, client_of(app, key.key))


async def test_somebody_new_signs_in_and_is_known_again(place: Place) -> None:
    listed = (await place.anonymous.get("/v1/auth/oidc")).json()["items"]
    assert listed == [{"name": "local", "title": "Our own"}, {"name": "picky", "title": "picky"}]
    email = place.somebody()
    begun = await place.start()
    cookie = begun.headers["set-cookie"].lower()
    assert all(word in cookie for word in ("secure", "httponly", "samesite=lax", "path=/")) and "domain" not in cookie
    returned = await place.back(await place.there(begun), cookie_of(begun))
    assert "max-age=0" in returned.headers["set-cookie"].lower()
    assert told(returned).keys() == {"x", "code"} and told(returned)["x"] == "1"
    signed = await place.exchange(told(returned)["code"])
    person = client_of(place.app, signed.json()["access_token"])
    account = (await person.get("/v1/account")).json()
    assert (account["email"], account["name"], account["places"]) == (email, "Ann", [])
    again = await place.signed_in()
    assert (await again.get("/v1/account")).json()["id"] == account["id"]
    (identity,) = (await person.get("/v1/account/identities")).json()["items"]
    assert (identity["provider"], identity["issuer"]) == ("local", place.provider.url)
    assert (identity["subject"], identity["email"]) == (place.provider.user["sub"], email)
    only = await person.delete(f"/v1/account/identities/{identity['id']}")
    is_problem(only, 409, "conflict")
    is_problem(await person.delete(f"/v1/account/identities/{new_id()}"), 404, "not_found")
    word = await place.anonymous.post("/v1/auth/sign-in", json={"email": email, "password": PASSWORD})
    is_problem(word, 401, "unauthorized")


async def test_each_step_is_good_once_and_in_its_own_browser(place: Place) -> None:
    place.somebody()
    begun, other = await place.start(), await place.start()
    address = await place.there(begun)
    for cookie in ("", "x", cookie_of(other)):
        is_problem(await place.back(address, cookie), 401, "unauthorized")
    is_problem(await place.back(address.replace("local", "picky"), cookie_of(begun)), 401, "unauthorized")
    is_problem(await place.back(address.partition("&state")[0], cookie_of(begun)), 401, "unauthorized")
    first = await place.back(address, cookie_of(begun))
    is_problem(await place.back(address, cookie_of(begun)), 401, "unauthorized")
    code = told(first)["code"]
    assert (await place.exchange(code)).status_code == 200
    is_problem(await place.exchange(code), 401, "unauthorized")
    is_problem(await place.exchange("girih_code_x"), 401, "unauthorized")


async def test_an_app_that_gave_a_challenge_has_to_show_its_verifier(place: Place) -> None:
    place.somebody()
    for wrong in ({}, {"verifier": "b" * 43}):
        code = (await place.through(challenge=challenge_of(VERIFIER)))["code"]
        is_problem(await place.exchange(code, **wrong), 401, "unauthorized")
    code = (await place.through(challenge=challenge_of(VERIFIER)))["code"]
    assert (await place.exchange(code, verifier=VERIFIER)).status_code == 200


@pytest.mark.parametrize(
    "address",
    [
        "https://evil.example/back",
        "https://app.example.com.evil.example/",
        "https://app.example.com@evil.example/",
        "https://evil.example\\@app.example.com/",
        "http://app.example.com/",
        "https://app.example.com:8443/",
        "//app.example.com/",
        "/back",
        "javascript:alert(1)",
        f"{APP}/back#fragment",
        f"{APP}/back\r\nset-cookie: x=1",
    ],
)
async def test_nobody_is_sent_back_to_elsewhere(place: Place, address: str) -> None:
    is_problem(await place.start(return_to=address), 422, "invalid_input")


async def test_an_account_with_the_address_is_taken_only_if_both_sides_have_verified_it(
    place: Place, uow: UnitOfWork
) -> None:
    email = place.somebody()
    invited = (await place.key.post("/v1/invitations", json={"email": email, "role": "viewer"})).json()
    body = {"token": invited["token"], "name": "Ann", "password": PASSWORD}
    tokens = (await place.anonymous.post("/v1/auth/accept", json=body)).json()
    person = client_of(place.app, tokens["access_token"])
    account_id = (await person.get("/v1/account")).json()["id"]
    problem = is_problem(await place.exchange((await place.through())["code"]), 401, "unauthorized")
    assert "nobody has verified" in str(problem["detail"])
    async with uow.of_account(UUID(account_id)) as work:
        await work.session.execute(text("UPDATE accounts SET email_verified_at = now()"))
    place.provider.user["email_verified"] = False
    problem = is_problem(await place.exchange((await place.through())["code"]), 401, "unauthorized")
    assert "is verified" in str(problem["detail"])
    place.provider.user["email_verified"] = True
    same = await place.signed_in()
    assert (await same.get("/v1/account")).json()["id"] == account_id
    (identity,) = (await person.get("/v1/account/identities")).json()["items"]
    assert (await person.delete(f"/v1/account/identities/{identity['id']}")).status_code == 204


async def test_an_identity_is_linked_by_hand_and_to_one_account_only(place: Place) -> None:
    place.somebody()
    ann = await place.signed_in()
    place.somebody()
    bob = await place.signed_in()
    taken = await bob.post("/v1/account/identities", json={"code": (await place.through())["code"]})
    assert taken.status_code == 201  # it is his own already
    taken = await ann.post("/v1/account/identities", json={"code": (await place.through())["code"]})
    is_problem(taken, 409, "conflict")
    place.somebody(email_verified=False)
    linked = await ann.post("/v1/account/identities", json={"code": (await place.through())["code"]})
    assert (linked.status_code, linked.json()["email"]) == (201, None)
    same = await place.signed_in()
    assert (await same.get("/v1/account")).json()["id"] == (await ann.get("/v1/account")).json()["id"]
    assert len((await ann.get("/v1/account/identities")).json()["items"]) == 2
    assert (await ann.delete(f"/v1/account/identities/{linked.json()['id']}")).status_code == 204


async def test_links_are_written_down_where_the_person_is_a_member(place: Place) -> None:
    email = place.somebody()
    person = await place.signed_in()
    invited = (await place.key.post("/v1/invitations", json={"email": email, "role": "viewer"})).json()
    assert (await person.post("/v1/account/invitations", json={"token": invited["token"]})).status_code == 200
    place.somebody()
    linked = await person.post("/v1/account/identities", json={"code": (await place.through())["code"]})
    assert (await person.delete(f"/v1/account/identities/{linked.json()['id']}")).status_code == 204
    items = (await place.key.get("/v1/audit")).json()["items"]
    told = [(one["action"], one["details"]) for one in items if one["action"].startswith("account.")]
    elsewhere = {"provider": "local", "issuer": place.provider.url}
    assert told == [("account.identity_unlinked", elsewhere), ("account.identity_linked", elsewhere)]


async def test_codes_are_not_guessed_for_long(place: Place) -> None:
    tried = [(await place.exchange("guessed")).status_code for _ in range(13)]
    assert tried[0] == 401 and tried[-1] == 429
    place.somebody()
    assert (await place.exchange((await place.through())["code"])).status_code == 200


async def test_whoever_has_no_password_joins_by_an_invitation(place: Place) -> None:
    email = place.somebody()
    person = await place.signed_in()
    is_problem(await person.get("/v1/agents"), 403, "forbidden")
    elsewhere = (await place.key.post("/v1/invitations", json={"email": "x@example.com", "role": "viewer"})).json()
    is_problem(await person.post("/v1/account/invitations", json={"token": elsewhere["token"]}), 403, "forbidden")
    invited = (await place.key.post("/v1/invitations", json={"email": email.upper(), "role": "viewer"})).json()
    joined = await person.post("/v1/account/invitations", json={"token": invited["token"]})
    assert [one["roles"] for one in joined.json()["places"]] == [["viewer"]]
    assert (await person.get("/v1/agents")).status_code == 200
    is_problem(await person.post("/v1/account/invitations", json={"token": invited["token"]}), 401, "unauthorized")
    is_problem(await place.key.post("/v1/account/invitations", json={"token": "x"}), 401, "unauthorized")


LIES: dict[str, tuple[dict[str, Any], str]] = {
    "another nonce": ({"claims": {"nonce": "x"}}, "made for another sign-in"),
    "no nonce": ({"claims": {"nonce": None}}, "made for another sign-in"),
    "another client": ({"claims": {"azp": "other"}}, "made for another client"),
    "for several": ({"claims": {"aud": [CLIENT, "other"]}}, "made for another client"),
    "another audience": ({"claims": {"aud": "other"}}, "another audience"),
    "another issuer": ({"claims": {"iss": "https://evil.example"}}, "another issuer"),
    "expired": ({"claims": {"exp": 1}}, "expired"),
    "nobody": ({"claims": {"sub": None}}, "whom it is about"),
    "a subject of two words": ({"claims": {"sub": "a b"}}, "whom it is about"),
    "another key": ({"signer": rsa_key(2)}, "signature is not right"),
    "no token": ({"token": "x"}, "no JSON Web Token"),
    "given up": ({"denies": "access_denied"}, "given up there"),
    "refused": ({"denies": "<script>"}, "did not succeed there"),
}


@pytest.mark.parametrize("lie", LIES)
async def test_what_a_provider_says_wrongly_is_refused_in_words(place: Place, lie: str) -> None:
    how, words = LIES[lie]
    place.somebody()
    for name, value in how.items():
        setattr(place.provider, name, value)
    answer = await place.through()
    assert answer.keys() == {"x", "error", "error_description"}
    assert words in answer["error_description"] and "Our own" in answer["error_description"]
    assert answer["error"] == ("access_denied" if lie == "given up" else "sign_in_failed")


async def test_another_providers_answer_is_not_taken_for_this_ones(place: Place) -> None:
    place.somebody()
    begun = await place.start()
    address = (await place.there(begun)).replace("iss=http", "iss=https")
    assert "another issuer" in told(await place.back(address, cookie_of(begun)))["error_description"]


async def test_only_addresses_of_listed_domains_sign_in(place: Place) -> None:
    place.somebody()
    assert "none of those" in (await place.through("picky"))["error_description"]
    place.somebody(email=f"{new_id()}@EXAMPLE.org")
    assert "code" in await place.through("picky")
    place.somebody(email=f"{new_id()}@example.org", email_verified=False)
    assert "none of those" in (await place.through("picky"))["error_description"]
    is_problem(await place.start("nowhere"), 404, "not_found")


async def test_what_is_stored_and_sent_opens_nothing(place: Place, uow: UnitOfWork) -> None:
    place.somebody()
    begun = await place.start()
    answer = await place.back(await place.there(begun), cookie_of(begun))
    browser, code = read_key(cookie_of(begun)), read_key(told(answer)["code"])
    assert browser is not None and code is not None
    request = _request(browser)
    async with uow.reading_for("outside", row=browser.id) as work:
        (row,) = (await work.session.execute(text("SELECT * FROM outside_sign_ins"))).all()
    stored, sent = str(row), begun.headers["location"]
    assert place.provider.user["email"] in stored
    for secret in (browser.text, code.text, request.state, request.nonce, request.verifier):
        assert secret not in stored
    assert browser.text not in sent and request.verifier not in sent
    for stranger in ("outside", f"outside:{new_id()}", "account"):
        async with uow.reading_for(stranger) as work:
            assert (await work.session.execute(text("SELECT * FROM outside_sign_ins"))).all() == []
    assert (await place.exchange(code.text)).status_code == 200
    async with uow.reading_for("outside", row=browser.id) as work:
        assert (await work.session.execute(text("SELECT * FROM outside_sign_ins"))).all() == []


@pytest.mark.parametrize(
    ("written", "words"),
    [
        ("[]", "is not usable"),
        ("a: {issuer: 'https://x.example'}", "client_id"),
        ("a: {issuer: 'ftp://x.example', client_id: x}", "begin with https://"),
        ("a: {issuer: 'https://x.example', client_id: x, client_secret_env: GIRIH_NOT_SET}", "GIRIH_NOT_SET"),
        ("a: {issuer: 'https://x.example', client_id: x, scopes: [email]}", "`openid` is missing"),
        ("a: {issuer: 'https://x.example/{tenantid}/v2.0', client_id: x}", "go together"),
        ("a: {issuer: 'https://x.example', client_id: x, secret: y}", "a.secret"),
        ("A b: {issuer: 'https://x.example', client_id: x}", "A b"),
        (": :", "no YAML"),
    ],
)
async def test_a_file_that_cannot_work_is_named(database_url: str, tmp_path: Path, written: str, words: str) -> None:
    (tmp_path / "oidc.yaml").write_text(written)
    more = {"oidc_file": tmp_path / "oidc.yaml", "public_url": "https://girih.test"}
    with pytest.raises(InvalidInput, match="GIRIH_OIDC_FILE") as refusal:
        async with open_girih(settings_for(database_url, tmp_path, **more)):
            pass
    assert words in refusal.value.message


async def test_the_file_in_the_documentation_works(
    database_url: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    page = (Path(__file__).parents[2] / "docs/howto/sign-in-elsewhere.md").read_text()
    (tmp_path / "oidc.yaml").write_text(page.partition("```yaml file=oidc.yaml\n")[2].partition("```")[0])
    for name in ("GOOGLE", "KEYCLOAK", "CLERK", "ENTRA"):
        monkeypatch.setenv(f"{name}_CLIENT_SECRET", "x")
    more = {"oidc_file": tmp_path / "oidc.yaml", "public_url": "https://girih.test"}
    async with open_girih(settings_for(database_url, tmp_path, **more)) as girih:
        names = [one.name for one in girih.people.outside.providers()]
        assert names == ["google", "keycloak", "clerk", "entra", "partners"]


async def test_apps_are_called_origins(database_url: str, tmp_path: Path) -> None:
    with pytest.raises(InvalidInput, match="GIRIH_SIGN_IN_ORIGINS"):
        async with open_girih(settings_for(database_url, tmp_path, sign_in_origins=["*"])):
            pass

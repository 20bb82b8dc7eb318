"""By mail and over HTTP, against a real mail server: passwords, addresses, invitations; guessing; the first set-up."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from pathlib import Path

import httpx
import pytest
from fastapi import FastAPI
from tests.api.conftest import Client, client_of, is_problem, settings_for
from tests.conftest import make_scope
from tests.providers.mail.servers import Post, mail_server
from tests.services.identity.mailing import TOKEN
from tests.services.identity.people import PASSWORD

from girih.api.app import create_app
from girih.db.base import new_id
from girih.db.unit_of_work import UnitOfWork
from girih.services.identity.schemas import PERMISSIONS
from girih.wiring.guessing import network_of
from girih.wiring.server import open_girih

NEW = "nine yellow bicycles"
SETTINGS = {"mail_from": "girih@example.com", "public_url": "http://girih.test", "link_url": "https://app.test/me"}


@pytest.fixture(scope="module")
async def post() -> AsyncIterator[Post]:
    async with mail_server() as post:
        yield post


@pytest.fixture(scope="module")
async def app(database_apart: str, post: Post, tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[FastAPI]:
    url = f"smtp://127.0.0.1:{post.port}?starttls=never"
    async with open_girih(
        settings_for(database_apart, tmp_path_factory.mktemp("girih"), smtp_url=url, **SETTINGS)
    ) as girih:
        yield create_app(girih)


@pytest.fixture
def anonymous(app: FastAPI) -> Client:
    return client_of(app, None)


@pytest.fixture
async def owner(app: FastAPI, uow_apart: UnitOfWork) -> Client:
    made = await app.state.girih.identity.create_key(await make_scope(uow_apart), "test", PERMISSIONS)
    return client_of(app, made.key)


async def told(post: Post, email: str, subject: str) -> str:
    """The token in the mail of that subject to that address, once it has come."""
    while True:
        for mail in post.mails:
            if (mail["To"], mail["Subject"]) == (email, subject):
                (token,) = set(TOKEN.findall(str(mail.get_content())))
                return str(token)
        await asyncio.sleep(0.01)


async def join(owner: Client, anonymous: Client, post: Post) -> tuple[str, Client]:
    """Somebody who has come by a mailed invitation; the address, and the person's own client."""
    email = f"{new_id()}@example.com"
    invited = (await owner.post("/v1/invitations", json={"email": email, "role": "viewer"})).json()
    assert invited["mail_state"] == "pending"
    token = await told(post, email, await subject_to(post, email))
    assert token == invited["token"]
    made = await anonymous.post("/v1/auth/accept", json={"token": token, "name": "Ann", "password": PASSWORD})
    assert made.status_code == 201, made.text
    headers = {"authorization": f"Bearer {made.json()['access_token']}"}
    return email, Client(transport=anonymous._transport, base_url="http://girih.test", headers=headers)


async def subject_to(post: Post, email: str) -> str:
    while True:
        for mail in post.mails:
            if mail["To"] == email:
                return str(mail["Subject"])
        await asyncio.sleep(0.01)


async def test_from_an_invitation_to_another_password(owner: Client, anonymous: Client, post: Post) -> None:
    email, person = await join(owner, anonymous, post)
    assert (await person.get("/v1/account")).json()["email_verified_at"] is None
    confirm = await told(post, email, "Confirm your address")
    assert (await anonymous.post("/v1/auth/email/confirm", json={"token": confirm})).status_code == 204
    assert (await person.get("/v1/account")).json()["email_verified_at"] is not None
    is_problem(await person.post("/v1/account/email/verification"), 409, "conflict")
    answers = [
        await anonymous.post("/v1/auth/password/forgot", json={"email": one}) for one in (email, "x@example.com")
    ]
    assert [answer.status_code for answer in answers] == [202, 202]
    assert answers[0].json() == answers[1].json()
    token = await told(post, email, "Choose another password")
    assert any(f"https://app.test/me/reset-password#token={token}" in text for text in post.texts())
    weak = await anonymous.post("/v1/auth/password/reset", json={"token": token, "password": "password1234"})
    is_problem(weak, 422, "invalid_input")
    body = {"token": token, "password": NEW}
    assert (await anonymous.post("/v1/auth/password/reset", json=body)).status_code == 204
    is_problem(await anonymous.post("/v1/auth/password/reset", json=body), 401, "unauthorized")
    is_problem(await person.get("/v1/account"), 401, "unauthorized")
    signed = await anonymous.post("/v1/auth/sign-in", json={"email": email, "password": NEW})
    assert signed.status_code == 200
    assert not [mail for mail in post.mails if mail["To"] == "x@example.com"]
    entries = (await owner.get("/v1/audit")).json()["items"]
    assert "password.reset" in [entry["action"] for entry in entries]
    assert token not in str(entries)


async def test_another_address(owner: Client, anonymous: Client, post: Post) -> None:
    email, person = await join(owner, anonymous, post)
    new = f"{new_id()}@example.com"
    asked = await person.put("/v1/account/email", json={"email": new, "password": PASSWORD})
    assert asked.status_code == 202, asked.text
    token = await told(post, new, "Confirm your new address")
    assert (await anonymous.post("/v1/auth/email/confirm", json={"token": token})).status_code == 204
    assert (await person.get("/v1/account")).json()["email"] == new
    while {"Another address for your account", "Your account has another address"} - {
        mail["Subject"] for mail in post.mails if mail["To"] == email
    }:
        await asyncio.sleep(0.01)


ATTACKS = {
    "/v1/auth/sign-in": {"email": "{}@example.com", "password": PASSWORD},
    "/v1/auth/password/forgot": {"email": "{}@example.com"},
    "/v1/auth/password/reset": {"token": "{}", "password": NEW},
    "/v1/auth/email/confirm": {"token": "{}"},
    "/v1/auth/refresh": {"refresh_token": "{}"},
    "/v1/auth/accept": {"token": "{}", "name": "Ann", "password": PASSWORD},
    "/v1/setup": {"token": "{}", "organization": "Acme", "email": "a@example.com", "name": "Ann", "password": PASSWORD},
}


async def tried(client: Client, path: str, target: str) -> httpx.Response:
    return await client.post(path, json={name: text.format(target) for name, text in ATTACKS[path].items()})


async def test_guessing_is_slow(database_apart: str, tmp_path: Path) -> None:
    few = {"guesses_per_minute": 3, "guesses_per_minute_per_client": 30}
    async with open_girih(settings_for(database_apart, tmp_path, **few)) as girih:
        client = client_of(create_app(girih), None)
        for path in ATTACKS:
            answers = [await tried(client, path, "one") for _ in range(4)]
            assert 429 not in [answer.status_code for answer in answers[:3]], path
            problem = is_problem(answers[3], 429, "rate_limited")
            assert "one" not in str(problem["detail"])
            assert 0 < int(answers[3].headers["retry-after"]) <= 60
        upper = await client.post("/v1/auth/sign-in", json={"email": " ONE@example.com ", "password": PASSWORD})
        assert upper.status_code == 429, "an address is the same however it is written"
        answers = [await tried(client, "/v1/auth/email/confirm", f"other {number}") for number in range(30)]
        assert {answer.status_code for answer in answers} == {401, 429}
        assert (await tried(client, "/v1/auth/refresh", "other")).status_code == 401, "apps refresh for many people"


@pytest.mark.parametrize(
    ("client", "network"),
    [
        ("10.0.0.7", "10.0.0.7"),
        ("::ffff:10.0.0.7", "10.0.0.7"),
        ("2001:db8:1:2:3:4:5:6", "2001:db8:1:2::/64"),
        ("2001:db8:1:2:ffff::", "2001:db8:1:2::/64"),
        ("", "unknown"),
    ],
)
def test_what_counts_as_one_client(client: str, network: str) -> None:
    assert network_of(client) == network


async def test_without_a_mail_server_it_is_said(database_apart: str, tmp_path: Path) -> None:
    async with open_girih(settings_for(database_apart, tmp_path)) as girih:
        client = client_of(create_app(girih), None)
        for email in ("a@example.com", "b@example.com"):
            problem = is_problem(await client.post("/v1/auth/password/forgot", json={"email": email}), 409, "conflict")
            assert "GIRIH_SMTP_URL" in str(problem["help"])

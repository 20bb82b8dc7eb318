"""A fresh installation is set up once, by whoever reads its log, and by nobody else afterwards."""

from __future__ import annotations

import asyncio
from pathlib import Path

import pytest
from sqlalchemy import text
from structlog.testing import capture_logs
from tests.api.conftest import client_of, is_problem, settings_for
from tests.services.identity.mailing import PostTown
from tests.services.identity.people import PASSWORD

from girih.api.app import create_app
from girih.api.server import tell_setup
from girih.db.unit_of_work import UnitOfWork, Work
from girih.errors import Conflict, InvalidInput, Unauthorized
from girih.services.identity import setup_repository
from girih.services.identity.roles import POLICY
from girih.services.identity.setup import Founder
from girih.wiring.server import open_girih

ANN = Founder("ann@example.com", "Ann", PASSWORD)


async def expire(uow: UnitOfWork) -> None:
    async with uow.reading_for("setup") as work:
        await work.session.execute(text("UPDATE setup SET expires_at = now()"))


async def set_up_over_http(database_url: str, folder: Path) -> None:
    """By the token that the server writes to its log, by three at once."""
    async with open_girih(settings_for(database_url, folder)) as girih:
        with capture_logs() as logs:
            await tell_setup(girih)
            await tell_setup(girih)
        first, second = (line["token"] for line in logs if "token" in line)
        assert first == second
        client = client_of(create_app(girih), None)
        body = {"token": first, "organization": "Acme", "name": "Ann", "password": PASSWORD}
        emails = [f"{name}@example.com" for name in ("ann", "bob", "eve")]
        done = await asyncio.gather(*(client.post("/v1/setup", json={**body, "email": email}) for email in emails))
        assert sorted(answer.status_code for answer in done) == [201, 409, 409]
        for token in (first, "x"):
            is_problem(await client.post("/v1/setup", json={**body, "token": token, "email": "x@example.com"}), 409)
        with capture_logs() as logs:
            await tell_setup(girih)
        assert [line for line in logs if "token" in line] == []
        (signed,) = [answer.json() for answer in done if answer.status_code == 201]
        person = client_of(create_app(girih), signed["access_token"])
        (place,) = (await person.get("/v1/account")).json()["places"]
        entries = (await person.get("/v1/audit")).json()["items"]
    assert (place["organization"], place["project"], place["roles"]) == ("Acme", "main", ["owner"])
    assert set(place["permissions"]) == POLICY["owner"]
    assert [entry["action"] for entry in entries] == ["organization.created"]


async def test_an_installation_is_set_up_once(
    uow_apart: UnitOfWork, database_apart: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    fresh = uow_apart
    with pytest.raises(Conflict) as refused:
        await PostTown.with_post(fresh, secrets=()).setup.token()
    assert refused.value.help == "set GIRIH_TOKEN_KEY"
    towns = [PostTown.with_post(fresh) for _ in range(4)]
    with pytest.raises(Unauthorized):
        await towns[0].setup.set_up("girih_setup_x", "Acme", "main", ANN, "")
    # Processes that start at once tell the same token.
    found = await asyncio.gather(*(town.setup.token() for town in towns))
    tokens = {one.text for one in found if one is not None}
    assert len(found) == 4 and len(tokens) == 1
    (token,) = tokens
    assert token not in repr(found)
    assert (await towns[0].setup.token()) == found[0]
    await expire(fresh)
    with pytest.raises(Unauthorized):
        await towns[0].setup.set_up(token, "Acme", "main", ANN, "")
    renewed = await towns[0].setup.token()
    assert renewed is not None and renewed.text != token
    for wrong in (token, "", "girih_setup_x", renewed.text[:-1] + "!"):
        with pytest.raises(Unauthorized):
            await towns[0].setup.set_up(wrong, "Acme", "main", ANN, "")
    for organization, founder in (
        ("", ANN),
        ("Acme", Founder("ann@example.com", "Ann", "password1234")),
        ("Acme", Founder("x", "Ann", PASSWORD)),
    ):
        with pytest.raises(InvalidInput):
            await towns[0].setup.set_up(renewed.text, organization, "main", founder, "")
    # Another key: its process makes a token that fits, and the one before holds no more.
    other = await PostTown.with_post(fresh, secrets=(b"another",)).setup.token()
    assert other is not None
    with pytest.raises(Unauthorized):
        await towns[0].setup.set_up(renewed.text, "Acme", "main", ANN, "")
    await set_up_over_http(database_apart, tmp_path)
    assert await towns[0].setup.token() is None
    for token in (other.text, "x"):
        with pytest.raises(Conflict, match="is set up"):
            await towns[0].setup.set_up(token, "Other", "main", ANN, "")
    # For ever: also where no organization is left.

    async def has_none(work: Work) -> bool:
        return False

    monkeypatch.setattr(setup_repository, "has_organizations", has_none)
    assert await towns[0].setup.token() is None
    with pytest.raises(Conflict, match="is set up"):
        await towns[0].setup.set_up(other.text, "Other", "main", ANN, "")

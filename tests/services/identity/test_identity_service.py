"""Organizations, projects, keys, and what signing in sees."""

from __future__ import annotations

import asyncio
import time
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from uuid import UUID, uuid4

import pytest
from sqlalchemy import text

from girih.db.base import new_id
from girih.db.engine import make_engine, make_sessions
from girih.db.tenancy import OrgScope
from girih.db.unit_of_work import UnitOfWork
from girih.errors import Forbidden, InvalidInput, NotFound, Unauthorized
from girih.services.identity import keys, sign_ins
from girih.services.identity.keys import make_key
from girih.services.identity.schemas import PERMISSIONS
from girih.services.identity.service import IdentityService


@pytest.fixture
def identity(uow: UnitOfWork) -> IdentityService:
    return IdentityService(uow)


def fresh_name() -> str:
    return f"org-{uuid4()}"


async def test_bootstrap_makes_everything_once_and_shows_the_key_once(identity: IdentityService) -> None:
    name = fresh_name()
    first = await identity.bootstrap(name, "main")
    again = await identity.bootstrap(name, "main")
    assert first.api_key is not None
    assert again.api_key is None
    assert again.scope == first.scope
    signed_in = await identity.authenticate(first.api_key)
    assert (signed_in.org_id, signed_in.project_id) == (first.scope.org_id, first.scope.project_id)
    assert signed_in.permissions == PERMISSIONS


async def test_bootstrap_renews_the_key_and_ends_the_old_one(identity: IdentityService) -> None:
    name = fresh_name()
    first = await identity.bootstrap(name, "main")
    assert first.api_key
    await identity.authenticate(first.api_key)
    renewed = await identity.bootstrap(name, "main", renew=True)
    assert renewed.api_key
    assert await identity.authenticate(renewed.api_key)
    with pytest.raises(Unauthorized):
        await identity.authenticate(first.api_key)


async def test_a_second_project_belongs_to_the_same_organization(identity: IdentityService) -> None:
    name = fresh_name()
    one = await identity.bootstrap(name, "one")
    two = await identity.bootstrap(name, "two")
    assert one.scope.org_id == two.scope.org_id
    assert one.scope.project_id != two.scope.project_id
    assert two.api_key is not None


async def test_several_starters_agree(identity: IdentityService) -> None:
    name = fresh_name()
    made = await asyncio.gather(*(identity.bootstrap(name, "main") for _ in range(5)))
    assert len({(one.scope.org_id, one.scope.project_id) for one in made}) == 1
    assert sum(one.api_key is not None for one in made) == 1


@pytest.mark.parametrize("name", ["", "   ", "a\nb", "x" * 101])
async def test_bootstrap_refuses_what_is_no_name(identity: IdentityService, name: str) -> None:
    with pytest.raises(InvalidInput):
        await identity.bootstrap(name, "main")


async def test_a_key_may_do_what_it_was_given_and_no_more(identity: IdentityService, scope: OrgScope) -> None:
    made = await identity.create_key(scope, "reader", ["runs:read", "agents:read"])
    signed_in = await identity.authenticate(made.key)
    assert signed_in.permissions == {"runs:read", "agents:read"}
    assert signed_in.actor == f"key:{made.id}"
    with pytest.raises(Forbidden, match="knowledge:write"):
        await identity.create_key(signed_in, "more", ["runs:read", "knowledge:write"])


@pytest.mark.parametrize("permissions", [[], ["runs:fly"], ["runs:read", ""]])
async def test_unknown_permissions_are_refused(
    identity: IdentityService, scope: OrgScope, permissions: list[str]
) -> None:
    with pytest.raises(InvalidInput):
        await identity.create_key(scope, "odd", permissions)


async def test_keys_are_listed_without_their_secret(identity: IdentityService, scope: OrgScope) -> None:
    made = await identity.create_key(scope, "listed", ["runs:read"])
    (listed,) = await identity.keys(scope)
    assert (listed.id, listed.name, listed.permissions) == (made.id, "listed", ["runs:read"])
    assert made.key not in listed.model_dump_json()


async def test_only_a_hash_of_the_key_is_stored(identity: IdentityService, scope: OrgScope, uow: UnitOfWork) -> None:
    made = await identity.create_key(scope, "hashed", ["runs:read"])
    async with uow(scope) as work:
        row = (await work.session.execute(text("SELECT k::text FROM api_keys k"))).scalar_one()
    secret = made.key.rsplit("_", 1)[1]
    assert secret not in row
    assert secret.encode().hex() not in row


async def refusal(identity: IdentityService, key: str) -> tuple[str, str | None, dict[str, object]]:
    with pytest.raises(Unauthorized) as caught:
        await identity.authenticate(key)
    return caught.value.message, caught.value.help, caught.value.details


async def test_every_bad_key_is_refused_in_the_same_words(identity: IdentityService, scope: OrgScope) -> None:
    good = await identity.create_key(scope, "good", ["runs:read"])
    revoked = await identity.create_key(scope, "revoked", ["runs:read"])
    await identity.revoke_key(scope, revoked.id)
    expired = await identity.create_key(scope, "expired", ["runs:read"], expires_in=timedelta(milliseconds=1))
    await asyncio.sleep(0.01)
    garbled = ["", "garbage", "girih_live_\0", good.key[:-1], good.key + "0", good.key[:-1] + "~"]
    answers = set()
    for key in [*garbled, make_key("live").text, forge(good.id), revoked.key, expired.key]:
        message, way_out, details = await refusal(identity, key)
        assert details == {}
        answers.add((message, way_out))
    assert len(answers) == 1
    assert good.key not in str(answers)


async def test_a_known_id_with_another_secret_is_refused(identity: IdentityService, scope: OrgScope) -> None:
    """The checksum holds, the row is found, and only the hash tells."""
    good = await identity.create_key(scope, "good", ["runs:read"])
    for _ in range(3):
        forged = forge(good.id)
        with pytest.raises(Unauthorized):
            await identity.authenticate(forged)
    assert await identity.authenticate(good.key)


def forge(id: UUID) -> str:
    """A well-formed key of that id with a secret of its own."""
    body = f"girih_live_{keys._base62(id.int, 22)}_{'A' * 43}"
    forged = body + keys._checksum(body)
    read = keys.read_key(forged)
    assert read is not None and read.id == id
    return forged


async def test_a_revoked_key_ends_here_at_once(identity: IdentityService, scope: OrgScope) -> None:
    made = await identity.create_key(scope, "brief", ["runs:read"])
    await identity.authenticate(made.key)
    await identity.revoke_key(scope, made.id)
    await identity.revoke_key(scope, made.id)
    with pytest.raises(Unauthorized):
        await identity.authenticate(made.key)
    (listed,) = await identity.keys(scope)
    assert listed.revoked_at is not None


async def test_a_revoked_key_ends_elsewhere_within_five_seconds(
    uow: UnitOfWork, identity: IdentityService, scope: OrgScope, monkeypatch: pytest.MonkeyPatch
) -> None:
    elsewhere = IdentityService(uow)
    made = await identity.create_key(scope, "brief", ["runs:read"])
    await elsewhere.authenticate(made.key)
    await identity.revoke_key(scope, made.id)
    assert await elsewhere.authenticate(made.key), "known from a moment ago"
    later = time.monotonic() + 5.0
    monkeypatch.setattr(sign_ins.time, "monotonic", lambda: later)
    with pytest.raises(Unauthorized):
        await elsewhere.authenticate(made.key)


async def test_a_known_key_does_not_outlive_its_expiry(identity: IdentityService, scope: OrgScope) -> None:
    made = await identity.create_key(scope, "brief", ["runs:read"], expires_in=timedelta(milliseconds=200))
    await identity.authenticate(made.key)
    await asyncio.sleep(0.21)
    with pytest.raises(Unauthorized):
        await identity.authenticate(made.key)


def test_sign_ins_are_bounded(scope: OrgScope) -> None:
    known = sign_ins.SignIns(size=2)
    for number in range(3):
        signed = sign_ins.Signed(scope, ())
        known.keep(bytes([number]), scope.org_id, signed, asked=time.monotonic(), expires_at=None)
    assert [known.find(bytes([number])) is not None for number in range(3)] == [False, True, True]


async def test_keys_of_another_organization_do_not_exist(
    identity: IdentityService, scope: OrgScope, other_scope: OrgScope
) -> None:
    foreign = await identity.create_key(other_scope, "theirs", ["runs:read"])
    assert await identity.keys(scope) == []
    with pytest.raises(NotFound) as of_foreign:
        await identity.revoke_key(scope, foreign.id)
    with pytest.raises(NotFound) as of_nothing:
        await identity.revoke_key(scope, uuid4())
    assert type(of_foreign.value) is type(of_nothing.value)
    assert await identity.authenticate(foreign.key)


async def test_keys_of_another_project_do_not_exist(identity: IdentityService) -> None:
    name = fresh_name()
    one, two = (await identity.bootstrap(name, "one")).scope, (await identity.bootstrap(name, "two")).scope
    made = await identity.create_key(one, "one's", ["runs:read"])
    assert "one's" not in [key.name for key in await identity.keys(two)]
    with pytest.raises(NotFound):
        await identity.revoke_key(two, made.id)


async def test_signing_in_sees_one_row(identity: IdentityService, scope: OrgScope, uow: UnitOfWork) -> None:
    made = await identity.create_key(scope, "one", ["runs:read"])
    await identity.create_key(scope, "two", ["runs:read"])
    async with uow.reading_for("sign_in", row=made.id) as work:
        assert list(await work.session.scalars(text("SELECT name FROM api_keys"))) == ["one"]
        assert list(await work.session.scalars(text("SELECT name FROM projects"))) == []
        changed = await work.session.execute(text("UPDATE api_keys SET revoked_at = now()"))
        assert changed.rowcount == 0
    async with uow.reading_for("sign_in") as work:
        assert list(await work.session.scalars(text("SELECT name FROM api_keys"))) == []


async def test_an_actor_is_recorded(identity: IdentityService, scope: OrgScope) -> None:
    made = await identity.create_key(replace(scope, actor="key:someone"), "child", ["runs:read"])
    assert made.created_by == "key:someone"


async def test_every_method_needs_one_connection(database_url: str) -> None:
    engine = make_engine(database_url, pool_size=1, overflow=0)
    identity = IdentityService(UnitOfWork(make_sessions(engine), lambda *_: None))
    made = await identity.bootstrap(fresh_name(), "main")
    assert made.api_key
    scope = await identity.authenticate(made.api_key)
    key = await identity.create_key(scope, "one", ["runs:read"])
    assert len(await identity.keys(scope)) == 2
    await identity.revoke_key(scope, key.id)
    await engine.dispose()


async def test_a_rotated_key_holds_for_the_overlap(uow: UnitOfWork, scope: OrgScope, other_scope: OrgScope) -> None:
    identity = IdentityService(uow)
    first = await identity.create_key(scope, "ci", ["agents:read"], expires_in=timedelta(days=30))
    second = await identity.rotate_key(scope, first.id, overlap=timedelta(hours=1))
    assert (second.name, second.permissions, second.id != first.id) == ("ci", ["agents:read"], True)
    for key in (first, second):
        assert (await identity.authenticate(key.key)).permissions == {"agents:read"}
    listed = {key.id: key for key in await identity.keys(scope)}
    former, fresh = listed[first.id], listed[second.id]
    assert former.replaced_by == second.id
    assert former.expires_at is not None
    assert fresh.expires_at is not None
    assert former.expires_at < datetime.now(UTC) + timedelta(hours=2) < fresh.expires_at
    third = await identity.rotate_key(scope, second.id, overlap=timedelta(0))
    with pytest.raises(Unauthorized):
        await identity.authenticate(second.key)
    for wrong in (second.id, new_id()):
        with pytest.raises(NotFound):
            await identity.rotate_key(scope, wrong, overlap=timedelta(0))
    with pytest.raises(NotFound):
        await identity.rotate_key(other_scope, third.id, overlap=timedelta(0))
    with pytest.raises(Forbidden):
        await identity.rotate_key(replace(scope, permissions=frozenset()), third.id, overlap=timedelta(0))


async def test_when_a_key_was_last_used_is_known(uow: UnitOfWork, scope: OrgScope) -> None:
    identity = IdentityService(uow)
    made = await identity.create_key(scope, "ci", ["agents:read"])
    assert made.last_used_at is None
    await identity.authenticate(made.key)
    (listed,) = await identity.keys(scope)
    assert listed.last_used_at is not None
    await IdentityService(uow).authenticate(made.key)
    (again,) = await identity.keys(scope)
    assert again.last_used_at == listed.last_used_at

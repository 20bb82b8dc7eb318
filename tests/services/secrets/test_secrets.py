"""Stored secrets: set, replaced, used, listed, deleted; never shown, and nothing without the right key."""

from __future__ import annotations

import json
from datetime import timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as some
from sqlalchemy import text
from tests.conftest import make_scope
from tests.services.secrets.conftest import THERE, make_service, new_master

from girih.db.base import new_id
from girih.db.tenancy import OrgScope
from girih.db.unit_of_work import UnitOfWork
from girih.errors import Conflict, InvalidInput, NotFound, Unavailable
from girih.providers.credentials import Destination, NotForThere
from girih.providers.keys.base import MasterKeys, WrongKey
from girih.services.audit.schemas import AuditSearch
from girih.services.audit.service import AuditService
from girih.services.secrets import service as module
from girih.services.secrets.sealing import DataKey, Place
from girih.services.secrets.short_memory import ShortMemory


async def test_a_stored_secret_comes_before_the_operators(uow: UnitOfWork, scope: OrgScope) -> None:
    masters = MasterKeys(new_master())
    service = make_service(uow, masters, **{"crm.key": "operator's"})
    assert await service.value(scope, "crm.key", THERE) == "operator's"
    assert await service.value(scope, "other", THERE) is None
    first = await service.put(scope, "crm.key", "project's")
    assert (first.version, first.created_by, first.used_at) == (1, "test", None)
    assert await service.value(scope, "crm.key", THERE) == "project's"
    second = await service.put(scope, "crm.key", "another")
    assert (second.version, second.created_at) == (2, first.created_at)
    assert await service.of(scope)("crm.key", THERE) == "another"
    assert await make_service(uow, masters).value(scope, "crm.key", THERE) == "another"
    (listed,) = await service.secrets(scope)
    assert listed.used_at is not None and listed.used_by == []
    assert "another" not in listed.model_dump_json()
    await service.delete(scope, "crm.key", force=False)
    assert await service.value(scope, "crm.key", THERE) == "operator's"
    with pytest.raises(NotFound):
        await service.delete(scope, "crm.key", force=True)


async def test_who_sets_and_deletes_is_written_down_without_a_value(uow: UnitOfWork, scope: OrgScope) -> None:
    service = make_service(uow, MasterKeys(new_master()))
    await service.put(scope, "crm.key", "canary")
    await service.put(scope, "crm.key", "canary")
    await service.delete(scope, "crm.key", force=True)
    log = await AuditService(uow).entries(scope, AuditSearch(action="secret."), cursor=None, limit=10)
    assert [(one.actor, one.action, one.target, one.details) for one in reversed(log.items)] == [
        ("test", "secret.set", "secret:crm.key", {"version": 1, "hosts": []}),
        ("test", "secret.set", "secret:crm.key", {"version": 2, "hosts": []}),
        ("test", "secret.deleted", "secret:crm.key", {"forced": True}),
    ]


async def test_projects_and_organizations_have_secrets_of_their_own(uow: UnitOfWork, scope: OrgScope) -> None:
    service = make_service(uow, MasterKeys(new_master()))
    other = await make_scope(uow)
    await service.put(scope, "crm.key", "first")
    await service.put(other, "crm.key", "second")
    assert await service.value(scope, "crm.key", THERE) == "first"
    assert await service.value(other, "crm.key", THERE) == "second"
    beside = OrgScope(scope.org_id, new_id(), "test")
    assert await service.value(beside, "crm.key", THERE) is None
    assert await service.secrets(beside) == []


async def test_nothing_of_a_value_is_in_the_database(uow: UnitOfWork, scope: OrgScope) -> None:
    service = make_service(uow, MasterKeys(new_master()))
    await service.put(scope, "crm.key", "canary-7f31")
    async with uow(scope) as work:
        row = (await work.session.execute(text("SELECT secrets::text AS whole, value FROM secrets"))).one()
    assert row.value.startswith("sealed:1:1:") and "canary" not in row.whole


async def test_what_is_no_secret_is_refused_without_its_value(uow: UnitOfWork, scope: OrgScope) -> None:
    service = make_service(uow, MasterKeys(new_master()))
    for name in ("", "Key", "a b", "a..b", "x" * 101, "é"):
        with pytest.raises(InvalidInput, match="a secret's name"):
            await service.put(scope, name, "value")
        assert await service.value(scope, name, THERE) is None
    with pytest.raises(InvalidInput, match="is empty"):
        await service.put(scope, "crm.key", " \n")


async def test_without_a_master_key_nothing_is_stored_or_read(uow: UnitOfWork, scope: OrgScope) -> None:
    without = make_service(uow, None, known="operator's")
    with pytest.raises(Unavailable, match="no master key") as refused:
        await without.put(scope, "crm.key", "value")
    assert "GIRIH_MASTER_KEY" in str(refused.value.help)
    assert await without.value(scope, "known", THERE) == "operator's"
    await make_service(uow, MasterKeys(new_master())).put(scope, "crm.key", "value")
    with pytest.raises(Unavailable, match="no master key"):
        await make_service(uow, None).value(scope, "crm.key", THERE)


async def test_another_master_key_reads_nothing(uow: UnitOfWork, scope: OrgScope) -> None:
    right, other = new_master(), new_master()
    await make_service(uow, MasterKeys(right)).put(scope, "crm.key", "value")
    with pytest.raises(Unavailable, match=right.id):
        await make_service(uow, MasterKeys(other)).value(scope, "crm.key", THERE)
    assert await make_service(uow, MasterKeys(other, [right])).value(scope, "crm.key", THERE) == "value"


async def test_values_that_were_swapped_do_not_open(uow: UnitOfWork, scope: OrgScope) -> None:
    masters = MasterKeys(new_master())
    service = make_service(uow, masters)
    await service.put(scope, "own", "mine")
    await service.put(scope, "boss", "the boss's")
    async with uow(scope) as work:
        await work.session.execute(
            text("UPDATE secrets SET value = (SELECT value FROM secrets WHERE name = 'boss') WHERE name = 'own'")
        )
    with pytest.raises(WrongKey, match="cannot be decrypted") as refused:
        await make_service(uow, masters).value(scope, "own", THERE)
    assert "boss" not in refused.value.message


async def test_data_keys_that_were_swapped_do_not_open(uow: UnitOfWork, scope: OrgScope) -> None:
    masters = MasterKeys(new_master())
    other = await make_scope(uow)
    for whose in (scope, other):
        await make_service(uow, masters).put(whose, "crm.key", "value")
    async with uow(other) as work:
        foreign = await work.session.scalar(text("SELECT wrapped FROM data_keys"))
    async with uow(scope) as work:
        await work.session.execute(text("UPDATE data_keys SET wrapped = :foreign"), {"foreign": foreign})
    with pytest.raises(WrongKey):
        await make_service(uow, masters).value(scope, "crm.key", THERE)


async def test_what_another_process_deletes_is_gone_within_five_seconds(
    uow: UnitOfWork, scope: OrgScope, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert module.KEPT < 5
    monkeypatch.setattr(module, "KEPT", 0.0)
    masters = MasterKeys(new_master())
    here, there = make_service(uow, masters), make_service(uow, masters)
    await here.put(scope, "crm.key", "value")
    assert await there.value(scope, "crm.key", THERE) == "value"
    await here.delete(scope, "crm.key", force=False)
    assert await there.value(scope, "crm.key", THERE) is None


async def test_what_models_are_bound_with_is_named_until_they_are_bound_otherwise(
    uow: UnitOfWork, scope: OrgScope
) -> None:
    service = make_service(uow, MasterKeys(new_master()))
    await service.put(scope, "model.key", "value")
    insert = text(
        "INSERT INTO model_bindings (id, org_id, project_id, name, revision, binding, digest, created_by) "
        "VALUES (:id, :org, :project, 'editor', :revision, :binding, 'x', 'test')"
    )
    for revision, key, users in ((1, "model.key", ["editor"]), (2, "other.key", [])):
        binding = json.dumps({"url": "https://models.example", "secret": f"secret://{key}"})
        whose = {"id": new_id(), "org": scope.org_id, "project": scope.project_id}
        async with uow(scope) as work:
            await work.session.execute(insert, {**whose, "revision": revision, "binding": binding})
        (shown,) = await service.secrets(scope)
        assert [use.name for use in shown.used_by] == users


async def test_a_secret_that_is_named_is_deleted_by_force_only(uow: UnitOfWork, scope: OrgScope) -> None:
    service = make_service(uow, MasterKeys(new_master()))
    await service.put(scope, "crm.key", "value")
    await service.put(scope, "crm.key-2", "value")
    async with uow(scope) as work:
        await work.session.execute(
            text(
                "INSERT INTO tools (id, org_id, project_id, name, document, digest) "
                "VALUES (:id, :org, :project, 'crm.lookup', :document, 'x')"
            ),
            {
                "id": new_id(),
                "org": scope.org_id,
                "project": scope.project_id,
                "document": '{"description": "not secret://crm.key-2", "http": {"auth": {"bearer": "secret://crm.key"}}}',
            },
        )
    shown = {one.name: [(use.kind, use.name) for use in one.used_by] for one in await service.secrets(scope)}
    assert shown == {"crm.key": [("tool", "crm.lookup")], "crm.key-2": []}
    with pytest.raises(Conflict, match=r"named by the tool 'crm\.lookup'"):
        await service.delete(scope, "crm.key", force=False)
    await service.delete(scope, "crm.key", force=True)
    assert [one.name for one in await service.secrets(scope)] == ["crm.key-2"]


@given(some.text(max_size=200))
def test_what_is_sealed_opens_in_its_place_alone(secret: str) -> None:
    org, row = new_id(), new_id()
    key, place = DataKey(org, 3, b"k" * 32), Place(org, "secrets", "value", row)
    sealed = key.seal(place, secret)
    assert key.open(place, sealed) == secret
    assert sealed != key.seal(place, secret)
    others = [
        (key, Place(new_id(), "secrets", "value", row), sealed),
        (key, Place(org, "other", "value", row), sealed),
        (key, Place(org, "secrets", "other", row), sealed),
        (key, Place(org, "secrets", "value", new_id()), sealed),
        (DataKey(org, 3, b"o" * 32), place, sealed),
        (key, place, sealed.replace("sealed:1:3:", "sealed:1:4:")),
        (key, place, sealed[:-6] + ("AAAA==" if not sealed.endswith("AAAA==") else "BBBB==")),
        (key, place, "sealed:1:3:"),
        (key, place, "sealed:1:x:"),
        (key, place, "plain"),
    ]
    for opener, where, what in others:
        with pytest.raises(WrongKey):
            opener.open(where, what)


def test_keys_and_values_show_in_no_repr() -> None:
    memory: ShortMemory[str, str] = ShortMemory(60, 2)
    for name in ("a", "b", "c"):
        memory.keep(name, "canary")
    assert (memory.get("a"), memory.get("c")) == (None, "canary")
    shown = [
        repr(memory),
        repr(DataKey(new_id(), 1, b"canary" * 5)),
        repr(new_master()),
        repr(MasterKeys(new_master())),
    ]
    assert "canary" not in "".join(shown) and "bytes" not in "".join(shown)
    assert timedelta(seconds=module.KEPT) < timedelta(seconds=5)


async def test_a_value_goes_to_its_hosts_only_whoever_set_it(uow: UnitOfWork, scope: OrgScope) -> None:
    service = make_service(uow, MasterKeys(new_master()), **{"their.key": "operator's"})
    spec, other = Destination("https://api.example.com", is_chosen=False), Destination("https://evil.example", True)
    made = await service.put(scope, "crm.key", "value")
    assert made.hosts == []
    assert await service.value(scope, "crm.key", THERE) == "value"  # an operator's endpoint
    for name in ("crm.key", "their.key"):  # what a spec alone names
        with pytest.raises(NotForThere, match="is for no host"):
            await service.value(scope, name, spec)
    assert (await service.put(scope, "crm.key", "value", ["API.example.com"])).hosts == ["api.example.com"]
    assert await service.of(scope)("crm.key", spec) == "value"
    with pytest.raises(NotForThere, match=r"is for api\.example\.com, and is not sent to evil\.example"):
        await service.value(scope, "crm.key", other)
    assert (await service.put(scope, "crm.key", "another")).hosts == ["api.example.com"]  # as it was
    assert (await service.put(scope, "crm.key", "another", [])).hosts == []
    with pytest.raises(NotForThere):
        await service.value(scope, "crm.key", spec)
    log = await AuditService(uow).entries(scope, AuditSearch(action="secret.set"), cursor=None, limit=1)
    assert log.items[0].details == {"version": 4, "hosts": []}


async def test_one_that_is_older_than_hosts_goes_where_it_went_until_it_is_set_again(
    uow: UnitOfWork, scope: OrgScope
) -> None:
    service = make_service(uow, MasterKeys(new_master()))
    await service.put(scope, "crm.key", "value")
    async with uow(scope) as work:
        await work.session.execute(text("UPDATE secrets SET hosts = NULL"))
    assert (await service.secrets(scope))[0].hosts is None
    assert await service.value(scope, "crm.key", Destination("https://any.example", is_chosen=False)) == "value"
    await service.put(scope, "crm.key", "value", ["api.example.com"])
    with pytest.raises(NotForThere):
        await service.value(scope, "crm.key", Destination("https://any.example", is_chosen=False))

"""What matters is written down in the transaction that does it, sealed to what came before, and never changed."""

from __future__ import annotations

import asyncio
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from sqlalchemy import text
from sqlalchemy.exc import DBAPIError
from tests.services.identity.people import Town

from girih.db.tenancy import OrgScope
from girih.db.unit_of_work import UnitOfWork
from girih.errors import BadCursor, NotFound
from girih.providers.embeddings.ladder import Embedders
from girih.services.agents.service import AgentService
from girih.services.agents.terms import Terms
from girih.services.audit.schemas import AuditEntryOut, AuditSearch
from girih.services.audit.sealing import FIRST, Verification, seal_of
from girih.services.audit.service import AuditService, record
from girih.services.identity.granting import Wanted
from girih.services.identity.service import IdentityService
from girih.services.knowledge.service import KnowledgeService
from girih.services.registry.service import RegistryService

ANY = AuditSearch()
SMALL = 'kind: graph/v1\nname: small\nnodes:\n  one: { set: { x: 1 }, next: $end }\noutputs: { x: "${ one.x }" }\n'
START = datetime(2026, 1, 1, tzinfo=UTC)


async def actions(log: AuditService, scope: OrgScope, wanted: AuditSearch = ANY) -> list[str]:
    return [one.action for one in (await log.entries(scope, wanted, cursor=None, limit=100)).items]


async def write(uow: UnitOfWork, scope: OrgScope, *done: str) -> None:
    for action in done:
        async with uow(scope) as work:
            await record(work, action, "thing:1", number=1.5, words="ä\u2028")


async def test_keys_and_members_are_written_down(uow: UnitOfWork, scope: OrgScope, other_scope: OrgScope) -> None:
    log, town = AuditService(uow), Town.of(uow)
    identity = IdentityService(uow)
    key = await identity.create_key(scope, "ci", ["agents:read"])
    await identity.revoke_key(scope, key.id)
    await identity.revoke_key(scope, key.id)
    person = town.holder(await town.join(scope))
    await town.members.set_roles(scope, person.account_id, [Wanted("owner"), Wanted("viewer", "main")])
    assert await actions(log, scope) == [
        "member.roles_set",
        "member.joined",
        "invitation.created",
        "key.revoked",
        "key.created",
    ]
    newest, joined = (await log.entries(scope, ANY, cursor=None, limit=2)).items
    assert (newest.details, newest.project_id) == ({"roles": ["owner", "viewer@main"]}, None)
    assert joined.actor == joined.target == f"user:{person.account_id}"
    assert key.key not in str((await log.entries(scope, ANY, cursor=None, limit=100)).items)
    assert await actions(log, other_scope) == []
    assert (await log.verify(scope)).entries == 5


async def test_what_is_published_is_written_down_once(uow: UnitOfWork, scope: OrgScope, tmp_path: Path) -> None:
    log = AuditService(uow)
    agents = AgentService(uow, RegistryService(uow), KnowledgeService(uow, tmp_path, Embedders("hashing")))
    for dry_run in (True, False, False):
        await agents.apply_on(scope, {"small.yaml": SMALL}, Terms(dry_run=dry_run))
    (entry,) = (await log.entries(scope, ANY, cursor=None, limit=100)).items
    assert (entry.action, entry.target) == ("workspace.applied", f"project:{scope.project_id}")
    assert entry.details["changes"] == [{"action": "create", "kind": "graph/v1", "name": "small", "version": "1.0.0"}]


async def test_what_did_not_happen_is_not_written_down(uow: UnitOfWork, scope: OrgScope) -> None:
    log, identity = AuditService(uow), IdentityService(uow)
    with pytest.raises(NotFound):
        await identity.revoke_key(scope, scope.org_id)
    with pytest.raises(RuntimeError):
        async with uow(scope) as work:
            await record(work, "key.created", "key:1")
            raise RuntimeError
    verdict = await log.verify(scope)
    assert (verdict.holds, verdict.entries, verdict.head) == (True, 0, None)


async def test_entries_are_found(uow: UnitOfWork, scope: OrgScope) -> None:
    log = AuditService(uow)
    await write(uow, replace(scope, actor="key:a"), "key.created", "key.revoked")
    await write(uow, replace(scope, actor="key:b"), "alias.moved")
    now = datetime.now(UTC)
    for wanted, found in (
        (AuditSearch(actor="key:a"), ["key.revoked", "key.created"]),
        (AuditSearch(action="key."), ["key.revoked", "key.created"]),
        (AuditSearch(action="key.created"), ["key.created"]),
        (AuditSearch(action="k%"), []),
        (AuditSearch(target="thing:1", actor="key:b"), ["alias.moved"]),
        (AuditSearch(target="thing:2"), []),
        (AuditSearch(since=now + timedelta(hours=1)), []),
        (AuditSearch(until=now + timedelta(hours=1)), ["alias.moved", "key.revoked", "key.created"]),
    ):
        assert await actions(log, scope, wanted) == found, wanted
    first = await log.entries(scope, ANY, cursor=None, limit=2)
    rest = await log.entries(scope, ANY, cursor=first.next, limit=2)
    assert ([one.number for one in first.items], [one.number for one in rest.items], rest.next) == ([3, 2], [1], None)
    for cursor in ("-1", "x", "1" * 20, "²"):
        with pytest.raises(BadCursor):
            await log.entries(scope, ANY, cursor=cursor, limit=2)


async def test_many_at_once_leave_no_gap(uow: UnitOfWork, scope: OrgScope) -> None:
    log = AuditService(uow)
    await asyncio.gather(*(write(uow, scope, "a", "b") for _ in range(8)))
    verdict = await log.verify(scope)
    assert (verdict.holds, verdict.entries) == (True, 16)


async def test_the_application_changes_nothing(uow: UnitOfWork, scope: OrgScope) -> None:
    await write(uow, scope, "key.created")
    for statement in (
        "UPDATE audit_entries SET actor = 'x'",
        "DELETE FROM audit_entries",
        "TRUNCATE audit_entries",
    ):
        with pytest.raises(DBAPIError):
            async with uow(scope) as work:
                await work.session.execute(text(statement))


def chain(length: int) -> list[AuditEntryOut]:
    """A log that holds."""
    made: list[AuditEntryOut] = []
    for number in range(1, length + 1):
        entry = AuditEntryOut(
            number=number,
            at=START + timedelta(minutes=number),
            project_id=None,
            actor="key:1",
            action="key.created",
            target=f"key:{number}",
            details={"n": number},
            seal="",
        )
        made.append(entry.model_copy(update={"seal": seal_of(entry, made[-1].seal if made else FIRST)}))
    return made


def first_broken(entries: list[AuditEntryOut]) -> int | None:
    verification = Verification()
    verification.read(entries)
    verdict = verification.verdict()
    assert verdict.holds is (verdict.first_broken is None)
    return verdict.first_broken


CHANGES = [
    {"actor": "key:2"},
    {"action": "key.revoked"},
    {"target": "key:0"},
    {"details": {}},
    {"at": START},
    {"number": 99},
    {"seal": "0" * 64},
]


@given(at=st.integers(0, 7), change=st.sampled_from(CHANGES))
def test_no_entry_changes_unseen(at: int, change: dict[str, object]) -> None:
    log = chain(8)
    assert first_broken(log) is None
    log[at] = log[at].model_copy(update=change)
    assert first_broken(log) == at + 1


@given(at=st.integers(0, 6))
def test_no_entry_goes_unseen_nor_two_change_places(at: int) -> None:
    log = chain(8)
    assert first_broken([*log[:at], *log[at + 1 :]]) == at + 1
    log[at], log[at + 1] = log[at + 1], log[at]
    assert first_broken(log) == at + 1

"""Moves of protected aliases wait for a second person: another one, in time, and on the ground they were asked for."""

from __future__ import annotations

import asyncio
from dataclasses import replace
from datetime import timedelta
from uuid import UUID

import pytest
from sqlalchemy import text
from sqlalchemy.exc import DBAPIError
from tests.services.agents.test_alias_traffic import HALF, told
from tests.services.agents.workspaces import HELLO

from girih.db.base import new_id
from girih.db.tenancy import OrgScope
from girih.db.unit_of_work import UnitOfWork
from girih.errors import Conflict, Forbidden, GirihError, NotFound
from girih.services.agents.alias_schemas import ProposalOut
from girih.services.agents.aliases import Asked
from girih.services.agents.service import AgentService
from girih.services.events.service import EventService
from girih.services.identity.service import IdentityService
from girih.services.knowledge.service import KnowledgeService
from girih.services.registry.service import RegistryService


@pytest.fixture
def agents(uow: UnitOfWork, registry: RegistryService, knowledge: KnowledgeService) -> AgentService:
    return AgentService(uow, registry, knowledge, tells=EventService(uow))


@pytest.fixture
async def guarded(agents: AgentService, scope: OrgScope) -> AgentService:
    """`hello` in three versions; `prod` is the first, and protected."""
    for greeting in ("Hello", "Hi", "Good day"):
        await agents.apply(scope, {"hello.yaml": HELLO.replace("Hello", greeting)})
    await agents.protections.protect(scope, "hello", "prod")
    return agents


@pytest.fixture
def second(scope: OrgScope) -> OrgScope:
    """Somebody else in the same project."""
    return replace(scope, actor="somebody else")


async def asked(agents: AgentService, scope: OrgScope, version: str = "1.0.1", comment: str | None = None) -> UUID:
    """Ask for `prod` to be that version."""
    found = await agents.aliases.set(scope, "hello", "prod", version, asked=Asked(comment))
    assert isinstance(found, ProposalOut)
    assert found.state == "open"
    return UUID(found.id)


async def prod(agents: AgentService, scope: OrgScope) -> str:
    return (await agents.resolve(scope, "hello@prod")).version


async def test_a_move_waits_for_another_one(
    guarded: AgentService, scope: OrgScope, second: OrgScope, uow: UnitOfWork
) -> None:
    number = await asked(guarded, scope, comment="it is friendlier")
    assert await prod(guarded, scope) == "1.0.0"
    with pytest.raises(Forbidden, match="cannot decide on it"):
        await guarded.proposals.approve(scope, number)
    with pytest.raises(Forbidden, match="cannot decide on it"):
        await guarded.proposals.refuse(scope, number)
    done = await guarded.proposals.approve(second, number, "so it is")
    assert (done.state, done.decided_by, done.comment, done.decision) == (
        "approved",
        "somebody else",
        "it is friendlier",
        "so it is",
    )
    assert await prod(guarded, scope) == "1.0.1"
    move = (await guarded.aliases.moves(scope, "hello", "prod"))[0]
    assert (move.reason, move.by, move.proposed_by) == ("set", "somebody else", "test")
    with pytest.raises(Conflict, match="was approved by somebody else"):
        await guarded.proposals.approve(second, number)
    kinds = [kind for kind, _ in await told(uow, scope)]
    assert kinds == ["protected", "proposed", "moved", "decided"]


async def test_splits_and_removals_wait_too(guarded: AgentService, scope: OrgScope, second: OrgScope) -> None:
    split = await guarded.aliases.split(scope, "hello", "prod", HALF)
    assert isinstance(split, ProposalOut)
    assert (split.action, split.weights) == ("split", HALF)
    await guarded.proposals.approve(second, UUID(split.id))
    assert (await guarded.aliases.alias(scope, "hello", "prod")).weights == HALF
    removal = await guarded.aliases.remove(scope, "hello", "prod")
    assert removal is not None
    assert (await guarded.aliases.alias(scope, "hello", "prod")).protected
    await guarded.proposals.approve(second, UUID(removal.id))
    with pytest.raises(NotFound, match="no alias `prod`"):
        await guarded.aliases.alias(scope, "hello", "prod")


async def test_what_could_not_be_done_is_not_asked_for(guarded: AgentService, scope: OrgScope) -> None:
    for wrong in (
        guarded.aliases.set(scope, "hello", "prod", "9.9.9"),
        guarded.aliases.split(scope, "hello", "prod", {"1.0.0": 50, "1.0.1": 60}),
        guarded.aliases.set(scope, "nobody", "prod", "1.0.0"),
    ):
        with pytest.raises(GirihError):
            await wrong
    assert await guarded.proposals.proposals(scope) == ([], None)


async def test_the_way_back_is_open_in_an_emergency(guarded: AgentService, scope: OrgScope, second: OrgScope) -> None:
    await guarded.proposals.approve(second, await asked(guarded, scope))
    assert (await guarded.aliases.roll_back(scope, "hello", "prod")).aliases["prod"] == "1.0.0"
    await asked(guarded, scope)
    assert await prod(guarded, scope) == "1.0.0", "forward again needs two"


async def test_refused_and_withdrawn_stay_so(guarded: AgentService, scope: OrgScope, second: OrgScope) -> None:
    refused, withdrawn = await asked(guarded, scope), await asked(guarded, scope, "1.0.2")
    assert (await guarded.proposals.refuse(second, refused, "not today")).decision == "not today"
    with pytest.raises(Forbidden, match="only who asked"):
        await guarded.proposals.withdraw(second, withdrawn)
    await guarded.proposals.withdraw(scope, withdrawn)
    for number, state in ((refused, "refused"), (withdrawn, "withdrawn")):
        assert (await guarded.proposals.proposal(scope, number)).state == state
        with pytest.raises(Conflict, match=state):
            await guarded.proposals.approve(second, number)
    assert await prod(guarded, scope) == "1.0.0"


async def test_what_was_asked_for_before_a_move_is_stale(
    guarded: AgentService, scope: OrgScope, second: OrgScope
) -> None:
    first, other = await asked(guarded, scope), await asked(guarded, scope, "1.0.2")
    await guarded.proposals.approve(second, first)
    assert (await guarded.proposals.proposal(scope, other)).state == "stale"
    with pytest.raises(Conflict, match="has moved since"):
        await guarded.proposals.approve(second, other)
    assert await prod(guarded, scope) == "1.0.1"
    newest = await asked(guarded, scope, "1.0.2")
    still_open, _ = await guarded.proposals.proposals(scope, is_open=True)
    assert [one.id for one in still_open] == [str(newest)]


async def test_what_is_past_its_time_is_not_approved(guarded: AgentService, scope: OrgScope, second: OrgScope) -> None:
    found = await guarded.aliases.set(scope, "hello", "prod", "1.0.1", asked=Asked(expires_in=timedelta(seconds=-1)))
    assert isinstance(found, ProposalOut)
    assert found.state == "expired"
    with pytest.raises(Conflict, match="could be approved until"):
        await guarded.proposals.approve(second, UUID(found.id))
    assert await guarded.proposals.proposals(scope, is_open=True) == ([], None)


async def test_of_two_who_decide_at_once_one_does(guarded: AgentService, scope: OrgScope, second: OrgScope) -> None:
    number = await asked(guarded, scope)
    third = replace(scope, actor="a third one")
    ends = await asyncio.gather(
        guarded.proposals.approve(second, number),
        guarded.proposals.refuse(third, number),
        guarded.proposals.approve(third, number),
        return_exceptions=True,
    )
    assert [isinstance(one, ProposalOut) for one in ends].count(True) == 1
    assert [type(one) for one in ends if isinstance(one, BaseException)] == [Conflict, Conflict]


async def test_a_second_key_is_no_second_person(guarded: AgentService, scope: OrgScope, uow: UnitOfWork) -> None:
    identity = IdentityService(uow)
    ada, bob = (replace(scope, actor=f"user:{new_id()}") for _ in range(2))
    of_ada = [
        replace(scope, actor=f"key:{(await identity.create_key(ada, 'x', ['agents:read'])).id}") for _ in range(2)
    ]
    made_by_key = replace(scope, actor=f"key:{(await identity.create_key(of_ada[0], 'y', ['agents:read'])).id}")
    number = await asked(guarded, of_ada[0])
    for same in (ada, of_ada[1], made_by_key):
        with pytest.raises(Forbidden, match="that made it"):
            await guarded.proposals.approve(same, number)
    of_bob = replace(scope, actor=f"key:{(await identity.create_key(bob, 'z', ['agents:read'])).id}")
    assert (await guarded.proposals.approve(of_bob, number)).state == "approved"


async def test_two_keys_of_a_server_without_people_are_two(
    guarded: AgentService, scope: OrgScope, uow: UnitOfWork
) -> None:
    identity = IdentityService(uow)
    first = await identity.create_key(scope, "first", ["agents:read"])
    boot = replace(scope, actor=f"key:{first.id}")
    one, two = [
        replace(scope, actor=f"key:{(await identity.create_key(boot, 'x', ['agents:read'])).id}") for _ in range(2)
    ]
    number = await asked(guarded, one)
    made_by_one = replace(scope, actor=f"key:{(await identity.create_key(one, 'y', ['agents:read'])).id}")
    with pytest.raises(Forbidden, match="that made it"):
        await guarded.proposals.approve(made_by_one, number)
    with pytest.raises(Forbidden, match="that made it"):
        await guarded.proposals.approve(boot, number)
    assert (await guarded.proposals.approve(two, number)).state == "approved"


async def test_the_database_holds_that_it_are_two(guarded: AgentService, scope: OrgScope, uow: UnitOfWork) -> None:
    number = await asked(guarded, scope)
    with pytest.raises(DBAPIError, match="second_person"):
        async with uow(scope) as work:
            await work.session.execute(
                text("UPDATE agent_proposals SET state = 'approved', decided_by = proposed_by WHERE id = :id"),
                {"id": number},
            )


async def test_others_neither_see_nor_decide(guarded: AgentService, scope: OrgScope, other_scope: OrgScope) -> None:
    number = await asked(guarded, scope)
    other = replace(other_scope, actor="somebody else")
    for act in (guarded.proposals.proposal, guarded.proposals.approve, guarded.proposals.refuse):
        with pytest.raises(NotFound, match=str(number)):
            await act(other, number)
    assert await guarded.proposals.proposals(other) == ([], None)
    assert await guarded.protections.protections(other) == []


async def test_pages_of_proposals(guarded: AgentService, scope: OrgScope) -> None:
    numbers = [str(await asked(guarded, scope)) for _ in range(3)]
    first, cursor = await guarded.proposals.proposals(scope, limit=2)
    rest, end = await guarded.proposals.proposals(scope, cursor=cursor, limit=2)
    assert [one.id for one in (*first, *rest)] == numbers[::-1]
    assert end is None


async def test_a_general_protection_covers_agents_still_to_come(agents: AgentService, scope: OrgScope) -> None:
    for _ in range(2):
        await agents.protections.protect(scope, None, "prod")
    await agents.apply(scope, {"hello.yaml": HELLO})
    with pytest.raises(NotFound):
        await agents.resolve(scope, "hello@prod")
    found = await agents.aliases.set(scope, "hello", "prod", "1.0.0")
    assert isinstance(found, ProposalOut)
    await agents.proposals.approve(replace(scope, actor="somebody else"), UUID(found.id))
    assert (await agents.aliases.alias(scope, "hello", "prod")).protected
    await agents.protections.protect(scope, "hello", "prod")
    assert [one.agent for one in await agents.protections.protections(scope)] == [None, "hello"]
    await agents.protections.unprotect(scope, None, "prod")
    with pytest.raises(NotFound, match="not protected in general"):
        await agents.protections.unprotect(scope, None, "prod")
    assert (await agents.aliases.alias(scope, "hello", "prod")).protected
    await agents.protections.unprotect(scope, "hello", "prod")
    assert not (await agents.aliases.alias(scope, "hello", "prod")).protected

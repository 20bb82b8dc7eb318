"""Aliases are led to versions and back; every move is kept, and can neither be changed nor lost."""

from __future__ import annotations

import asyncio

import pytest
from sqlalchemy import text
from sqlalchemy.exc import DBAPIError
from tests.services.agents.workspaces import HELLO

from girih.db.tenancy import OrgScope
from girih.db.unit_of_work import UnitOfWork
from girih.errors import Conflict, InvalidInput, NotFound
from girih.services.agents.service import AgentService

VERSIONS = ("1.0.0", "1.0.1", "1.0.2", "1.0.3")


@pytest.fixture
async def published(agents: AgentService, scope: OrgScope) -> AgentService:
    """`hello` in four versions; `prod` is the first."""
    for greeting in ("Hello", "Hi", "Good day", "Salut"):
        await agents.apply(scope, {"hello.yaml": HELLO.replace("Hello", greeting)})
    return agents


async def prod(agents: AgentService, scope: OrgScope) -> str:
    return (await agents.resolve(scope, "hello@prod")).version


async def test_an_alias_is_led_back_the_way_it_came(published: AgentService, scope: OrgScope) -> None:
    aliases = published.aliases
    for version in ("1.0.1", "1.0.2"):
        await aliases.set(scope, "hello", "prod", version)
    assert (await aliases.roll_back(scope, "hello", "prod")).aliases["prod"] == "1.0.1"
    await aliases.set(scope, "hello", "prod", "1.0.3")
    assert (await aliases.roll_back(scope, "hello", "prod")).aliases["prod"] == "1.0.1", "not the one that was left"
    assert (await aliases.roll_back(scope, "hello", "prod")).aliases["prod"] == "1.0.0"
    with pytest.raises(Conflict, match="no other version before"):
        await aliases.roll_back(scope, "hello", "prod")
    assert await prod(published, scope) == "1.0.0"
    moves = await aliases.moves(scope, "hello", "prod")
    assert [(move.reason, move.version) for move in reversed(moves)] == [
        ("set", "1.0.0"),
        ("set", "1.0.1"),
        ("set", "1.0.2"),
        ("rolled_back", "1.0.1"),
        ("set", "1.0.3"),
        ("rolled_back", "1.0.1"),
        ("rolled_back", "1.0.0"),
    ]
    assert {move.by for move in moves} == {"test"}


async def test_setting_what_is_so_already_is_no_move(published: AgentService, scope: OrgScope) -> None:
    for _ in range(2):
        await published.aliases.set(scope, "hello", "prod", "1.0.1")
        await published.aliases.set(scope, "hello", "prod", "prod")
    assert len(await published.aliases.moves(scope, "hello", "prod")) == 2
    await published.apply(scope, {"hello.yaml": HELLO.replace("Hello", "Ciao")})
    assert len(await published.aliases.moves(scope, "hello", "prod")) == 2, "publishing moves `latest` alone"


async def test_a_removed_alias_is_gone_and_its_moves_are_not(published: AgentService, scope: OrgScope) -> None:
    aliases = published.aliases
    await aliases.set(scope, "hello", "stage", "1.0.1")
    await aliases.remove(scope, "hello", "stage")
    for again in (aliases.remove, aliases.roll_back):
        with pytest.raises(NotFound, match="no alias `stage`"):
            await again(scope, "hello", "stage")
    with pytest.raises(NotFound):
        await published.resolve(scope, "hello@stage")
    await aliases.set(scope, "hello", "stage", "1.0.2")
    with pytest.raises(Conflict, match="no other version before"):
        await aliases.roll_back(scope, "hello", "stage")
    moves = await aliases.moves(scope, "hello", "stage")
    assert [(move.reason, move.version) for move in moves] == [("set", "1.0.2"), ("removed", None), ("set", "1.0.1")]


async def test_what_cannot_be_led_back_is_said(published: AgentService, scope: OrgScope, other_scope: OrgScope) -> None:
    aliases = published.aliases
    for act in (aliases.roll_back, aliases.remove, aliases.moves):
        with pytest.raises(InvalidInput, match="`latest` is always"):
            await act(scope, "hello", "latest")
        with pytest.raises(NotFound, match="no alias `prud`") as near:
            await act(scope, "hello", "prud")
        assert "prod" in str(near.value.help)
        with pytest.raises(NotFound, match="no agent `hello`"):
            await act(other_scope, "hello", "prod")
        with pytest.raises(NotFound, match="no agent has such a name"):
            await act(scope, "../hello", "prod")


async def test_of_many_who_lead_back_at_once_each_goes_one_step(published: AgentService, scope: OrgScope) -> None:
    for version in VERSIONS[1:]:
        await published.aliases.set(scope, "hello", "prod", version)
    told = await asyncio.gather(
        *(published.aliases.roll_back(scope, "hello", "prod") for _ in range(5)), return_exceptions=True
    )
    assert sorted(one.aliases["prod"] for one in told if not isinstance(one, BaseException)) == list(VERSIONS[:-1])
    assert [type(one) for one in told if isinstance(one, BaseException)] == [Conflict, Conflict]
    assert await prod(published, scope) == "1.0.0"


@pytest.mark.parametrize("statement", ["UPDATE agent_moves SET actor = 'nobody'", "DELETE FROM agent_moves"])
async def test_the_application_cannot_change_what_happened(
    published: AgentService, scope: OrgScope, uow: UnitOfWork, statement: str
) -> None:
    with pytest.raises(DBAPIError, match="permission denied"):
        async with uow(scope) as work:
            await work.session.execute(text(statement))
    assert len(await published.aliases.moves(scope, "hello", "prod")) == 1

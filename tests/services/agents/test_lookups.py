"""What references mean is known without the database, for as long as nothing has changed, and never for longer."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, contextmanager

import pytest
from sqlalchemy import event, text
from sqlalchemy.ext.asyncio import AsyncEngine
from tests.services.agents.workspaces import HELLO

from girih.db.tenancy import OrgScope
from girih.db.unit_of_work import UnitOfWork
from girih.errors import NotFound
from girih.services.agents.lookups import FRESH, IDLE, MOST_ABSENT, Absent, Lookups
from girih.services.agents.meanings import Meanings
from girih.services.agents.service import AgentService


class Clock:
    """A clock that the test moves."""

    def __init__(self) -> None:
        self.now = 1000.0

    def __call__(self) -> float:
        return self.now


@contextmanager
def statements(engine: AsyncEngine) -> Iterator[list[str]]:
    """The statements that are sent meanwhile."""
    sent: list[str] = []

    def note(*given: object) -> None:
        sent.append(str(given[2]))

    event.listen(engine.sync_engine, "before_cursor_execute", note)
    try:
        yield sent
    finally:
        event.remove(engine.sync_engine, "before_cursor_execute", note)


@pytest.fixture
async def published(agents: AgentService, scope: OrgScope) -> AgentService:
    for greeting in ("Hello", "Hi"):
        await agents.apply(scope, {"hello.yaml": HELLO.replace("Hello", greeting)})
    return agents


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def elsewhere(uow: UnitOfWork, published: AgentService, clock: Clock) -> Meanings:
    """What another process knows; it hears of nothing unless it is told."""
    return Meanings(uow, published.plan, Lookups(clock))


async def test_what_is_known_costs_no_statement(
    elsewhere: Meanings, published: AgentService, scope: OrgScope, engine: AsyncEngine
) -> None:
    refs = ("hello", "hello@prod", "hello@1.0.1")
    for ref in refs:
        await elsewhere.agent(scope, ref)
    with statements(engine) as sent:
        for _ in range(100):
            for ref in refs:
                await elsewhere.agent(scope, ref)
                await elsewhere.pick(scope, ref, "user 1")
    assert sent == []
    with statements(engine) as sent:
        await elsewhere.look()
    assert len(sent) == 2, "one question for all projects in use, and who is asking"
    del published


async def test_a_change_elsewhere_is_seen_by_looking(
    elsewhere: Meanings, published: AgentService, scope: OrgScope, clock: Clock
) -> None:
    await elsewhere.look()
    assert (await elsewhere.agent(scope, "hello@prod")).version == "1.0.0"
    await published.aliases.set(scope, "hello", "prod", "1.0.1")
    assert (await elsewhere.agent(scope, "hello@prod")).version == "1.0.0", "it has heard of nothing"
    await elsewhere.look()
    assert (await elsewhere.agent(scope, "hello@prod")).version == "1.0.1"
    await published.aliases.split(scope, "hello", "prod", {"1.0.0": 40, "1.0.1": 60})
    await elsewhere.look()
    assert len((await elsewhere.of(scope, "hello@prod")).shares) == 2
    await published.aliases.remove(scope, "hello", "prod")
    await elsewhere.look()
    with pytest.raises(NotFound):
        await elsewhere.agent(scope, "hello@prod")
    del clock


async def test_nothing_is_believed_that_nobody_confirmed(
    elsewhere: Meanings, published: AgentService, scope: OrgScope, clock: Clock
) -> None:
    await elsewhere.agent(scope, "hello@prod")
    await published.aliases.set(scope, "hello", "prod", "1.0.1")
    clock.now += FRESH + 0.001
    assert (await elsewhere.agent(scope, "hello@prod")).version == "1.0.1", "as where notifications and looks are lost"


async def test_what_was_confirmed_is_believed_on(
    elsewhere: Meanings, scope: OrgScope, clock: Clock, engine: AsyncEngine
) -> None:
    await elsewhere.agent(scope, "hello@prod")
    await elsewhere.look()
    await elsewhere.agent(scope, "hello@prod")
    for _ in range(5):
        clock.now += FRESH * 0.9
        await elsewhere.look()
        with statements(engine) as sent:
            await elsewhere.agent(scope, "hello@prod")
        assert sent == []
    clock.now += IDLE + 1
    with statements(engine) as sent:
        await elsewhere.look()
    assert sent == [], "nobody asks for this project any more"


async def test_what_is_not_there_is_known_too_and_bounded(
    elsewhere: Meanings, published: AgentService, scope: OrgScope, engine: AsyncEngine
) -> None:
    for _ in range(2):
        with pytest.raises(NotFound, match="no agent `helo`") as fault:
            await elsewhere.agent(scope, "helo")
        assert "hello" in str(fault.value.help)
    with statements(engine) as sent, pytest.raises(NotFound):
        await elsewhere.agent(scope, "helo")
    assert sent == []
    await elsewhere.agent(scope, "hello")
    for number in range(MOST_ABSENT + 10):
        elsewhere._lookups.keep(scope, f"guess{number}", Absent("no", None), elsewhere._lookups.ticket(scope))
    assert len(elsewhere._lookups._absent) == MOST_ABSENT
    with statements(engine) as sent:
        await elsewhere.agent(scope, "hello")
    assert sent == [], "guessing pushes nothing out that is there"
    await published.apply(scope, {"helo.yaml": HELLO.replace("name: hello", "name: helo")})
    await elsewhere.look()
    assert (await elsewhere.agent(scope, "helo")).version == "1.0.0"


async def test_organizations_know_nothing_of_each_other(
    elsewhere: Meanings, scope: OrgScope, other_scope: OrgScope
) -> None:
    await elsewhere.agent(scope, "hello")
    with pytest.raises(NotFound):
        await elsewhere.agent(other_scope, "hello")
    # Not even with the number of the other one's project.
    with pytest.raises(NotFound):
        await elsewhere.agent(OrgScope(other_scope.org_id, scope.project_id), "hello")
    assert (await elsewhere.agent(scope, "hello")).version == "1.0.1"


async def test_what_changes_while_it_is_read_is_not_kept(
    uow: UnitOfWork, published: AgentService, scope: OrgScope
) -> None:
    meanings: Meanings
    has_read, may_go_on = asyncio.Event(), asyncio.Event()

    class Slow:
        """Transactions whose answers arrive late."""

        @asynccontextmanager
        async def __call__(self, scope: OrgScope) -> AsyncIterator[object]:
            async with uow(scope) as work:
                yield work
            has_read.set()
            await may_go_on.wait()

    meanings = Meanings(Slow(), published.plan)  # type: ignore[arg-type] - all that is needed here
    reading = asyncio.create_task(meanings.of(scope, "hello@prod"))
    await has_read.wait()
    await published.aliases.set(scope, "hello", "prod", "1.0.1")
    meanings.changed(scope.project_id)
    may_go_on.set()
    assert (await reading).main.version == "1.0.0", "it asked before"
    assert (await meanings.of(scope, "hello@prod")).main.version == "1.0.1"


async def test_every_change_counts_once_it_is_committed(
    published: AgentService, scope: OrgScope, uow: UnitOfWork
) -> None:
    async def revision() -> int:
        async with uow(scope) as work:
            found = await work.session.scalar(text("SELECT revision FROM agent_revisions WHERE project_id = :id"),
                                              {"id": scope.project_id})  # fmt: skip
        assert isinstance(found, int)
        return found

    seen = [await revision()]
    await published.aliases.set(scope, "hello", "stage", "1.0.1")
    seen.append(await revision())
    await published.aliases.set(scope, "hello", "stage", "1.0.1")
    assert await revision() == seen[-1], "nothing was changed"
    await published.aliases.split(scope, "hello", "stage", {"1.0.0": 50, "1.0.1": 50})
    seen.append(await revision())
    await published.aliases.remove(scope, "hello", "stage")
    seen.append(await revision())
    await published.apply(scope, {"hello.yaml": HELLO.replace("Hello", "Salut")})
    seen.append(await revision())
    async with uow(scope) as work:
        await work.session.execute(text("UPDATE agents SET retired_at = now()"))
    seen.append(await revision())
    assert len(set(seen)) == len(seen)

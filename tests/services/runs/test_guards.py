"""A new version is watched by its runs: it goes back when it does worse, and stays when it does not."""

from __future__ import annotations

import asyncio
from pathlib import Path

import pytest
from sqlalchemy import text
from tests.conftest import make_scope
from tests.services.agents.workspaces import HELLO

from girih.db.tenancy import OrgScope
from girih.db.unit_of_work import UnitOfWork
from girih.providers.embeddings.ladder import Embedders
from girih.services.agents.alias_schemas import Figures, Guard
from girih.services.agents.service import AgentService
from girih.services.events.service import EventService
from girih.services.knowledge.service import KnowledgeService
from girih.services.registry.service import RegistryService
from girih.services.runs.guards import Guards, passed_by

SPLIT = {"1.0.0": 50, "1.0.1": 50}


@pytest.fixture
async def place(uow_apart: UnitOfWork) -> OrgScope:
    return await make_scope(uow_apart)


@pytest.fixture
async def agents(uow_apart: UnitOfWork, place: OrgScope, tmp_path: Path) -> AgentService:
    """`hello` in two versions; `prod` is the first."""
    knowledge = KnowledgeService(uow_apart, tmp_path, Embedders("hashing"))
    agents = AgentService(uow_apart, RegistryService(uow_apart), knowledge, tells=EventService(uow_apart))
    for greeting in ("Hello", "Hi"):
        await agents.apply(place, {"hello.yaml": HELLO.replace("Hello", greeting)})
    return agents


@pytest.fixture
def guards(uow_apart: UnitOfWork, agents: AgentService) -> Guards:
    return Guards(uow_apart, agents.guarding, look=0)


ENDED = """
INSERT INTO runs (id, org_id, project_id, agent, version_id, version, digest, status, inputs, metadata, interruptions,
                  started_at, finished_at)
SELECT gen_random_uuid(), v.org_id, v.project_id, 'hello', v.id, v.version, v.digest, :status, '{}', '{}', :waits,
       clock_timestamp() - make_interval(secs => :seconds), clock_timestamp()
FROM agent_versions v, generate_series(1, :count) WHERE v.version = :version
"""


async def end(
    uow: UnitOfWork,
    scope: OrgScope,
    version: str,
    count: int,
    *,
    status: str = "succeeded",
    seconds: float = 1,
    waits: int = 0,
) -> None:
    """So many runs of the version have just ended like that."""
    values = {"version": version, "count": count, "status": status, "seconds": seconds, "waits": waits}
    async with uow(scope) as work:
        await work.session.execute(text(ENDED), values)


async def prod(agents: AgentService, scope: OrgScope) -> tuple[str, dict[str, int] | None, bool]:
    """Where it points, its shares, and whether it is watched."""
    found = await agents.aliases.alias(scope, "hello", "prod")
    return found.version, found.weights, found.guard is not None


async def test_a_version_that_fails_loses_its_traffic(
    agents: AgentService, guards: Guards, place: OrgScope, uow_apart: UnitOfWork
) -> None:
    await end(uow_apart, place, "1.0.1", 50, status="failed")
    await agents.aliases.split(place, "hello", "prod", SPLIT, guard=Guard(error_rate=0.2, min_runs=10))
    await end(uow_apart, place, "1.0.1", 9, status="failed")
    await end(uow_apart, place, "1.0.0", 30, status="failed")
    await guards.look()
    assert await prod(agents, place) == ("1.0.0", SPLIT, True), "too few runs, and those before do not count"
    await end(uow_apart, place, "1.0.1", 1)
    await guards.look()
    assert await prod(agents, place) == ("1.0.0", None, False)
    newest = (await agents.aliases.moves(place, "hello", "prod"))[0]
    figures = {"old": {"runs": 30, "failed": 30, "p95_seconds": None}}
    figures |= {
        "new": {"1.0.1": {"runs": 10, "failed": 9, "p95_seconds": newest.figures["new"]["1.0.1"]["p95_seconds"]}}
    }  # type: ignore[index] - it has some
    assert (newest.reason, newest.by, newest.passed) == ("rolled_back_automatically", "system:guard", "error_rate")
    assert newest.figures == figures
    told = (await EventService(uow_apart).events(place, type="agent.alias.rolled_back")).items[0].data
    assert (told["automatic"], told["passed"], told["weights_before"]) == (True, "error_rate", SPLIT)
    assert told["figures"] == figures


async def test_a_promoted_version_goes_back_to_the_one_before(
    agents: AgentService, guards: Guards, place: OrgScope, uow_apart: UnitOfWork
) -> None:
    await end(uow_apart, place, "1.0.0", 20, seconds=1)
    guard = Guard(p95_ratio=2, error_rate_above=0.1, min_runs=5)
    await agents.aliases.set(place, "hello", "prod", "1.0.1", guard=guard)
    await end(uow_apart, place, "1.0.1", 20, seconds=1.5)
    await end(uow_apart, place, "1.0.1", 20, seconds=900, waits=1)
    await end(uow_apart, place, "1.0.1", 20, status="cancelled", seconds=900)
    await guards.look()
    assert await prod(agents, place) == ("1.0.1", None, True), "neither who waits nor who cancels is slow"
    await end(uow_apart, place, "1.0.1", 5, seconds=2.5)
    await guards.look()
    assert await prod(agents, place) == ("1.0.0", None, False)
    moves = [(one.reason, one.version) for one in await agents.aliases.moves(place, "hello", "prod")]
    assert moves == [("rolled_back_automatically", "1.0.0"), ("set", "1.0.1"), ("set", "1.0.0")]
    await agents.aliases.set(place, "hello", "prod", "1.0.1")
    assert (await agents.aliases.roll_back(place, "hello", "prod")).aliases["prod"] == "1.0.0"


async def test_a_version_that_does_well_gets_everything(
    agents: AgentService, guards: Guards, place: OrgScope, uow_apart: UnitOfWork
) -> None:
    guard = Guard(error_rate=0.1, min_runs=10, promote_after=20)
    await agents.aliases.split(place, "hello", "prod", SPLIT, guard=guard)
    await end(uow_apart, place, "1.0.1", 19)
    await guards.look()
    assert await prod(agents, place) == ("1.0.0", SPLIT, True)
    await end(uow_apart, place, "1.0.1", 1)
    await guards.look()
    assert await prod(agents, place) == ("1.0.1", None, False)
    assert (await agents.aliases.moves(place, "hello", "prod"))[0].reason == "promoted_automatically"
    assert (await agents.aliases.roll_back(place, "hello", "prod")).aliases["prod"] == "1.0.0"


async def test_what_keeps_all_traffic_is_watched_no_more(
    agents: AgentService, guards: Guards, place: OrgScope, uow_apart: UnitOfWork
) -> None:
    guard = Guard(error_rate=0.1, min_runs=5, promote_after=5)
    await agents.aliases.set(place, "hello", "prod", "1.0.1", guard=guard)
    await end(uow_apart, place, "1.0.1", 5)
    await guards.look()
    assert await prod(agents, place) == ("1.0.1", None, False)
    await end(uow_apart, place, "1.0.1", 50, status="failed")
    await guards.look()
    assert await prod(agents, place) == ("1.0.1", None, False)


async def test_of_many_processes_one_leads_back(agents: AgentService, place: OrgScope, uow_apart: UnitOfWork) -> None:
    await agents.aliases.split(place, "hello", "prod", SPLIT, guard=Guard(error_rate=0.2, min_runs=5))
    await end(uow_apart, place, "1.0.1", 10, status="failed")
    await asyncio.gather(*(Guards(uow_apart, agents.guarding, look=0).look() for _ in range(6)))
    reasons = [one.reason for one in await agents.aliases.moves(place, "hello", "prod")]
    assert reasons.count("rolled_back_automatically") == 1
    assert len((await EventService(uow_apart).events(place, type="agent.alias.rolled_back")).items) == 1


async def test_a_person_who_was_faster_is_not_overruled(
    agents: AgentService, guards: Guards, place: OrgScope, uow_apart: UnitOfWork
) -> None:
    await agents.aliases.split(place, "hello", "prod", SPLIT, guard=Guard(error_rate=0.2, min_runs=5))
    await end(uow_apart, place, "1.0.1", 10, status="failed")
    await agents.aliases.set(place, "hello", "prod", "1.0.1")
    await guards.look()
    assert await prod(agents, place) == ("1.0.1", None, False)


BAD, GOOD = Figures(runs=100, failed=30, p95_seconds=4), Figures(runs=100, failed=10, p95_seconds=2)


@pytest.mark.parametrize(
    ("bounds", "new", "old", "passed"),
    [
        ({"error_rate": 0.3}, BAD, GOOD, None),
        ({"error_rate": 0.29}, BAD, GOOD, "error_rate"),
        ({"error_rate": 0.0}, Figures(runs=19, failed=19), GOOD, None),
        ({"error_rate_above": 0.2}, BAD, GOOD, None),
        ({"error_rate_above": 0.19}, BAD, GOOD, "error_rate_above"),
        ({"error_rate_above": 0.19}, BAD, Figures(runs=19, failed=0), None),
        ({"p95_seconds": 3.9}, BAD, GOOD, "p95_seconds"),
        ({"p95_seconds": 3.9}, Figures(runs=100, failed=100), GOOD, None),
        ({"p95_ratio": 2}, BAD, GOOD, None),
        ({"p95_ratio": 1.9}, BAD, GOOD, "p95_ratio"),
        ({"p95_ratio": 1.9}, BAD, Figures(runs=100, failed=100), None),
    ],
)
def test_which_bound_is_passed(bounds: dict[str, float], new: Figures, old: Figures, passed: str | None) -> None:
    assert passed_by(Guard(**bounds), new, old) == passed  # type: ignore[arg-type] - bounds alone

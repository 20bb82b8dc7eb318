"""Runs of an alias that shares its traffic out: each caller keeps its version, and admission costs one round trip."""

from __future__ import annotations

from pathlib import Path
from typing import Any
from uuid import UUID, uuid4

import pytest
from sqlalchemy.ext.asyncio import AsyncEngine
from tests.services.agents.test_lookups import statements
from tests.services.runs.office import PATIENT, ended, small_world

from girih.db.direct import DirectPool
from girih.db.tenancy import OrgScope
from girih.db.unit_of_work import UnitOfWork
from girih.engine.engine import Engine
from girih.language.nodes.registry import kinds
from girih.providers.embeddings.ladder import Embedders
from girih.providers.models.chat import ModelOptions, make_models
from girih.services.agents.service import AgentService
from girih.services.events.service import EventService
from girih.services.knowledge.service import KnowledgeService
from girih.services.registry.service import RegistryService
from girih.services.runs.conditions import Conditions
from girih.services.runs.replay_schemas import BatchIn
from girih.services.runs.schemas import RunIn
from girih.services.runs.service import RunService
from girih.services.runs.thread_schemas import ThreadIn

WORD = """\
kind: graph/v1
name: word
nodes:
  a: {{ set: {{ text: {text} }}, next: $end }}
outputs: {{ text: "${{ a.text }}" }}
"""


class Counted(DirectPool):
    """The short way to the database, counted."""

    def __init__(self, url: str) -> None:
        super().__init__(url, size=2)
        self.calls: list[str] = []

    async def call(self, scope: OrgScope, function: str, *arguments: object) -> Any:
        self.calls.append(function)
        return await super().call(scope, function, *arguments)


@pytest.fixture
async def direct(database_url: str) -> Any:
    pool = Counted(database_url)
    yield pool
    await pool.close()


@pytest.fixture
def knowledge(uow: UnitOfWork, tmp_path: Path) -> KnowledgeService:
    return KnowledgeService(uow, tmp_path, Embedders("hashing"))


@pytest.fixture
async def agents(uow: UnitOfWork, knowledge: KnowledgeService, scope: OrgScope) -> AgentService:
    """`word` in two versions; `prod` is the first."""
    agents = AgentService(uow, RegistryService(uow), knowledge)
    for text in ("one", "two"):
        await agents.apply(scope, {"word.yaml": WORD.format(text=text)})
    return agents


@pytest.fixture
def service(uow: UnitOfWork, direct: DirectPool, agents: AgentService, knowledge: KnowledgeService) -> RunService:
    return RunService(
        uow,
        direct,
        agents,
        RegistryService(uow),
        knowledge,
        Engine(kinds()),
        make_models=lambda scope, documents: make_models(documents, ModelOptions()),
        events=EventService(uow),
        world=small_world(),
        conditions=Conditions(timing=PATIENT),
    )


async def version(service: RunService, scope: OrgScope, **asked: Any) -> str:
    """The version that a run got, and that it ran on."""
    made = await service.create(scope, RunIn(agent="word@prod", **asked))
    run = await ended(service, scope, made.id)
    assert run.outputs == {"text": {"1.0.0": "one", "1.0.1": "two"}[run.version]}
    return run.version


async def split(agents: AgentService, scope: OrgScope, new: int) -> None:
    await agents.aliases.split(scope, "word", "prod", {"1.0.0": 100 - new, "1.0.1": new})


async def key_that_moves(agents: AgentService, scope: OrgScope, kind: str) -> UUID:
    """A key that is the old version's with one percent for the new one, and the new one's with 99."""
    moving: set[UUID] = {uuid4() for _ in range(20)}
    for new, wanted in ((1, "1.0.0"), (99, "1.0.1")):
        await split(agents, scope, new)
        moving = {one for one in moving if (await agents.pick(scope, "word@prod", f"{kind} {one}")).version == wanted}
    return moving.pop()


async def test_a_thread_keeps_the_version_it_began_with(
    agents: AgentService, service: RunService, scope: OrgScope
) -> None:
    thread = await key_that_moves(agents, scope, "thread")
    await service.threads.create(scope, ThreadIn(id=thread))
    await split(agents, scope, 1)
    assert await version(service, scope, thread_id=thread) == "1.0.0"
    await split(agents, scope, 99)
    for _ in range(2):
        assert await version(service, scope, thread_id=thread) == "1.0.0", "a conversation is not handed over"
    await agents.aliases.set(scope, "word", "prod", "1.0.1")
    assert await version(service, scope, thread_id=thread) == "1.0.1", "what has no share any more is left"
    await split_back(agents, scope)
    assert await version(service, scope, thread_id=thread) == "1.0.1"


async def split_back(agents: AgentService, scope: OrgScope) -> None:
    """Almost all to the old version, though the alias points at the new one."""
    await agents.aliases.split(scope, "word", "prod", {"1.0.0": 99, "1.0.1": 1})


async def test_a_user_and_a_key_of_the_apps_own_stick(
    agents: AgentService, service: RunService, scope: OrgScope
) -> None:
    await split(agents, scope, 50)
    by_user = [await version(service, scope, user=f"user {number % 4}") for number in range(12)]
    assert by_user[:4] * 3 == by_user
    by_key = [await version(service, scope, user=f"user {number}", sticky_key="a household") for number in range(6)]
    assert len(set(by_key)) == 1, "the app's own key says more than the user"
    assert {await version(service, scope) for _ in range(40)} == {"1.0.0", "1.0.1"}, "without a key it is chance"


async def test_batches_and_pinned_versions(agents: AgentService, service: RunService, scope: OrgScope) -> None:
    await split(agents, scope, 99)
    asked = [RunIn(agent="word@prod", user=f"user {number}") for number in range(20)]
    done = await service.replays.batch(scope, BatchIn(runs=[*asked, RunIn(agent="word@1.0.0")]), None)
    versions = [one.run.version for one in done.items if one.run is not None]
    assert "1.0.1" in versions[:20]
    assert versions[20] == "1.0.0"


async def test_a_run_begins_in_one_round_trip(
    agents: AgentService, service: RunService, scope: OrgScope, direct: Counted, engine: AsyncEngine
) -> None:
    await split(agents, scope, 50)
    for _ in range(2):
        for user in ("one", "two", "three", "four"):
            await version(service, scope, user=user)
    direct.calls.clear()
    with statements(engine) as sent:
        made = await service.create(scope, RunIn(agent="word@prod", user="two"))
        assert sent == [], "what the reference means is known"
        assert direct.calls == ["open_run"], "and confirmed where the run is recorded"
    await ended(service, scope, made.id)


async def test_a_version_without_a_share_is_refused_by_the_database_itself(
    agents: AgentService, service: RunService, scope: OrgScope, uow: UnitOfWork
) -> None:
    await split(agents, scope, 50)
    for number in range(8):
        await version(service, scope, user=f"user {number}")
    # As another process does it, of which this one has heard nothing.
    other = AgentService(uow, RegistryService(uow), service._admission._agents)  # type: ignore[arg-type] - not asked here
    await other.aliases.set(scope, "word", "prod", "1.0.1")
    assert {await version(service, scope, user=f"user {number}") for number in range(8)} == {"1.0.1"}

"""Finding published agents again."""

from __future__ import annotations

from pathlib import Path

import pytest
from tests.services.agents.workspaces import BOOK, HELLO, SMALL

from girih.db.engine import make_engine, make_sessions
from girih.db.tenancy import OrgScope
from girih.db.unit_of_work import UnitOfWork
from girih.errors import InvalidInput, NotFound
from girih.language.compiler.plan import Plan
from girih.providers.embeddings.ladder import Embedders
from girih.services.agents.plans import Plans
from girih.services.agents.service import AgentService
from girih.services.knowledge.service import KnowledgeService
from girih.services.registry.service import RegistryService

HI = HELLO.replace("Hello $", "Hi $")


@pytest.fixture
async def published(agents: AgentService, scope: OrgScope) -> AgentService:
    """`hello` in two versions; `prod` is the first."""
    await agents.apply(scope, {"hello.yaml": HELLO})
    await agents.apply(scope, {"hello.yaml": HI})
    return agents


async def test_a_reference_means_one_version(published: AgentService, scope: OrgScope) -> None:
    latest = await published.resolve(scope, "hello")
    prod = await published.resolve(scope, "hello@prod")
    assert (latest.version, prod.version) == ("1.0.1", "1.0.0")
    assert await published.resolve(scope, "hello@latest") == latest
    assert await published.resolve(scope, "hello@1.0.0") == prod
    assert await published.resolve(scope, f"hello@{prod.digest}") == prod
    assert prod.plan.digest == prod.digest != latest.digest


async def test_an_agent_is_shown_as_the_version_that_is_asked_for(
    published: AgentService, agents: AgentService, scope: OrgScope
) -> None:
    latest, prod = [await published.agent(scope, ref) for ref in ("hello", "hello@prod")]
    assert (latest.version, prod.version) == ("1.0.1", "1.0.0")
    assert (latest.source, prod.source) == (HI, HELLO)
    assert latest.aliases == prod.aliases
    assert await published.agent(scope, f"hello@{prod.digest}") == prod
    with pytest.raises(NotFound):
        await published.agent(scope, "hello@7.0.0")
    with pytest.raises(InvalidInput, match="names no version after the `@`"):
        await published.agent(scope, "hello@")


async def test_a_plan_survives_storage_to_the_letter(
    published: AgentService, scope: OrgScope, uow: UnitOfWork, registry: RegistryService, knowledge: KnowledgeService
) -> None:
    latest = await published.resolve(scope, "hello")
    cold = AgentService(uow, registry, knowledge)
    plan = await cold.plan(scope, latest.digest)
    assert isinstance(plan, Plan)
    assert plan.digest == latest.digest
    assert plan.model_dump_json() == latest.plan.model_dump_json()


async def test_an_alias_moves_to_any_version(published: AgentService, scope: OrgScope) -> None:
    moved = await published.aliases.set(scope, "hello", "prod", "1.0.1")
    assert moved.aliases == {"latest": "1.0.1", "prod": "1.0.1"}
    await published.aliases.set(scope, "hello", "canary", "1.0.0")
    await published.aliases.set(scope, "hello", "prod", "canary")
    assert (await published.resolve(scope, "hello@prod")).version == "1.0.0"
    await published.apply(scope, {"hello.yaml": HELLO})
    assert (await published.resolve(scope, "hello@prod")).version == "1.0.0"


async def test_an_alias_does_not_move_where_there_is_nothing(published: AgentService, scope: OrgScope) -> None:
    with pytest.raises(InvalidInput):
        await published.aliases.set(scope, "hello", "latest", "1.0.0")
    with pytest.raises(NotFound, match=r"9\.9\.9"):
        await published.aliases.set(scope, "hello", "prod", "9.9.9")
    with pytest.raises(NotFound, match="nobody"):
        await published.aliases.set(scope, "nobody", "prod", "1.0.0")
    assert (await published.resolve(scope, "hello@prod")).version == "1.0.0"


async def test_agents_are_listed(published: AgentService, scope: OrgScope) -> None:
    (listed,) = await published.agents(scope)
    assert (listed.name, listed.title, listed.version) == ("hello", "Greeter", "1.0.1")
    assert listed.aliases == {"latest": "1.0.1", "prod": "1.0.0"}
    assert listed.created_at < listed.updated_at
    shown = await published.agent(scope, "hello")
    assert shown.source == HI
    assert shown.path == "hello.yaml"
    assert list(shown.inputs["properties"]) == ["name"]
    assert list(shown.outputs["properties"]) == ["text"]


@pytest.mark.parametrize("ref", ["helo", "hello@1.0.9", "hello@staging", "hello@sha256:" + "0" * 64])
async def test_what_is_not_there_is_not_found(published: AgentService, scope: OrgScope, ref: str) -> None:
    with pytest.raises(NotFound) as caught:
        await published.resolve(scope, ref)
    assert "hello" in f"{caught.value.message} {caught.value.help}"


async def test_foreign_and_absent_agents_look_the_same(
    published: AgentService, scope: OrgScope, other_scope: OrgScope
) -> None:
    digest = (await published.resolve(scope, "hello")).digest
    assert await published.agents(other_scope) == []
    for ask in (
        lambda: published.agent(other_scope, "hello"),
        lambda: published.versions(other_scope, "hello"),
        lambda: published.resolve(other_scope, "hello"),
        lambda: published.resolve(other_scope, f"hello@{digest}"),
        lambda: published.aliases.set(other_scope, "hello", "prod", "1.0.0"),
    ):
        with pytest.raises(NotFound) as caught:
            await ask()
        assert (caught.value.message, caught.value.help) == ("no agent `hello` is published", None)
    with pytest.raises(NotFound):
        await published.plan(other_scope, digest)


async def test_every_method_needs_one_connection(scope: OrgScope, database_url: str, tmp_path: Path) -> None:
    """With a pool of one, a transaction inside a transaction would wait for itself."""
    engine = make_engine(database_url, pool_size=1, overflow=0)
    lone = UnitOfWork(make_sessions(engine), lambda *_: None)
    service = AgentService(lone, RegistryService(lone), KnowledgeService(lone, tmp_path, Embedders("hashing")))
    files = {"hello.yaml": HELLO, "small.yaml": SMALL, "book.yaml": BOOK}
    await service.validate(scope, files)
    await service.apply(scope, files, dry_run=True)
    await service.apply(scope, files)
    await service.agents(scope)
    await service.agent(scope, "hello")
    await service.versions(scope, "hello")
    await service.aliases.set(scope, "hello", "prod", "1.0.0")
    found = await service.resolve(scope, "hello@prod")
    await service.plan(scope, found.digest)
    await engine.dispose()


async def test_plans_in_memory_are_bounded(published: AgentService, scope: OrgScope) -> None:
    one, two = [(await published.resolve(scope, ref)).plan for ref in ("hello@1.0.0", "hello@1.0.1")]
    plans = Plans(size=1)
    plans.keep(scope, one)
    plans.keep(scope, two)
    assert plans.find(scope, one.digest) is None
    assert plans.find(scope, two.digest) is two


@pytest.mark.parametrize("name", ["", "Hello", "hello\0", "hel lo", "\ud800", "x" * 65])
async def test_what_no_agent_can_be_called_is_not_found(agents: AgentService, scope: OrgScope, name: str) -> None:
    for ask in (agents.agent, agents.versions):
        with pytest.raises(NotFound):
            await ask(scope, name)
    with pytest.raises(NotFound):
        await agents.aliases.set(scope, name, "prod", "1.0.0")

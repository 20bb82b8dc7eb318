"""An alias shares its traffic out among versions; what is watched and what is told goes with every move."""

from __future__ import annotations

import pytest
from pydantic import ValidationError
from tests.services.agents.workspaces import ASKING, HELLO

from girih.db.tenancy import OrgScope
from girih.db.unit_of_work import UnitOfWork
from girih.errors import Conflict, InvalidInput, NotFound
from girih.language.spec.tree import JsonObject
from girih.services.agents.alias_schemas import Guard
from girih.services.agents.service import AgentService
from girih.services.audit.schemas import AuditSearch
from girih.services.audit.service import AuditService
from girih.services.events.service import EventService
from girih.services.knowledge.service import KnowledgeService
from girih.services.registry.service import RegistryService

HALF = {"1.0.0": 50, "1.0.1": 50}
CAREFUL = Guard(error_rate=0.1, min_runs=5)


@pytest.fixture
def agents(uow: UnitOfWork, registry: RegistryService, knowledge: KnowledgeService) -> AgentService:
    return AgentService(uow, registry, knowledge, tells=EventService(uow))


@pytest.fixture
async def published(agents: AgentService, scope: OrgScope) -> AgentService:
    """`hello` in three versions; `prod` is the first."""
    for greeting in ("Hello", "Hi", "Good day"):
        await agents.apply(scope, {"hello.yaml": HELLO.replace("Hello", greeting)})
    return agents


async def told(uow: UnitOfWork, scope: OrgScope) -> list[tuple[str, JsonObject]]:
    """What happened to aliases, the oldest first."""
    page = await EventService(uow).events(scope)
    return [(one.type.removeprefix("agent.alias."), one.data) for one in reversed(page.items)]


async def test_a_split_gives_each_key_its_version(published: AgentService, scope: OrgScope) -> None:
    await published.aliases.split(scope, "hello", "prod", {"1.0.0": 70, "1.0.1": 20, "1.0.2": 10})
    keys = [f"user {number}" for number in range(300)]
    picked = [(await published.pick(scope, "hello@prod", key)).version for key in keys]
    assert picked == [(await published.pick(scope, "hello@prod", key)).version for key in keys]
    assert picked.count("1.0.0") > picked.count("1.0.1") > picked.count("1.0.2") > 0
    by_chance = {(await published.pick(scope, "hello@prod", None)).version for _ in range(300)}
    assert by_chance == {"1.0.0", "1.0.1", "1.0.2"}
    assert (await published.resolve(scope, "hello@prod")).version == "1.0.0", "it still points at one"
    assert (await published.pick(scope, "hello@1.0.2", "user 1")).version == "1.0.2"
    one = (await published.resolve(scope, "hello@1.0.2")).version_id
    assert (await published.pick(scope, "hello@prod", "user 1", one)).version == "1.0.2", "its thread has it"


async def test_graphs_that_name_the_alias_get_the_version_it_points_at(
    published: AgentService, scope: OrgScope
) -> None:
    await published.aliases.split(scope, "hello", "prod", {"1.0.0": 1, "1.0.1": 99})
    await published.apply(scope, {"asking.yaml": ASKING.replace("graph://hello", "graph://hello@prod")})
    (locked,) = (await published.resolve(scope, "asking")).plan.lock
    assert locked.digest == (await published.resolve(scope, "hello@1.0.0")).digest


@pytest.mark.parametrize(
    ("weights", "words"),
    [
        ({"1.0.0": 50, "1.0.1": 49}, "99 percent"),
        ({"1.0.1": 50, "1.0.2": 50}, "points at 1.0.0"),
        ({"1.0.0": 50, "prod": 50}, "named twice"),
    ],
)
async def test_shares_that_cannot_be_given_are_refused(
    published: AgentService, scope: OrgScope, weights: dict[str, int], words: str
) -> None:
    with pytest.raises(InvalidInput, match=words):
        await published.aliases.split(scope, "hello", "prod", weights)
    assert (await published.aliases.alias(scope, "hello", "prod")).weights is None


async def test_what_is_not_there_has_no_share(published: AgentService, scope: OrgScope, other_scope: OrgScope) -> None:
    aliases = published.aliases
    with pytest.raises(NotFound, match="no version `9.9.9`"):
        await aliases.split(scope, "hello", "prod", {"1.0.0": 50, "9.9.9": 50})
    with pytest.raises(NotFound, match="no alias `stage`"):
        await aliases.split(scope, "hello", "stage", HALF)
    for act in (aliases.alias, aliases.roll_back):
        with pytest.raises(NotFound, match="no agent `hello`"):
            await act(other_scope, "hello", "prod")
    with pytest.raises(NotFound, match="no agent `hello`"):
        await aliases.split(other_scope, "hello", "prod", HALF)


async def test_every_way_out_of_a_split(published: AgentService, scope: OrgScope) -> None:
    aliases = published.aliases
    await aliases.set(scope, "hello", "prod", "1.0.1")
    await aliases.split(scope, "hello", "prod", {"1.0.1": 90, "1.0.2": 10})
    await aliases.split(scope, "hello", "prod", {"1.0.1": 90, "1.0.2": 10})
    assert (await aliases.roll_back(scope, "hello", "prod")).aliases["prod"] == "1.0.1", "all to where it points"
    assert (await aliases.alias(scope, "hello", "prod")).weights is None
    await aliases.split(scope, "hello", "prod", {"1.0.1": 50, "1.0.2": 50})
    await aliases.set(scope, "hello", "prod", "1.0.1")
    assert (await published.pick(scope, "hello@prod", "anybody")).version == "1.0.1"
    await aliases.split(scope, "hello", "prod", {"1.0.1": 50, "1.0.2": 50})
    await aliases.set(scope, "hello", "prod", "1.0.2")
    for version in ("1.0.1", "1.0.0"):
        assert (await aliases.roll_back(scope, "hello", "prod")).aliases["prod"] == version, "splits are no steps"
    await aliases.split(scope, "hello", "prod", HALF)
    await aliases.remove(scope, "hello", "prod")
    await aliases.set(scope, "hello", "prod", "1.0.2")
    assert (await aliases.alias(scope, "hello", "prod")).weights is None
    moves = await aliases.moves(scope, "hello", "prod")
    assert [(move.reason, move.version) for move in reversed(moves)] == [
        ("set", "1.0.0"),
        ("set", "1.0.1"),
        ("split", "1.0.1"),
        ("rolled_back", "1.0.1"),
        ("split", "1.0.1"),
        ("split_ended", "1.0.1"),
        ("split", "1.0.1"),
        ("set", "1.0.2"),
        ("rolled_back", "1.0.1"),
        ("rolled_back", "1.0.0"),
        ("split", "1.0.0"),
        ("removed", None),
        ("set", "1.0.2"),
    ]
    assert moves[2].weights == HALF


async def test_what_happens_to_aliases_is_told(published: AgentService, scope: OrgScope, uow: UnitOfWork) -> None:
    aliases = published.aliases
    await aliases.set(scope, "hello", "prod", "1.0.1", guard=CAREFUL)
    await aliases.split(scope, "hello", "prod", {"1.0.1": 90, "1.0.2": 10}, guard=CAREFUL)
    await aliases.roll_back(scope, "hello", "prod")
    await aliases.remove(scope, "hello", "prod")
    prod = {"agent": "hello", "alias": "prod", "by": "test"}
    bounds = {"error_rate": 0.1, "min_runs": 5, "window": 3600.0}
    assert await told(uow, scope) == [
        ("moved", prod | {"version": "1.0.1", "previous": "1.0.0", "reason": "set", "automatic": False,
                          "guard": bounds}),
        ("split", prod | {"weights": {"1.0.1": 90, "1.0.2": 10}, "guard": bounds}),
        ("rolled_back", prod | {"version": "1.0.1", "previous": "1.0.1", "reason": "rolled_back", "automatic": False,
                                "weights_before": {"1.0.1": 90, "1.0.2": 10}}),
        ("removed", prod | {"previous": "1.0.1"}),
    ]  # fmt: skip
    log = await AuditService(uow).entries(scope, AuditSearch(), cursor=None, limit=50)
    written = [(one.action, one.target) for one in reversed(log.items) if one.action.startswith("alias.")]
    assert written == [(f"alias.{what}", "hello@prod") for what in ("moved", "split", "rolled_back", "removed")]


async def test_a_guard_watches_until_the_alias_moves(published: AgentService, scope: OrgScope) -> None:
    aliases = published.aliases

    async def watched() -> str | None:
        found = (await aliases.alias(scope, "hello", "prod")).guard
        return found.back_to if found is not None else None

    await aliases.set(scope, "hello", "prod", "1.0.1", guard=CAREFUL)
    assert await watched() == "1.0.0"
    await aliases.split(scope, "hello", "prod", {"1.0.1": 90, "1.0.2": 10}, guard=CAREFUL)
    assert await watched() == "1.0.1"
    await aliases.split(scope, "hello", "prod", {"1.0.1": 80, "1.0.2": 20})
    assert await watched() is None, "what it was asked for with is over"
    await aliases.set(scope, "hello", "prod", "1.0.2", guard=CAREFUL)
    await aliases.roll_back(scope, "hello", "prod")
    assert await watched() is None
    with pytest.raises(Conflict, match="points at that version already"):
        await aliases.set(scope, "hello", "prod", "1.0.1", guard=CAREFUL)
    with pytest.raises(InvalidInput, match="points nowhere yet"):
        await aliases.set(scope, "hello", "stage", "1.0.1", guard=CAREFUL)
    three = {"1.0.0": 10, "1.0.1": 80, "1.0.2": 10}
    with pytest.raises(InvalidInput, match="one new version"):
        await aliases.split(scope, "hello", "prod", three, guard=Guard(error_rate=0.1, promote_after=50))


@pytest.mark.parametrize("bounds", [{}, {"min_runs": 5}, {"error_rate": 0.1, "min_runs": 50, "promote_after": 20}])
def test_a_guard_that_says_nothing_is_none(bounds: dict[str, float]) -> None:
    with pytest.raises(ValidationError):
        Guard.model_validate(bounds)

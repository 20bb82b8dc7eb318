"""Retiring and bringing back: what comes back, and what only seemed to be named."""

from __future__ import annotations

from tests.services.agents.workspaces import ASKING, HELLO, SMALL

from girih.db.tenancy import OrgScope
from girih.services.agents.service import AgentService

NAMESAKE = SMALL.replace("name: small", "name: hello")


async def names(agents: AgentService, scope: OrgScope) -> list[str]:
    return [agent.name for agent in await agents.agents(scope)]


async def test_a_name_that_something_else_has_brings_nothing_back(agents: AgentService, scope: OrgScope) -> None:
    await agents.apply(scope, {"hello.yaml": HELLO, "small.yaml": SMALL})
    await agents.apply(scope, {"small.yaml": SMALL}, prune=True)
    await agents.apply(scope, {"small.yaml": SMALL, "namesake.yaml": NAMESAKE})
    assert await names(agents, scope) == []
    out = await agents.apply(scope, {"hello.yaml": HELLO})
    assert [(change.action, change.version, change.previous) for change in out.changes] == [("restore", "1.0.0", None)]
    assert (await agents.resolve(scope, "hello@prod")).version == "1.0.0"


async def test_a_dry_run_brings_nothing_back(agents: AgentService, scope: OrgScope) -> None:
    await agents.apply(scope, {"hello.yaml": HELLO, "small.yaml": SMALL})
    await agents.apply(scope, {"small.yaml": SMALL}, prune=True)
    out = await agents.apply(scope, {"hello.yaml": HELLO}, dry_run=True)
    assert [change.action for change in out.changes] == ["restore"]
    assert await names(agents, scope) == []


async def test_caller_and_called_go_together(agents: AgentService, scope: OrgScope) -> None:
    await agents.apply(scope, {"hello.yaml": HELLO, "asking.yaml": ASKING, "small.yaml": SMALL})
    out = await agents.apply(scope, {"small.yaml": SMALL}, prune=True)
    assert [(change.action, change.name) for change in out.changes] == [
        ("unchanged", "small"),
        ("delete", "asking"),
        ("delete", "hello"),
    ]
    digest = out.changes[1].digest
    assert (await agents.plan(scope, digest)).name == "asking", "runs that began with it find its plan"


async def test_another_organization_is_left_alone(agents: AgentService, scope: OrgScope, other_scope: OrgScope) -> None:
    for one in (scope, other_scope):
        await agents.apply(one, {"hello.yaml": HELLO, "small.yaml": SMALL})
    await agents.apply(scope, {"small.yaml": SMALL}, prune=True)
    assert await names(agents, other_scope) == ["hello"]

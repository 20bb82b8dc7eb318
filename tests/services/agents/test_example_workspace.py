"""The examples that ship with girih, published as `girih apply agent_specs/` does."""

from __future__ import annotations

from pathlib import Path

import pytest
from tests.services.agents.workspaces import ASKING, HELLO

from girih.db.tenancy import OrgScope
from girih.language.compiler.folder import read_folder
from girih.services.agents.schemas import ApplyOut
from girih.services.agents.service import AgentService

EXAMPLES = Path(__file__).parents[3] / "agent_specs"


@pytest.fixture(scope="module")
def files() -> dict[str, str]:
    return dict(read_folder(EXAMPLES).files)


def actions(out: ApplyOut) -> dict[str, str]:
    return {change.name: change.action for change in out.changes}


async def test_the_examples_are_published_once(agents: AgentService, scope: OrgScope, files: dict[str, str]) -> None:
    first = await agents.apply(scope, files)
    assert {"hello", "handbook", "triage", "refund-desk", "small", "crm.lookup"} <= set(actions(first))
    assert set(actions(first).values()) == {"create"}
    assert first.diagnostics == []
    again = await agents.apply(scope, files)
    assert set(actions(again).values()) == {"unchanged"}
    assert {change.name: change.digest for change in again.changes} == {
        change.name: change.digest for change in first.changes
    }


async def test_every_published_plan_is_found_by_its_digest_and_so_are_the_graphs_it_uses(
    agents: AgentService, scope: OrgScope, files: dict[str, str]
) -> None:
    await agents.apply(scope, files)
    for listed in await agents.agents(scope):
        plan = await agents.plan(scope, listed.digest)
        assert plan.digest == listed.digest
        for entry in plan.lock:
            if entry.scheme == "graph":
                assert entry.digest
                assert (await agents.plan(scope, entry.digest)).name == entry.name


async def test_a_graph_stays_with_the_version_it_was_proven_against(agents: AgentService, scope: OrgScope) -> None:
    await agents.apply(scope, {"hello.yaml": HELLO, "asking.yaml": ASKING})
    locked = (await agents.resolve(scope, "asking")).plan.lock[0].digest
    hi = HELLO.replace("Hello $", "Hi $")
    await agents.apply(scope, {"hello.yaml": hi})
    assert (await agents.resolve(scope, "asking")).plan.lock[0].digest == locked
    assert (await agents.resolve(scope, "hello@1.0.0")).digest == locked
    out = await agents.apply(scope, {"hello.yaml": hi, "asking.yaml": ASKING})
    assert actions(out) == {"hello": "unchanged", "asking": "update"}
    assert (await agents.resolve(scope, "asking")).plan.lock[0].digest == (await agents.resolve(scope, "hello")).digest


async def test_a_graph_may_ask_for_a_published_version(agents: AgentService, scope: OrgScope) -> None:
    await agents.apply(scope, {"hello.yaml": HELLO})
    await agents.apply(scope, {"hello.yaml": HELLO.replace("Hello $", "Hi $")})
    for ref, version in (("1.0.0", "1.0.0"), ("prod", "1.0.0"), ("^1", "1.0.1"), ("latest", "1.0.1")):
        await agents.apply(scope, {"asking.yaml": ASKING.replace("graph://hello", f"graph://hello@{ref}")})
        (entry,) = (await agents.resolve(scope, "asking")).plan.lock
        assert entry.digest == (await agents.resolve(scope, f"hello@{version}")).digest


async def test_one_file_of_a_workspace_means_what_it_meant_with_the_others(
    agents: AgentService, scope: OrgScope, files: dict[str, str]
) -> None:
    """Applied alone, a graph's models, tools and collections are those that were published before."""
    await agents.apply(scope, files)
    alone = {path: text for path, text in files.items() if path == "triage.yaml" or path.startswith("prompts/")}
    assert actions(await agents.apply(scope, alone)) == {"triage": "unchanged"}

"""A graph that this server could never run is not published."""

from __future__ import annotations

import sys

import pytest
from tests.services.agents.workspaces import HELLO, SMALL

from girih.db.tenancy import OrgScope
from girih.db.unit_of_work import UnitOfWork
from girih.errors import Conflict
from girih.language.nodes.registry import kinds
from girih.services.agents.service import AgentService
from girih.services.knowledge.service import KnowledgeService
from girih.services.registry.service import RegistryService
from girih.wiring.facilities import InstalledFacilities

SUM = """\
kind: graph/v1
name: sum
start: add
nodes:
  add:
    code: '{ "total": 1 + 1 }'
    returns: { total: integer }
    next: $end
"""


@pytest.fixture
def installed(uow: UnitOfWork, registry: RegistryService, knowledge: KnowledgeService) -> AgentService:
    return AgentService(uow, registry, knowledge, InstalledFacilities())


async def test_without_a_sandbox_no_program_is_published(
    installed: AgentService, scope: OrgScope, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(sys.modules, "pydantic_monty", None)
    files = {"sum.yaml": SUM, "hello.yaml": HELLO, "small.yaml": SMALL}
    for dry_run in (True, False):
        with pytest.raises(Conflict, match="has no sandbox, which `add` of `sum` cannot run without") as caught:
            await installed.apply(scope, files, dry_run=dry_run)
        assert caught.value.help == "install girih[server], which brings pydantic-monty with its worker"
        assert caught.value.details["missing"] == "sandbox"
        (found,) = caught.value.details["diagnostics"]
        assert (found["file"], found["line"], found["column"]) == (
            "sum.yaml",
            SUM[: SUM.index("code: ")].count("\n") + 1,
            5,
        )
    assert await installed.agents(scope) == []
    del files["sum.yaml"]
    await installed.apply(scope, files)
    monkeypatch.undo()
    await installed.apply(scope, {"sum.yaml": SUM})
    assert [agent.name for agent in await installed.agents(scope)] == ["hello", "sum"]


async def test_a_sandbox_that_was_found_is_not_looked_for_again(monkeypatch: pytest.MonkeyPatch) -> None:
    facilities = InstalledFacilities()
    assert await facilities.remedy("sandbox") is None
    monkeypatch.setitem(sys.modules, "pydantic_monty", None)
    assert await facilities.remedy("sandbox") is None


def test_the_kind_says_what_it_requires() -> None:
    assert {verb for verb, kind in kinds().items() if kind.requires} == {"code"}

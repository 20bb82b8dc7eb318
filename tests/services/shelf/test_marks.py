"""Versions are deprecated, yanked and restored: who is told, what is chosen no more, and what goes on."""

from __future__ import annotations

import pytest
from sqlalchemy import text
from sqlalchemy.exc import DBAPIError
from tests.services.agents.workspaces import HELLO

from girih.db.tenancy import OrgScope
from girih.db.unit_of_work import UnitOfWork
from girih.errors import Conflict, InvalidInput, NotFound, SpecInvalid
from girih.services.agents.marking import ShelfService
from girih.services.agents.service import AgentService
from girih.services.knowledge.service import KnowledgeService
from girih.services.registry.service import RegistryService
from girih.services.shelf.schemas import DeprecateIn, MarkIn, YankIn

SLOW = DeprecateIn(reason="it is slow", replaced_by="hello@1.0.2")
TWICE = YankIn(reason="it greets twice")
FORCED = YankIn(reason="it greets twice", force=True)
AGAIN = MarkIn(reason="it was not that bad")

CALLER = """\
kind: graph/v1
name: caller
use: { hello: "graph://hello@REF" }
inputs: { name: string }
nodes:
  greet: { graph: hello, with: { name: "${ inputs.name }" }, next: $end }
outputs: { text: "${ greet.text }" }
"""


def caller(ref: str, name: str = "caller") -> dict[str, str]:
    return {f"{name}.yaml": CALLER.replace("REF", ref).replace("name: caller", f"name: {name}")}


def said(findings: list[dict[str, object]]) -> list[tuple[object, object, object]]:
    return [(one["code"], one["file"], one["line"]) for one in findings]


async def version(agents: AgentService, scope: OrgScope, ref: str) -> str:
    return (await agents.resolve(scope, ref)).version


async def test_a_deprecated_version_runs_and_says_so(
    published: AgentService, shelf: ShelfService, scope: OrgScope
) -> None:
    assert (await published.resolve(scope, "hello@1.0.0")).notice is None
    done = await shelf.deprecate(scope, "hello", "1.0.0", SLOW)
    assert (done.mark, done.replaced_by, done.aliases) == (
        "deprecated",
        "hello@1.0.2",
        {"latest": "1.0.2", "prod": "1.0.0"},
    )
    notice = (await published.resolve(scope, "hello@prod")).notice
    assert notice is not None
    assert notice.about("hello@1.0.0") == "hello@1.0.0 is deprecated: it is slow; use hello@1.0.2 instead"
    listed = {one.version: (one.mark, one.reason) for one in await published.versions(scope, "hello")}
    assert listed == {"1.0.2": (None, None), "1.0.1": (None, None), "1.0.0": ("deprecated", "it is slow")}
    findings = await published.validate(scope, caller("prod"))
    assert said(findings) == [("W606", "caller.yaml", 3)]
    assert findings[0]["help"] == "use graph://hello@1.0.2"
    await published.apply(scope, caller("1.0.0"))
    assert (await shelf.restore(scope, "hello", "1.0.0", AGAIN)).mark is None
    assert (await published.resolve(scope, "hello@1.0.0")).notice is None
    assert await published.validate(scope, caller("prod")) == []
    history = await shelf.history(scope, "hello", "1.0.0")
    assert [(one.mark, one.by) for one in history] == [("restored", "test"), ("deprecated", "test")]


async def test_a_yanked_version_is_chosen_no_more_but_its_name_still_means_it(
    published: AgentService, shelf: ShelfService, scope: OrgScope
) -> None:
    assert await version(published, scope, "hello@^1") == "1.0.2"
    assert (await shelf.yank(scope, "hello", "1.0.2", TWICE)).aliases == {"latest": "1.0.1", "prod": "1.0.0"}
    assert await version(published, scope, "hello") == "1.0.1"
    assert await version(published, scope, "hello@^1") == "1.0.1"
    assert await version(published, scope, "hello@~1.0") == "1.0.1"
    found = await published.resolve(scope, "hello@1.0.2")
    assert found.notice is not None and found.notice.mark == "yanked"
    assert (await shelf.restore(scope, "hello", "1.0.2", AGAIN)).aliases["latest"] == "1.0.2"
    assert await version(published, scope, "hello@^1") == "1.0.2"


async def test_what_is_new_may_not_name_a_yanked_version_and_what_is_published_may(
    published: AgentService, shelf: ShelfService, scope: OrgScope
) -> None:
    await published.apply(scope, caller("1.0.2"))
    await shelf.yank(scope, "hello", "1.0.2", TWICE)
    again = await published.apply(scope, caller("1.0.2"))
    assert [change.action for change in again.changes] == ["unchanged"]
    assert said(again.diagnostics) == [("W606", "caller.yaml", 3)]
    with pytest.raises(SpecInvalid) as caught:
        await published.apply(scope, caller("1.0.2", "other"))
    assert said(caught.value.diagnostics) == [("E405", "other.yaml", 3)]
    ranged = await published.apply(scope, caller("^1", "ranged"))
    assert ranged.diagnostics == []
    plan = (await published.resolve(scope, "ranged")).plan
    assert plan.lock[0].digest == (await published.resolve(scope, "hello@1.0.1")).digest


async def test_a_yanked_text_is_not_published_again_and_its_number_stays_taken(
    published: AgentService, shelf: ShelfService, scope: OrgScope
) -> None:
    await shelf.yank(scope, "hello", "1.0.2", TWICE)
    with pytest.raises(SpecInvalid) as caught:
        await published.apply(scope, {"hello.yaml": HELLO.replace("Hello", "Good day")})
    assert said(caught.value.diagnostics) == [("E405", "hello.yaml", 2)]
    (change,) = (await published.apply(scope, {"hello.yaml": HELLO.replace("Hello", "Salut")})).changes
    assert (change.version, change.previous) == ("1.0.3", "1.0.1")
    assert [one.number for one in await published.versions(scope, "hello")] == [4, 3, 2, 1]
    assert await version(published, scope, "hello") == "1.0.3"


async def test_a_version_that_an_alias_leads_to_is_yanked_only_by_force(
    published: AgentService, shelf: ShelfService, scope: OrgScope
) -> None:
    with pytest.raises(Conflict, match=r"`hello@prod` leads to 1\.0\.0; nothing was yanked"):
        await shelf.yank(scope, "hello", "1.0.0", TWICE)
    assert await shelf.history(scope, "hello", "1.0.0") == []
    await shelf.yank(scope, "hello", "1.0.0", FORCED)
    assert await version(published, scope, "hello@prod") == "1.0.0"
    assert said(await published.validate(scope, caller("prod"))) == [("E405", "caller.yaml", 3)]


async def test_the_only_version_left_is_yanked_only_by_force(
    published: AgentService, shelf: ShelfService, scope: OrgScope
) -> None:
    for one in ("1.0.2", "1.0.0"):
        await shelf.yank(scope, "hello", one, FORCED)
    with pytest.raises(Conflict, match="no version of `hello` would be left"):
        await shelf.yank(scope, "hello", "1.0.1", TWICE)
    assert (await shelf.yank(scope, "hello", "1.0.1", FORCED)).aliases["latest"] == "1.0.1"


async def test_what_makes_no_sense_is_refused(
    published: AgentService, shelf: ShelfService, scope: OrgScope, other_scope: OrgScope
) -> None:
    with pytest.raises(InvalidInput, match="the version itself"):
        await shelf.deprecate(scope, "hello", "1.0.2", SLOW)
    with pytest.raises(NotFound):
        await shelf.deprecate(scope, "hello", "1.0.0", DeprecateIn(reason="slow", replaced_by="hello@7.0.0"))
    with pytest.raises(Conflict, match="neither deprecated nor yanked"):
        await shelf.restore(scope, "hello", "1.0.0", AGAIN)
    for name, number in (("hello", "9.0.0"), ("nobody", "1.0.0")):
        with pytest.raises(NotFound):
            await shelf.yank(scope, name, number, TWICE)
    with pytest.raises(NotFound):
        await shelf.yank(other_scope, "hello", "1.0.0", TWICE)


async def test_marks_are_never_changed(
    published: AgentService, shelf: ShelfService, scope: OrgScope, uow: UnitOfWork
) -> None:
    await shelf.deprecate(scope, "hello", "1.0.0", SLOW)
    for statement in ("UPDATE version_marks SET reason = 'none'", "DELETE FROM version_marks"):
        with pytest.raises(DBAPIError, match=r"permission denied|never change"):
            async with uow(scope) as work:
                await work.session.execute(text(statement))


async def test_no_alias_is_led_to_a_yanked_version_nor_back_to_one(
    published: AgentService, shelf: ShelfService, scope: OrgScope
) -> None:
    aliases = published.aliases
    for one in ("1.0.1", "1.0.2"):
        await aliases.set(scope, "hello", "prod", one)
    await shelf.yank(scope, "hello", "1.0.1", TWICE)
    with pytest.raises(Conflict, match=r"hello@1\.0\.1 is yanked: it greets twice"):
        await aliases.set(scope, "hello", "prod", "1.0.1")
    with pytest.raises(Conflict, match=r"hello@1\.0\.1 is yanked"):
        await aliases.split(scope, "hello", "prod", {"1.0.2": 90, "1.0.1": 10})
    await aliases.roll_back(scope, "hello", "prod")
    assert await version(published, scope, "hello@prod") == "1.0.0"
    with pytest.raises(Conflict, match="no other version before"):
        await aliases.roll_back(scope, "hello", "prod")


async def test_other_processes_hear_of_marks(
    published: AgentService, shelf: ShelfService, scope: OrgScope, uow: UnitOfWork, knowledge: KnowledgeService
) -> None:
    other = AgentService(uow, RegistryService(uow), knowledge)
    await other.meanings.look()
    assert (await other.resolve(scope, "hello@1.0.0")).notice is None
    await other.meanings.look()
    await shelf.deprecate(scope, "hello", "1.0.0", SLOW)
    await other.meanings.look()
    assert (await other.resolve(scope, "hello@1.0.0")).notice is not None

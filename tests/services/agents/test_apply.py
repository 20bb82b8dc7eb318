"""Publishing workspaces: all or nothing, versions that never change, numbers that mean something."""

from __future__ import annotations

import asyncio

import pytest
from sqlalchemy import text
from sqlalchemy.exc import DBAPIError
from tests.services.agents.workspaces import ASKING, BOOK, HELLO, LOOKUP, SMALL

from girih.db.engine import make_engine
from girih.db.tenancy import OrgScope
from girih.db.unit_of_work import UnitOfWork
from girih.errors import SpecInvalid
from girih.services.agents.schemas import ApplyOut
from girih.services.agents.service import AgentService
from girih.services.registry.service import RegistryService

EVERYTHING = {"hello.yaml": HELLO, "small.yaml": SMALL, "crm.yaml": LOOKUP, "book.yaml": BOOK}


def actions(out: ApplyOut) -> dict[str, str]:
    return {f"{change.kind} {change.name}": change.action for change in out.changes}


def version(out: ApplyOut, name: str) -> str | None:
    return next(change.version for change in out.changes if change.name == name)


async def rows(uow: UnitOfWork, scope: OrgScope, table: str) -> int:
    async with uow(scope) as work:
        return (await work.session.execute(text(f"SELECT count(*) FROM {table}"))).scalar_one()


async def test_a_workspace_is_published_and_then_unchanged(
    agents: AgentService, registry: RegistryService, scope: OrgScope
) -> None:
    first = await agents.apply(scope, EVERYTHING)
    assert set(actions(first).values()) == {"create"}
    assert set(actions(first)) == {
        "graph/v1 hello",
        "model/v1 small",
        "tool/v1 crm.lookup",
        "collection/v1 book",
    }
    assert version(first, "hello") == "1.0.0"
    assert {change.name: change.path for change in first.changes}["crm.lookup"] == "crm.yaml"
    again = await agents.apply(scope, EVERYTHING)
    assert set(actions(again).values()) == {"unchanged"}
    assert version(again, "hello") == "1.0.0"
    assert (await registry.models(scope))["small"]["provider"] == "demo"
    assert (await registry.tools(scope))["crm.lookup"]["idempotent"] is True


async def test_another_text_of_the_same_meaning_is_unchanged(agents: AgentService, scope: OrgScope) -> None:
    await agents.apply(scope, {"hello.yaml": HELLO})
    out = await agents.apply(scope, {"moved.yaml": "# a comment\n" + HELLO})
    assert actions(out) == {"graph/v1 hello": "unchanged"}
    assert (await agents.agent(scope, "hello")).source == HELLO


async def test_versions_count_by_what_a_change_means_to_callers(agents: AgentService, scope: OrgScope) -> None:
    texts = [
        HELLO,
        HELLO.replace("Hello $", "Hi $"),
        HELLO.replace("name: string }", 'name: string, mood: "string?" }'),
        HELLO.replace("name: string }", "who: string }").replace("inputs.name", "inputs.who"),
    ]
    published = [version(await agents.apply(scope, {"hello.yaml": text}), "hello") for text in texts]
    assert published == ["1.0.0", "1.0.1", "1.1.0", "2.0.0"]
    listed = await agents.versions(scope, "hello")
    assert [one.version for one in listed] == ["2.0.0", "1.1.0", "1.0.1", "1.0.0"]
    assert [one.aliases for one in listed] == [["latest"], [], [], ["prod"]]
    assert {one.created_by for one in listed} == {"test"}


async def test_going_back_to_an_old_text_is_a_new_version(agents: AgentService, scope: OrgScope) -> None:
    for content in (HELLO, HELLO.replace("Hello $", "Hi $"), HELLO):
        out = await agents.apply(scope, {"hello.yaml": content})
    assert version(out, "hello") == "1.0.2"
    first, latest = await agents.resolve(scope, "hello@1.0.0"), await agents.resolve(scope, "hello")
    assert first.digest == latest.digest
    assert (await agents.resolve(scope, f"hello@{first.digest}")).version == "1.0.2"


async def test_an_apply_with_one_error_publishes_nothing(
    agents: AgentService, registry: RegistryService, scope: OrgScope, uow: UnitOfWork
) -> None:
    broken = HELLO.replace("name: hello", "name: broken").replace("name: string", "name: strnig")
    with pytest.raises(SpecInvalid) as caught:
        await agents.apply(scope, {**EVERYTHING, "broken.yaml": broken})
    assert any(finding["file"] == "broken.yaml" for finding in caught.value.diagnostics)
    assert "1 error" in caught.value.message
    assert await agents.agents(scope) == []
    assert await registry.models(scope) == {}
    assert await registry.tools(scope) == {}
    assert await rows(uow, scope, "collections") == 0


async def test_an_apply_that_breaks_half_way_publishes_nothing(
    agents: AgentService, registry: RegistryService, scope: OrgScope, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The last statement fails: what was written before it in the same transaction is gone."""
    import girih.services.agents.alias_repository as repository

    async def fail(*_: object, **__: object) -> None:
        raise LookupError

    monkeypatch.setattr(repository, "move", fail)
    with pytest.raises(LookupError):
        await agents.apply(scope, EVERYTHING)
    monkeypatch.undo()
    assert await agents.agents(scope) == []
    assert await registry.tools(scope) == {}
    assert set(actions(await agents.apply(scope, EVERYTHING)).values()) == {"create"}


async def test_a_dry_run_says_what_an_apply_would_do_and_does_nothing(
    agents: AgentService, registry: RegistryService, scope: OrgScope, uow: UnitOfWork
) -> None:
    tried = await agents.apply(scope, EVERYTHING, dry_run=True)
    assert await agents.agents(scope) == []
    assert await registry.models(scope) == {}
    assert await rows(uow, scope, "collections") == 0
    assert await agents.apply(scope, EVERYTHING) == tried


async def test_applies_at_once_make_one_version(agents: AgentService, scope: OrgScope) -> None:
    outs = await asyncio.gather(*(agents.apply(scope, {"hello.yaml": HELLO}) for _ in range(5)))
    assert sorted(action for out in outs for action in actions(out).values()) == ["create"] + ["unchanged"] * 4
    assert len(await agents.versions(scope, "hello")) == 1


async def test_validate_finds_faults_and_changes_nothing(agents: AgentService, scope: OrgScope) -> None:
    assert await agents.validate(scope, EVERYTHING) == []
    findings = await agents.validate(scope, {"hello.yaml": HELLO.replace("string", "strnig")})
    assert findings and findings[0]["file"] == "hello.yaml"
    assert await agents.agents(scope) == []


async def test_what_is_published_may_be_used_by_what_comes_later(agents: AgentService, scope: OrgScope) -> None:
    assert codes(await agents.validate(scope, {"asking.yaml": ASKING})) == ["E401"]
    await agents.apply(scope, EVERYTHING)
    using = HELLO.replace("name: hello", "name: using").replace(
        "nodes:", "use: { small: model://small, crm: tool://crm.lookup, book: knowledge://book }\nnodes:"
    )
    findings = await agents.validate(scope, {"using.yaml": using, "asking.yaml": ASKING})
    assert [finding for finding in findings if finding["severity"] == "error"] == []


def codes(findings: list[dict[str, object]]) -> list[object]:
    return [finding["code"] for finding in findings]


async def test_what_others_published_may_not_be_used(
    agents: AgentService, scope: OrgScope, other_scope: OrgScope
) -> None:
    await agents.apply(other_scope, EVERYTHING)
    with pytest.raises(SpecInvalid) as caught:
        await agents.apply(scope, {"asking.yaml": ASKING})
    assert codes(caught.value.diagnostics) == ["E401"]


async def test_versions_cannot_be_changed_in_the_database(
    agents: AgentService, scope: OrgScope, uow: UnitOfWork, owner_database_url: str
) -> None:
    await agents.apply(scope, {"hello.yaml": HELLO})
    for statement in ("UPDATE agent_versions SET source = 'other'", "DELETE FROM agent_versions"):
        with pytest.raises(DBAPIError, match=r"permission denied|never change"):
            async with uow(scope) as work:
                await work.session.execute(text(statement))
        await refuse_owner(owner_database_url, scope, statement)
    assert (await agents.agent(scope, "hello")).source == HELLO


async def refuse_owner(url: str, scope: OrgScope, statement: str) -> None:
    """The owner of the tables is refused too, by the trigger."""
    engine = make_engine(url, role=None, pool_size=1)
    with pytest.raises(DBAPIError, match="never change"):
        async with engine.begin() as connection:
            await connection.execute(text("SELECT set_config('app.org_id', :org, true)"), {"org": str(scope.org_id)})
            await connection.execute(text(statement))
    await engine.dispose()


async def test_the_application_cannot_remove_an_organization_with_its_versions(
    agents: AgentService, scope: OrgScope, uow: UnitOfWork
) -> None:
    """One row would take along all that never changes."""
    await agents.apply(scope, {"hello.yaml": HELLO})
    with pytest.raises(DBAPIError, match="permission denied"):
        async with uow(scope) as work:
            await work.session.execute(text("DELETE FROM organizations"))
    assert await rows(uow, scope, "agent_versions") == 1
    assert (await agents.agent(scope, "hello")).source == HELLO

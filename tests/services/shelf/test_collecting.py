"""What nothing refers to goes, everything else stays, and nobody but the sweeper's way can empty a version."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, datetime, timedelta

import pytest
from sqlalchemy import text
from sqlalchemy.exc import DBAPIError
from tests.services.agents.workspaces import HELLO
from tests.services.shelf.test_marks import FORCED, TWICE, caller

from girih.db.tenancy import OrgScope
from girih.db.unit_of_work import UnitOfWork
from girih.errors import NotFound
from girih.services.agents.marking import ShelfService
from girih.services.agents.service import AgentService
from girih.services.retention import collecting
from girih.services.retention.collecting import CollectingService
from girih.services.retention.schemas import Retention, RetentionIn
from girih.services.retention.service import RetentionService
from girih.services.retention.sweeper import Sweeper

MONTH = Retention(versions_days=30)
AN_HOUR = Retention(versions_days=1 / 24)
LATER = timedelta(days=31)


async def would_go(
    uow: UnitOfWork, scope: OrgScope, days: Retention = MONTH, after: timedelta = LATER
) -> tuple[Mapping[str, str], Mapping[str, str]]:
    """What would go and what would stay after that time, with the reasons."""
    async with uow(scope) as work:
        found = await collecting.standing(work, scope, days, datetime.now(UTC) + after)
    gone, kept = ({f"{one.name}@{one.version}": why for one, why in some} for some in (found.goes, found.stays))
    return gone, kept


async def sweep(uow: UnitOfWork, scope: OrgScope, days: Retention = MONTH, after: timedelta = LATER) -> int:
    async with uow(scope) as work:
        return await collecting.sweep(work, scope, days, datetime.now(UTC) + after)


async def sql(uow: UnitOfWork, scope: OrgScope, statement: str, **values: object) -> list[tuple[object, ...]]:
    async with uow(scope) as work:
        found = await work.session.execute(text(statement), {"project": scope.project_id} | values)
        return [tuple(row) for row in found] if found.returns_rows else []


async def test_what_nothing_refers_to_goes_and_its_number_stays_taken(
    published: AgentService, uow: UnitOfWork, scope: OrgScope
) -> None:
    assert await would_go(uow, scope, after=timedelta(days=29)) == (
        {},
        dict.fromkeys(VERSIONS, "its time is not over") | LED,
    )
    gone, kept = await would_go(uow, scope)
    assert kept == LED
    assert list(gone) == ["hello@1.0.1"] and gone["hello@1.0.1"].startswith("nothing refers to it since 20")
    assert await sweep(uow, scope) == 1
    assert await sql(uow, scope, "SELECT plan::text, source FROM agent_versions WHERE version = '1.0.1'") == [
        ("{}", "")
    ]
    assert await sql(uow, scope, "SELECT count(*) FROM spec_texts WHERE kind = 'graph/v1'") == [(2,)]
    with pytest.raises(NotFound, match=r"hello@1\.0\.1 was collected on .*: nothing referred to it"):
        await published.resolve(scope, "hello@1.0.1")
    listed = {one.version: one.collected_at is None for one in await published.versions(scope, "hello")}
    assert listed == {"1.0.2": True, "1.0.1": False, "1.0.0": True}
    assert (await published.resolve(scope, "hello@^1")).version == "1.0.2"
    (again,) = (await published.apply(scope, {"hello.yaml": HELLO.replace("Hello", "Hi")})).changes
    assert (again.action, again.version) == ("update", "1.0.3"), "another number, although the text is the same"
    assert await sweep(uow, scope, Retention()) == 0, "for ever, where nobody says otherwise"


VERSIONS = ("hello@1.0.1",)
LED = {"hello@1.0.0": "the alias prod leads to it", "hello@1.0.2": "the alias latest leads to it"}


async def test_a_yanked_version_goes_after_its_own_time(
    published: AgentService, shelf: ShelfService, uow: UnitOfWork, scope: OrgScope
) -> None:
    await shelf.yank(scope, "hello", "1.0.2", TWICE)
    await shelf.yank(scope, "hello", "1.0.0", FORCED)
    week = Retention(yanked_days=7)
    assert (await would_go(uow, scope, week, timedelta(days=6)))[0] == {}
    gone, kept = await would_go(uow, scope, week, timedelta(days=8))
    assert [reason.partition(": ")[2] for reason in gone.values()] == ["it greets twice"]
    assert list(gone) == ["hello@1.0.2"]
    assert kept["hello@1.0.0"] == "the alias prod leads to it"
    assert await sweep(uow, scope, week, timedelta(days=8)) == 1
    with pytest.raises(NotFound, match="was collected"):
        await shelf.restore(scope, "hello", "1.0.2", TWICE)


async def test_the_time_begins_when_the_last_alias_has_left(
    published: AgentService, uow: UnitOfWork, scope: OrgScope
) -> None:
    await sql(uow, scope, "SELECT 1")
    await published.aliases.set(scope, "hello", "prod", "1.0.1")
    gone, kept = await would_go(uow, scope)
    assert list(gone) == ["hello@1.0.0"]
    moved = await published.aliases.moves(scope, "hello", "prod")
    assert gone["hello@1.0.0"] == f"nothing refers to it since {moved[0].at:%Y-%m-%d}"
    assert kept["hello@1.0.1"] == "the alias prod leads to it"


async def test_whatever_something_that_stays_names_stays_too(
    published: AgentService, uow: UnitOfWork, scope: OrgScope
) -> None:
    await published.apply(scope, caller("1.0.1"))
    assert (await would_go(uow, scope))[1]["hello@1.0.1"] == "caller@1.0.0 names it"
    assert await sweep(uow, scope) == 0
    await published.apply(scope, caller("prod"))
    await published.aliases.set(scope, "caller", "prod", "latest")
    gone, _ = await would_go(uow, scope)
    assert list(gone) == ["caller@1.0.0", "hello@1.0.1"], "the caller goes, and what only it names goes with it"
    assert await sweep(uow, scope) == 2


@pytest.mark.parametrize("ref", ["hello@1.0.1", "digest"])
async def test_schedules_and_threads_keep_what_they_name(
    published: AgentService, uow: UnitOfWork, scope: OrgScope, ref: str
) -> None:
    ref = f"hello@{(await published.resolve(scope, 'hello@1.0.1')).digest}" if ref == "digest" else ref
    await sql(
        uow,
        scope,
        "INSERT INTO threads (id, org_id, project_id, agent) SELECT gen_random_uuid(), org_id, id, :ref FROM projects"
        " WHERE id = :project",
        ref=ref,
    )
    assert (await would_go(uow, scope))[1]["hello@1.0.1"] == "a schedule or a thread names it"
    assert await collected(uow, scope) == []


async def test_a_run_that_can_be_continued_keeps_its_version(
    published: AgentService, uow: UnitOfWork, scope: OrgScope
) -> None:
    await run_of(uow, scope, "1.0.1", ended="now()")
    kept = "a run that goes on, or can be continued, began with it"
    days = Retention(versions_days=30, checkpoints_days=60)
    assert (await would_go(uow, scope, days))[1]["hello@1.0.1"] == kept
    assert (await would_go(uow, scope, Retention(versions_days=30, checkpoints_days=0)))[1]["hello@1.0.1"] == kept
    assert await collected(uow, scope, since=datetime.now(UTC) - timedelta(days=1)) == [], "the database knows it, too"
    assert list((await would_go(uow, scope))[0]) == ["hello@1.0.1"], "it ended longer ago than runs can be continued"
    await run_of(uow, scope, "1.0.1", ended="NULL")
    assert (await would_go(uow, scope))[1]["hello@1.0.1"] == kept
    assert await collected(uow, scope, since=datetime.now(UTC) + timedelta(days=1)) == []


async def run_of(uow: UnitOfWork, scope: OrgScope, version: str, ended: str) -> None:
    status = "interrupted" if ended == "NULL" else "succeeded"
    await sql(
        uow,
        scope,
        "INSERT INTO runs (id, org_id, project_id, agent, version_id, version, digest, status, inputs, metadata,"
        " finished_at)"
        f" SELECT gen_random_uuid(), org_id, project_id, 'hello', id, version, digest, '{status}', '{{}}', '{{}}', {ended}"
        " FROM agent_versions WHERE version = :version",
        version=version,
    )


async def collected(
    uow: UnitOfWork, scope: OrgScope, version: str = "1.0.1", since: datetime | None = None
) -> list[tuple[object, ...]]:
    """What the database empties when it is asked to, whatever the application thinks."""
    return await sql(
        uow,
        scope,
        "SELECT collect_versions(ARRAY(SELECT id FROM agent_versions WHERE version = :version), CAST(:since AS timestamptz))",
        version=version,
        since=since,
    )


async def test_the_database_has_the_last_word(
    published: AgentService, uow: UnitOfWork, scope: OrgScope, other_scope: OrgScope
) -> None:
    for led in ("1.0.0", "1.0.2"):
        assert await collected(uow, scope, led) == []
    await published.apply(scope, caller("1.0.1"))
    assert await collected(uow, scope) == [], "another version names it"
    await published.apply(other_scope, {"hello.yaml": HELLO})
    (foreign,) = await sql(uow, scope, "SELECT id FROM agent_versions WHERE version = '1.0.1'")
    async with uow(other_scope) as work:
        found = await work.session.execute(
            text("SELECT collect_versions(ARRAY[CAST(:id AS uuid)], NULL)"), {"id": str(foreign[0])}
        )
        assert found.all() == [], "another organization's is not there"


@pytest.mark.parametrize(
    "statement",
    [
        "UPDATE agent_versions SET plan = '{}', source = '', collected_at = now()",
        "UPDATE agent_versions SET source = ''",
        "DELETE FROM agent_versions",
        "SELECT collect_versions(ARRAY(SELECT id FROM agent_versions), NULL), set_config('app.purpose', 'sweep', true)",
    ],
)
async def test_the_application_cannot_empty_versions_otherwise(
    published: AgentService, uow: UnitOfWork, scope: OrgScope, statement: str
) -> None:
    if statement.startswith("SELECT"):
        await sql(uow, scope, statement)
    else:
        with pytest.raises(DBAPIError, match="permission denied"):
            await sql(uow, scope, statement)
    for ref in ("hello@prod", "hello@latest"):
        assert (await published.resolve(scope, ref)).plan.name == "hello"


async def test_no_alias_is_led_to_a_version_that_is_gone_and_no_run_begins_with_it(
    published: AgentService, uow: UnitOfWork, scope: OrgScope
) -> None:
    begins = "SELECT is_meant(org_id, NULL, id) FROM agent_versions WHERE version = '1.0.1'"
    assert await sql(uow, scope, begins) == [(True,)]
    assert len(await collected(uow, scope)) == 1
    assert await sql(uow, scope, begins) == [(False,)], "no run begins with it"
    with pytest.raises(DBAPIError, match="was collected"):
        await sql(
            uow,
            scope,
            "UPDATE agent_aliases SET version_id = (SELECT id FROM agent_versions WHERE version = '1.0.1')"
            " WHERE alias = 'prod'",
        )
    with pytest.raises(NotFound, match="was collected"):
        await published.aliases.set(scope, "hello", "prod", "1.0.1")


async def test_the_sweeper_and_the_door_do_the_same(published: AgentService, uow: UnitOfWork, scope: OrgScope) -> None:
    retention = RetentionService(uow)
    service = CollectingService(uow, retention)
    await retention.set_retention(scope, RetentionIn(versions_days=1e-9))
    told = await service.collect(scope, dry_run=True)
    assert [(one.version, one.bytes > 500) for one in told.gone] == [("1.0.1", True)]
    assert {one.version: one.reason for one in told.kept} == {name.partition("@")[2]: why for name, why in LED.items()}
    removed = await Sweeper(uow, retention).sweep(scope, datetime.now(UTC) + timedelta(minutes=2))
    assert removed == {"versions": 1}
    assert (await service.collect(scope, dry_run=False)).gone == []

"""Transactions: what they see, and when their jobs go."""

from __future__ import annotations

import pytest
from sqlalchemy import text

from girih.db.base import new_id
from girih.db.tenancy import OrgScope
from girih.db.unit_of_work import UnitOfWork, Work


async def names(work: Work) -> list[str]:
    return list(await work.session.scalars(text("SELECT name FROM projects ORDER BY name")))


async def add_project(work: Work, scope: OrgScope, name: str) -> None:
    await work.session.execute(
        text("INSERT INTO projects (id, org_id, name) VALUES (:id, :org_id, :name)"),
        {"id": new_id(), "org_id": scope.org_id, "name": name},
    )


async def test_a_transaction_sees_its_own_organization_only(
    uow: UnitOfWork, scope: OrgScope, other_scope: OrgScope
) -> None:
    async with uow(scope) as work:
        await add_project(work, scope, "secret")
    async with uow(other_scope) as work:
        assert await names(work) == ["main"]
    async with uow.reading_for("reconcile") as work:
        assert await names(work) == []


async def test_a_transaction_cannot_write_into_another_organization(
    uow: UnitOfWork, scope: OrgScope, other_scope: OrgScope
) -> None:
    with pytest.raises(Exception, match="row-level security"):
        async with uow(scope) as work:
            await add_project(work, other_scope, "intruder")


async def test_nothing_of_a_transaction_is_left_to_the_next_user_of_its_connection(
    uow: UnitOfWork, scope: OrgScope
) -> None:
    async with uow(scope) as work:
        connection = await work.session.connection()
        raw = (await connection.get_raw_connection()).driver_connection
    seen = await raw.fetchval("SELECT coalesce(current_setting('app.org_id', true), '')")
    assert seen == ""


async def test_jobs_go_after_the_commit(uow: UnitOfWork, scope: OrgScope, dispatched: list[tuple[str, str]]) -> None:
    async with uow(scope) as work:
        work.after_commit("job", 1)
        assert dispatched == []
    assert dispatched == [("job", "1")]


async def test_a_failed_transaction_leaves_nothing_and_rings_for_nothing(
    uow: UnitOfWork, scope: OrgScope, dispatched: list[tuple[str, str]]
) -> None:
    with pytest.raises(LookupError):
        async with uow(scope) as work:
            await add_project(work, scope, "lost")
            work.after_commit("job", 1)
            raise LookupError
    async with uow(scope) as work:
        assert await names(work) == ["main"]
    assert dispatched == []


async def test_a_discarded_transaction_leaves_nothing_and_rings_for_nothing(
    uow: UnitOfWork, scope: OrgScope, dispatched: list[tuple[str, str]]
) -> None:
    async with uow(scope) as work:
        await add_project(work, scope, "tried")
        work.after_commit("job", 1)
        assert await names(work) == ["main", "tried"]
        work.discard()
    async with uow(scope) as work:
        assert await names(work) == ["main"]
    assert dispatched == []

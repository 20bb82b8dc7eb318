"""The rows of runs and threads that depend on what is published, as a plan counts them."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from uuid import UUID

from sqlalchemy import ColumnElement, func, select

from girih.db.unit_of_work import Work
from girih.services.agents.dependents import OpenRuns
from girih.services.runs.tables import Run
from girih.services.runs.thread_tables import Thread


async def open_runs(work: Work, agents: Collection[str]) -> Sequence[OpenRuns]:
    """See `Dependents.open_runs`."""
    query = (
        select(Run.agent, Run.version, Run.status, func.count())
        .where(*_open(work), Run.agent.in_(agents))
        .group_by(Run.agent, Run.version, Run.status)
        .order_by(Run.agent, Run.version, Run.status)
    )
    return [OpenRuns(*row) for row in await work.session.execute(query)]


async def versions_in_use(work: Work) -> frozenset[UUID]:
    """See `Dependents.versions_in_use`."""
    return frozenset((await work.session.scalars(select(Run.version_id).where(*_open(work)).distinct())).all())


async def threads(work: Work, agents: Collection[str]) -> Mapping[str, int]:
    """See `Dependents.threads`."""
    scope = work.speaks_for
    query = (
        select(Thread.agent, func.count())
        .where(Thread.org_id == scope.org_id, Thread.project_id == scope.project_id, Thread.agent.in_(agents))
        .group_by(Thread.agent)
    )
    return {str(agent): count for agent, count in await work.session.execute(query)}


def _open(work: Work) -> tuple[ColumnElement[bool], ...]:
    scope = work.speaks_for
    return Run.org_id == scope.org_id, Run.project_id == scope.project_id, Run.finished_at.is_(None)

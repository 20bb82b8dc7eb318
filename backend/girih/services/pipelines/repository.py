"""The rows of pipelines and their versions."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from typing import NamedTuple
from uuid import UUID

from sqlalchemy import ColumnElement, func, select, update
from sqlalchemy.dialects.postgresql import distinct_on

from girih.db.base import new_id
from girih.db.tenancy import OrgScope
from girih.db.unit_of_work import Work
from girih.services.pipelines.tables import Pipeline, PipelineVersion


class Pointer(NamedTuple):
    """A version, and what it is called by."""

    version_id: UUID
    version: str
    digest: str


async def names(work: Work, scope: OrgScope) -> Sequence[str]:
    """The name of every pipeline of the project."""
    query = select(Pipeline.name).where(*_of(scope))
    return (await work.session.scalars(query.order_by(Pipeline.name))).all()


async def digests(work: Work, scope: OrgScope) -> dict[str, str]:
    """The digest of every pipeline's newest version, by the pipeline's name."""
    query = (
        select(Pipeline.name, PipelineVersion.digest)
        .join(PipelineVersion, _belongs())
        .where(*_of(scope))
        .order_by(PipelineVersion.number)
    )
    return dict((await work.session.execute(query)).all())


async def pointers(work: Work, scope: OrgScope, names: Collection[str]) -> dict[str, list[Pointer]]:
    """Every version of these pipelines, the newest first, by the pipeline's name."""
    query = (
        select(Pipeline.name, PipelineVersion.id, PipelineVersion.version, PipelineVersion.digest)
        .join(PipelineVersion, _belongs())
        .where(*_of(scope), Pipeline.name.in_(names))
        .order_by(PipelineVersion.number.desc())
    )
    found: dict[str, list[Pointer]] = {}
    for name, version_id, version, digest in await work.session.execute(query):
        found.setdefault(name, []).append(Pointer(version_id, version, digest))
    return found


async def versions(work: Work, scope: OrgScope, name: str) -> Sequence[PipelineVersion]:
    """Every version of the pipeline of that name, the newest first; none if there is no such pipeline."""
    query = (
        select(PipelineVersion)
        .join(Pipeline, _belongs())
        .where(*_of(scope), Pipeline.name == name)
        .order_by(PipelineVersion.number.desc())
    )
    return (await work.session.scalars(query)).all()


async def version(work: Work, scope: OrgScope, version_id: UUID) -> PipelineVersion:
    """The version of that id, which exists."""
    query = select(PipelineVersion).where(PipelineVersion.org_id == scope.org_id, PipelineVersion.id == version_id)
    return (await work.session.scalars(query)).one()


async def latest(work: Work, scope: OrgScope) -> Sequence[tuple[Pipeline, PipelineVersion]]:
    """Every pipeline of the project with its newest version, by name."""
    query = (
        select(Pipeline, PipelineVersion)
        .join(PipelineVersion, _belongs())
        .where(*_of(scope))
        .order_by(Pipeline.name, PipelineVersion.number.desc())
        .ext(distinct_on(Pipeline.name))
    )
    return [(row[0], row[1]) for row in await work.session.execute(query)]


async def add_pipeline(work: Work, scope: OrgScope, name: str) -> UUID:
    """A new pipeline; returns its id."""
    pipeline = Pipeline(id=new_id(), org_id=scope.org_id, project_id=scope.project_id, name=name)
    work.session.add(pipeline)
    await work.session.flush()
    return pipeline.id


async def retire(work: Work, scope: OrgScope, names: Collection[str]) -> None:
    """Let these pipelines not be found by their names any more; their versions stay."""
    query = update(Pipeline).where(*_of(scope), Pipeline.name.in_(names)).values(retired_at=func.now())
    await work.session.execute(query)


async def retired(work: Work, scope: OrgScope) -> Sequence[str]:
    """The names of the pipelines that are retired."""
    mine = (Pipeline.org_id == scope.org_id, Pipeline.project_id == scope.project_id)
    return (await work.session.scalars(select(Pipeline.name).where(*mine, Pipeline.retired_at.is_not(None)))).all()


async def bring_back(work: Work, scope: OrgScope, names: Collection[str]) -> None:
    """Let these pipelines be found again."""
    mine = (Pipeline.org_id == scope.org_id, Pipeline.project_id == scope.project_id, Pipeline.name.in_(names))
    await work.session.execute(update(Pipeline).where(*mine).values(retired_at=None))


async def add_version(work: Work, version: PipelineVersion) -> None:
    """Store a version, for good."""
    work.session.add(version)
    await work.session.flush()


def _of(scope: OrgScope) -> tuple[ColumnElement[bool], ...]:
    """Of the scope's project, and not retired."""
    owned = (Pipeline.org_id == scope.org_id, Pipeline.project_id == scope.project_id)
    return (*owned, Pipeline.retired_at.is_(None))


def _belongs() -> ColumnElement[bool]:
    return (PipelineVersion.org_id == Pipeline.org_id) & (PipelineVersion.pipeline_id == Pipeline.id)

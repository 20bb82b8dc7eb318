"""The rows of what models are bound to: revisions that never change, of which the highest counts."""

from __future__ import annotations

from collections.abc import Sequence

from sqlalchemy import func, select, text
from sqlalchemy.dialects.postgresql import distinct_on

from girih.db.base import new_id
from girih.db.tenancy import OrgScope
from girih.db.unit_of_work import Work
from girih.language.spec.canonical import digest_of
from girih.language.spec.tree import JsonObject
from girih.services.registry.tables import BindingRevision

# The same as publishing takes: what stands in for what is looked at by both.
_LOCK = text("SELECT pg_advisory_xact_lock(hashtextextended('apply:' || :project_id, 0))")


async def lock(work: Work, scope: OrgScope) -> None:
    """Let one change the project's models at a time, to the end of the transaction."""
    await work.session.execute(_LOCK, {"project_id": str(scope.project_id)})


async def current(work: Work, scope: OrgScope) -> dict[str, BindingRevision]:
    """The newest revision of every model's binding, by the model's name; also of those that were taken away."""
    query = (
        select(BindingRevision)
        .where(BindingRevision.org_id == scope.org_id, BindingRevision.project_id == scope.project_id)
        .order_by(BindingRevision.name, BindingRevision.revision.desc())
        .ext(distinct_on(BindingRevision.name))
    )
    return {row.name: row for row in await work.session.scalars(query)}


async def revisions(work: Work, scope: OrgScope, name: str) -> Sequence[BindingRevision]:
    """Every revision of a model's binding, the newest first."""
    query = select(BindingRevision).where(
        BindingRevision.org_id == scope.org_id,
        BindingRevision.project_id == scope.project_id,
        BindingRevision.name == name,
    )
    return (await work.session.scalars(query.order_by(BindingRevision.revision.desc()))).all()


async def is_known_at(work: Work, scope: OrgScope, secret: str, origin: str) -> bool:
    """Whether the project has bound that secret for that origin before."""
    query = select(BindingRevision.id).where(
        BindingRevision.org_id == scope.org_id,
        BindingRevision.project_id == scope.project_id,
        BindingRevision.origin == origin,
        BindingRevision.binding["secret"].as_string() == secret,
    )
    return await work.session.scalar(query.limit(1)) is not None


async def add(
    work: Work, scope: OrgScope, name: str, binding: JsonObject | None, origin: str | None
) -> BindingRevision:
    """A new revision, which counts from now on; the project is locked."""
    highest = select(func.max(BindingRevision.revision)).where(
        BindingRevision.org_id == scope.org_id,
        BindingRevision.project_id == scope.project_id,
        BindingRevision.name == name,
    )
    row = BindingRevision(
        id=new_id(),
        org_id=scope.org_id,
        project_id=scope.project_id,
        name=name,
        revision=(await work.session.scalar(highest) or 0) + 1,
        binding=binding,
        origin=origin,
        digest=digest_of({"binding": binding, "origin": origin}),
        created_by=scope.actor,
    )
    work.session.add(row)
    await work.session.flush()
    await work.session.refresh(row)
    return row

"""The rows of organizations, projects and keys."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import timedelta
from uuid import UUID

from sqlalchemy import ColumnElement, func, or_, select, update
from sqlalchemy.dialects.postgresql import insert

from girih.db.base import Organization, Project
from girih.db.tenancy import OrgScope
from girih.db.unit_of_work import Work
from girih.services.identity.tables import ApiKey, ApiKeyProject


async def organization_named(work: Work, name: str) -> UUID | None:
    """The organization of that name, in a transaction that may see it."""
    found: UUID | None = await work.session.scalar(select(Organization.id).where(Organization.name == name))
    return found


async def put_organization(work: Work, id: UUID, name: str) -> bool:
    """Make the organization; `False` if another one has the name already."""
    statement = insert(Organization).values(id=id, name=name).on_conflict_do_nothing().returning(Organization.id)
    return await work.session.scalar(statement) is not None


async def put_project(work: Work, id: UUID, org_id: UUID, name: str) -> UUID:
    """The project of that name, made if there is none; held to the end of the transaction. Returns its id."""
    await work.session.execute(insert(Project).values(id=id, org_id=org_id, name=name).on_conflict_do_nothing())
    query = select(Project.id).where(Project.org_id == org_id, Project.name == name).with_for_update(key_share=True)
    return (await work.session.scalars(query)).one()


async def add_key(work: Work, row: ApiKey) -> ApiKey:
    """Store a key."""
    work.session.add(row)
    await work.session.flush()
    return row


async def key(work: Work, id: UUID) -> ApiKey | None:
    """The key with that id, if the transaction may see it."""
    return await work.session.get(ApiKey, id)


async def keys(work: Work, scope: OrgScope) -> Sequence[ApiKey]:
    """Every key of the project, the newest first."""
    query = select(ApiKey).where(*_of(scope)).order_by(ApiKey.id.desc())
    return (await work.session.scalars(query)).all()


async def has_key(work: Work, scope: OrgScope, id: UUID) -> bool:
    """Whether the project has a key with that id, live or not."""
    return await work.session.scalar(select(ApiKey.id).where(*_of(scope), ApiKey.id == id)) is not None


async def is_of_service_account(work: Work, id: UUID) -> bool:
    """Whether the organization's key of that id is a service account's."""
    mine = ApiKey.org_id == work.speaks_for.org_id, ApiKey.id == id
    return await work.session.scalar(select(ApiKey.service_account_id).where(*mine)) is not None


async def has_live_key(work: Work, scope: OrgScope, name: str) -> bool:
    """Whether the project has a key of that name that still holds."""
    query = select(ApiKey.id).where(*_of(scope), ApiKey.name == name, *_LIVE).limit(1)
    return await work.session.scalar(query) is not None


async def revoke(work: Work, scope: OrgScope, *, id: UUID | None = None, name: str | None = None) -> Sequence[UUID]:
    """Revoke the live keys with that id or name; returns their ids."""
    wanted = [ApiKey.id == id] if id else [ApiKey.name == name]
    statement = update(ApiKey).where(*_of(scope), *wanted, ApiKey.revoked_at.is_(None)).values(revoked_at=func.now())
    return (await work.session.scalars(statement.returning(ApiKey.id))).all()


async def note_use(work: Work, id: UUID) -> None:
    """Note that a key is used, where that was not noted within the last minute."""
    is_old = or_(ApiKey.last_used_at.is_(None), ApiKey.last_used_at < func.now() - timedelta(minutes=1))
    mine = ApiKey.org_id == work.speaks_for.org_id, ApiKey.id == id
    await work.session.execute(update(ApiKey).where(*mine, is_old).values(last_used_at=func.now()))


async def live_key(work: Work, scope: OrgScope, id: UUID) -> ApiKey | None:
    """The project's key of that id if it still holds, held to the end of the transaction."""
    query = select(ApiKey).where(*_of(scope), ApiKey.id == id, *_LIVE)
    return (await work.session.scalars(query.with_for_update())).one_or_none()


async def add_projects(work: Work, key_id: UUID, projects: Sequence[UUID]) -> None:
    """Let a key speak for these projects, too."""
    org_id = work.speaks_for.org_id
    rows = [{"org_id": org_id, "key_id": key_id, "project_id": project} for project in projects]
    if rows:
        await work.session.execute(insert(ApiKeyProject).values(rows))


async def more_projects(work: Work, keys: Sequence[UUID]) -> dict[UUID, dict[UUID, str]]:
    """Key → the projects it is for besides its own, as id → name."""
    query = (
        select(ApiKeyProject.key_id, Project.id, Project.name)
        .join(Project, (Project.org_id == ApiKeyProject.org_id) & (Project.id == ApiKeyProject.project_id))
        .where(ApiKeyProject.org_id == work.speaks_for.org_id, ApiKeyProject.key_id.in_(keys))
        .order_by(Project.name)
    )
    found: dict[UUID, dict[UUID, str]] = {}
    for row in await work.session.execute(query):
        found.setdefault(row[0], {})[row[1]] = row[2]
    return found


async def project_ids(work: Work, names: Sequence[str]) -> dict[str, UUID]:
    """Those of the organization's projects that are called so, by name."""
    query = select(Project.name, Project.id).where(Project.org_id == work.speaks_for.org_id, Project.name.in_(names))
    return {row[0]: row[1] for row in await work.session.execute(query)}


async def project_name(work: Work, id: UUID) -> str | None:
    """What the organization's project of that id is called."""
    mine = Project.org_id == work.speaks_for.org_id
    name: str | None = await work.session.scalar(select(Project.name).where(mine, Project.id == id))
    return name


_LIVE = (ApiKey.revoked_at.is_(None), (ApiKey.expires_at.is_(None)) | (ApiKey.expires_at > func.now()))


def _of(scope: OrgScope) -> tuple[ColumnElement[bool], ColumnElement[bool]]:
    return ApiKey.org_id == scope.org_id, ApiKey.project_id == scope.project_id

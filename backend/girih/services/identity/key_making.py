"""Making a key: what whoever makes it has, and how the new one and its limits are kept and shown."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

from girih.db.tenancy import OrgScope
from girih.db.unit_of_work import Work
from girih.errors import Forbidden, NotFound, Unauthorized
from girih.language.spec.suggest import hint
from girih.services.identity import repository
from girih.services.identity.key_limits import KeyLimits, within
from girih.services.identity.keys import make_key
from girih.services.identity.schemas import ApiKeyOut, NewApiKey
from girih.services.identity.sign_ins import expired
from girih.services.identity.tables import ApiKey


@dataclass(frozen=True)
class Maker:
    """Who makes a key, as far as that limits it. A person is limited by his permissions alone."""

    scope: OrgScope
    limits: KeyLimits
    ends: datetime | None = None
    service_account: UUID | None = None
    """Whose key he calls with: what he makes is that account's as well."""

    def require(self, permissions: frozenset[str]) -> None:
        """Raise `Forbidden` for a permission that he has not."""
        if lacking := permissions - self.scope.permissions:
            raise Forbidden(
                f"a key cannot be given what its maker may not do: {', '.join(sorted(lacking))}",
                help="use a key that has these permissions to make this one",
            )

    def bound(self, wanted: KeyLimits) -> KeyLimits:
        """The limits of a key that he makes, within his own. Raises `Forbidden`."""
        mine = {self.scope.project_id, *self.limits.projects}
        if not mine.issuperset(wanted.projects) and "organization:manage" not in self.scope.permissions:
            raise Forbidden(
                "this key lacks the permission organization:manage, which keys to other projects take",
                help="name projects that it is for itself, or use a key that has it",
            )
        return within(wanted, self.limits)


async def maker_of(work: Work, scope: OrgScope) -> Maker:
    """What whoever calls has. Raises `Unauthorized` where his key was revoked a moment ago."""
    if scope.key_id is None:
        return Maker(scope, KeyLimits(agents=scope.agents))
    row = await repository.key(work, scope.key_id)
    if row is None or row.revoked_at is not None or expired(row.expires_at):
        raise Unauthorized("the API key is missing or does not hold", help="send `Authorization: Bearer girih_…`")
    projects = (await repository.more_projects(work, [row.id])).get(row.id, {})
    limits = limits_of(row, (row.project_id, *projects))
    return Maker(scope, limits, row.expires_at, row.service_account_id)


def limits_of(row: ApiKey, projects: Sequence[UUID]) -> KeyLimits:
    """What a key that was made is limited to."""
    return KeyLimits(tuple(row.agents), tuple(projects), tuple(row.networks), row.requests_per_minute, row.runs_at_once)


async def projects_named(work: Work, names: Sequence[str]) -> tuple[UUID, ...]:
    """The organization's projects of these names. Raises `NotFound`."""
    found = await repository.project_ids(work, names)
    for name in names:
        if name not in found:
            raise NotFound(f"no project `{name}`", help=hint(name, found))
    return tuple(found[name] for name in names)


async def add_key(
    work: Work,
    scope: OrgScope,
    env: str,
    name: str,
    permissions: frozenset[str],
    expires_at: datetime | None,
    limits: KeyLimits,
    service_account: UUID | None = None,
) -> NewApiKey:
    """Store a key and show it; one of a service account may never do more than that may."""
    key = make_key(env)
    row = ApiKey(
        id=key.id,
        org_id=scope.org_id,
        project_id=scope.project_id,
        name=name,
        hash=key.hash,
        permissions=sorted(permissions),
        created_by=scope.actor,
        expires_at=expires_at,
        revoked_at=None,
        last_used_at=None,
        replaced_by=None,
        agents=list(limits.agents),
        networks=list(limits.networks),
        requests_per_minute=limits.requests_per_minute,
        runs_at_once=limits.runs_at_once,
        service_account_id=service_account,
    )
    await repository.add_key(work, row)
    more = [project for project in limits.projects if project != scope.project_id]
    await repository.add_projects(work, key.id, more)
    return NewApiKey(**(await shown(work, [row]))[0].model_dump(), key=key.text)


async def shown(work: Work, rows: Sequence[ApiKey]) -> list[ApiKeyOut]:
    """Keys as they are listed."""
    projects = await repository.more_projects(work, [row.id for row in rows])
    return [
        ApiKeyOut.model_validate(
            {name: getattr(row, name) for name in ApiKeyOut.model_fields if name != "projects"}
            | {"projects": list(projects.get(row.id, {}).values())}
        )
        for row in rows
    ]

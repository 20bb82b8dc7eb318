"""The rows of secrets, and what names them."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from datetime import timedelta
from typing import Any
from uuid import UUID

from sqlalchemy import delete, func, or_, select, text, update
from sqlalchemy.dialects.postgresql import insert

from girih.db.tenancy import OrgScope
from girih.db.unit_of_work import Work
from girih.services.secrets.sealing import Place
from girih.services.secrets.tables import Secret

_NAMED = """'"secret://([a-z0-9._-]+)"'"""
_MINE = "org_id = :org_id AND project_id = :project_id"
# Documents name secrets in whole strings, so quotes stand around each; no text of a prompt looks like that in JSON.
_USES = text(f"""
SELECT DISTINCT kind, name, found[1] AS secret FROM (
    SELECT 'tool' AS kind, name, regexp_matches(document::text, {_NAMED}, 'g') AS found
    FROM tools WHERE {_MINE} AND document::text LIKE '%"secret://%'
    UNION ALL
    SELECT 'model', name, regexp_matches(document::text, {_NAMED}, 'g')
    FROM models WHERE {_MINE} AND document::text LIKE '%"secret://%'
    UNION ALL
    SELECT 'model', name, regexp_matches(binding::text, {_NAMED}, 'g')
    FROM (SELECT DISTINCT ON (name) name, binding FROM model_bindings WHERE {_MINE} ORDER BY name, revision DESC) AS now
    WHERE binding::text LIKE '%"secret://%'
    UNION ALL
    SELECT 'model', name, regexp_matches(binding::text, {_NAMED}, 'g')
    FROM (SELECT DISTINCT ON (name) name, binding FROM model_bindings WHERE {_MINE} ORDER BY name, revision DESC) AS b
    WHERE binding::text LIKE '%"secret://%'
    UNION ALL
    SELECT 'data_store', name, regexp_matches(config::text, {_NAMED}, 'g')
    FROM data_stores WHERE {_MINE} AND config::text LIKE '%"secret://%'
    UNION ALL
    SELECT 'agent', a.name, regexp_matches(v.plan::text, {_NAMED}, 'g')
    FROM agents a JOIN agent_versions v ON v.org_id = a.org_id AND v.agent_id = a.id
    WHERE a.org_id = :org_id AND a.project_id = :project_id AND a.retired_at IS NULL
      AND v.plan::text LIKE '%"secret://%'
      AND EXISTS (SELECT FROM agent_aliases s WHERE s.org_id = v.org_id AND s.version_id = v.id)
) AS uses ORDER BY kind, name
""")  # noqa: S608 - constants of this file


def place_of(row: Secret) -> Place:
    """Where the value of a row stands."""
    return Place(row.org_id, "secrets", "value", row.id)


async def lock(work: Work, scope: OrgScope, name: str) -> Secret | None:
    """The secret of that name, for whoever changes it."""
    found: Secret | None = await work.session.scalar(select(Secret).where(*_of(scope, name)).with_for_update())
    return found


async def add(work: Work, scope: OrgScope, name: str, id: UUID, value: str, hosts: Sequence[str]) -> bool:
    """A new secret, its value sealed; False where there is one of that name."""
    values = {
        "id": id,
        "org_id": scope.org_id,
        "project_id": scope.project_id,
        "name": name,
        "value": value,
        "hosts": list(hosts),
        "version": 1,
        "created_by": scope.actor,
        "set_by": scope.actor,
    }
    made = await work.session.scalar(insert(Secret).values(values).on_conflict_do_nothing().returning(Secret.id))
    return made is not None


async def change(work: Work, row: Secret, value: str, hosts: Sequence[str] | None, actor: str) -> None:
    """Another value, sealed; with `hosts` also others of these."""
    row.hosts = row.hosts if hosts is None else list(hosts)
    row.value, row.version, row.set_by = value, row.version + 1, actor
    row.set_at = await work.session.scalar(select(func.now())) or row.set_at
    await work.session.flush()


async def used(work: Work, scope: OrgScope, name: str) -> tuple[Place, str, list[str] | None] | None:
    """Where the value of that name stands, how, and what hosts it is for: for its use, which is noted once a minute."""
    query = select(Secret.id, Secret.org_id, Secret.value, Secret.hosts).where(*_of(scope, name))
    found = (await work.session.execute(query)).one_or_none()
    if found is None:
        return None
    long_ago = or_(Secret.used_at.is_(None), Secret.used_at < func.now() - timedelta(minutes=1))
    await work.session.execute(update(Secret).where(*_of(scope, name), long_ago).values(used_at=func.now()))
    return Place(found.org_id, "secrets", "value", found.id), found.value, found.hosts


async def hosts(work: Work, scope: OrgScope, names: Iterable[str]) -> Mapping[str, list[str] | None]:
    """What hosts the secrets of these names are for, of those that are stored."""
    mine = Secret.org_id == scope.org_id, Secret.project_id == scope.project_id
    rows = await work.session.execute(select(Secret.name, Secret.hosts).where(*mine, Secret.name.in_(list(names))))
    return {row.name: row.hosts for row in rows}


async def listed(work: Work, scope: OrgScope) -> Sequence[Secret]:
    """The project's secrets by name."""
    mine = Secret.org_id == scope.org_id, Secret.project_id == scope.project_id
    return (await work.session.scalars(select(Secret).where(*mine).order_by(Secret.name))).all()


async def remove(work: Work, scope: OrgScope, name: str) -> None:
    """Delete a secret."""
    await work.session.execute(delete(Secret).where(*_of(scope, name)))


async def uses(work: Work, scope: OrgScope) -> Mapping[str, list[tuple[str, str]]]:
    """What in the project names secrets: kind and name, by the secret's name."""
    whose = {"org_id": scope.org_id, "project_id": scope.project_id}
    found: dict[str, list[tuple[str, str]]] = defaultdict(list)
    for row in await work.session.execute(_USES, whose):
        found[row.secret].append((row.kind, row.name))
    return found


def _of(scope: OrgScope, name: str) -> tuple[Any, ...]:
    return Secret.org_id == scope.org_id, Secret.project_id == scope.project_id, Secret.name == name

"""What refers to versions, asked of the whole project at once; and the one way to empty a version."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

from sqlalchemy import text

from girih.db.tenancy import OrgScope
from girih.db.unit_of_work import Work

_VERSIONS = text("""
WITH moves AS (
  SELECT version_id, lead(created_at) OVER (PARTITION BY agent_id, alias ORDER BY created_at, id) AS left_at
  FROM agent_moves WHERE org_id = :org AND project_id = :project
), times AS (
  SELECT id, created_at, lead(created_at) OVER (PARTITION BY agent_id ORDER BY number) AS followed_at
  FROM agent_versions WHERE org_id = :org AND project_id = :project
)
SELECT v.id, g.name, v.version, v.digest,
  greatest(t.created_at, t.followed_at, (SELECT max(m.left_at) FROM moves m WHERE m.version_id = v.id)) AS idle_since,
  pg_column_size(v.plan) + pg_column_size(v.source) AS bytes,
  ARRAY(
    SELECT a.alias FROM agent_aliases a WHERE a.org_id = v.org_id AND a.version_id = v.id
    UNION SELECT t.alias FROM agent_targets t WHERE t.org_id = v.org_id AND t.version_id = v.id
    UNION SELECT w.alias FROM agent_guards w
    WHERE w.org_id = v.org_id AND w.old_version_id = v.id AND w.state = 'watching'
    ORDER BY 1
  ) AS aliases,
  ARRAY(SELECT DISTINCT found[1] FROM regexp_matches(v.plan::text, 'sha256:[0-9a-f]{64}', 'g') found) AS named
FROM agent_versions v JOIN times t ON t.id = v.id JOIN agents g ON g.org_id = v.org_id AND g.id = v.agent_id
WHERE v.org_id = :org AND v.project_id = :project AND v.collected_at IS NULL
ORDER BY g.name, v.number
""")

_RUNNING = text("""
SELECT DISTINCT version_id FROM runs
WHERE org_id = :org AND project_id = :project
AND (finished_at IS NULL OR CAST(:since AS timestamptz) IS NULL OR finished_at >= :since)
""")

_SPOKEN_OF = text("""
SELECT agent FROM schedules WHERE org_id = :org AND project_id = :project
UNION SELECT agent FROM threads WHERE org_id = :org AND project_id = :project AND position('@' in agent) > 0
""")

_FORGET = text("""
DELETE FROM spec_texts s WHERE s.org_id = :org AND s.project_id = :project AND s.kind = 'graph/v1' AND s.name = :name
AND s.digest = ANY(CAST(:digests AS text[])) AND NOT EXISTS (
  SELECT FROM agent_versions v JOIN agents g ON g.org_id = v.org_id AND g.id = v.agent_id
  WHERE v.org_id = s.org_id AND v.digest = s.digest AND g.project_id = s.project_id AND g.name = s.name
  AND v.collected_at IS NULL
)
""")

_COLLECT = text("SELECT collect_versions(CAST(:wanted AS uuid[]), CAST(:since AS timestamptz))")


@dataclass(frozen=True)
class Version:
    """A version that is kept: what leads to it, and the digests of all that its plan names."""

    id: UUID
    name: str
    version: str
    digest: str
    idle_since: datetime
    """When the last alias was led elsewhere, or another version followed, or it was published."""
    bytes: int
    aliases: Sequence[str]
    named: frozenset[str]


async def versions(work: Work, scope: OrgScope) -> list[Version]:
    """Every version of the project that is kept, by name and number."""
    rows = await work.session.execute(_VERSIONS, _of(scope))
    return [Version(**{**row, "named": frozenset(row["named"])}) for row in rows.mappings()]


async def running(work: Work, scope: OrgScope, since: datetime | None) -> frozenset[UUID]:
    """The versions of runs that have not ended, or ended since; without a moment, of all runs."""
    return frozenset(await work.session.scalars(_RUNNING, _of(scope) | {"since": since}))


async def spoken_of(work: Work, scope: OrgScope) -> frozenset[str]:
    """The references that schedules and threads hold."""
    return frozenset(await work.session.scalars(_SPOKEN_OF, _of(scope)))


async def collect(work: Work, versions: Collection[UUID], since: datetime | None) -> frozenset[UUID]:
    """Empty these versions, but for those that something refers to by now; gives the ones that are empty."""
    found = await work.session.scalars(_COLLECT, {"wanted": [str(one) for one in versions], "since": since})
    return frozenset(found)


async def forget_texts(work: Work, scope: OrgScope, name: str, digests: Collection[str]) -> None:
    """Remove the texts that a graph was published from, but for those of a version that is kept."""
    await work.session.execute(_FORGET, _of(scope) | {"name": name, "digests": list(digests)})


def _of(scope: OrgScope) -> dict[str, object]:
    return {"org": scope.org_id, "project": scope.project_id}

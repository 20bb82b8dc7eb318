"""What a project has published, in one digest: two people who plan on the same one cannot both apply."""

from __future__ import annotations

from girih.db.unit_of_work import Work
from girih.errors import Conflict
from girih.language.spec.canonical import digest_of
from girih.services.agents import repository
from girih.services.agents.ports import Collections
from girih.services.pipelines import repository as pipelines
from girih.services.registry.service import TABLES, RegistryService


async def standing(work: Work, registry: RegistryService, collections: Collections) -> str:
    """`sha256:…` of the newest digest of every spec of the transaction's project, by kind and name."""
    scope = work.speaks_for
    held = {kind: dict(await registry.digests(work, kind)) for kind in TABLES}
    held["graph/v1"] = await repository.digests(work, scope)
    held["collection/v1"] = dict(await collections.collection_digests(work))
    held["pipeline/v1"] = await pipelines.digests(work, scope)
    return digest_of(held)


def require(base: str | None, now: str) -> None:
    """Raises `Conflict` where what an apply was planned on is no longer so."""
    if base is not None and base != now:
        raise Conflict(
            "somebody has published since this was planned; nothing was published",
            help="plan it again, and look at what changes now",
            base=now,
        )

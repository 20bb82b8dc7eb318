"""What a project has published, in one digest: two people who plan on the same one cannot both apply."""

from __future__ import annotations

from girih.db.unit_of_work import Work
from girih.errors import StaleBase
from girih.language.spec.canonical import digest_of
from girih.services.agents import repository
from girih.services.agents.ports import Collections
from girih.services.agents.schemas import ApplyOut
from girih.services.pipelines import repository as pipelines
from girih.services.registry.service import TABLES, RegistryService


async def standing(work: Work, registry: RegistryService, collections: Collections) -> str:
    """`sha256:…` of all that the transaction's project has published."""
    return digest_of(await held(work, registry, collections))


async def held(work: Work, registry: RegistryService, collections: Collections) -> dict[str, dict[str, str]]:
    """The newest digest of every spec of the transaction's project, by kind and name."""
    scope = work.speaks_for
    found = {kind: dict(await registry.digests(work, kind)) for kind in TABLES}
    found["graph/v1"] = await repository.digests(work, scope)
    found["collection/v1"] = dict(await collections.collection_digests(work))
    found["pipeline/v1"] = await pipelines.digests(work, scope)
    return found


def stale_base(now: str, plan: ApplyOut | None = None) -> StaleBase:
    """What an apply was planned on is no longer so; `plan` is what it would change now, where that can be said."""
    return StaleBase(
        "somebody has published since this was planned; nothing was published",
        help="plan it again, and look at what changes now",
        base=now,
        **({"plan": plan.model_dump(mode="json")} if plan is not None else {}),
    )

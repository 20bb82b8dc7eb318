"""One version with all that is kept of it, and what has become of the things that it refers to."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from girih.db.tenancy import OrgScope
from girih.db.unit_of_work import UnitOfWork, Work
from girih.language.spec.uris import parse_uri
from girih.services.agents import listing, repository
from girih.services.agents.finding import check_name, find
from girih.services.agents.mentions import pick
from girih.services.agents.ports import Collections
from girih.services.agents.references import LATEST, parse_version
from girih.services.agents.repository import Pointer
from girih.services.agents.schemas import Locked, LockOut, Standing, VersionDetail
from girih.services.registry.service import RegistryService
from girih.services.shelf import mark_repository as marks

_HELD = frozenset({"graph", "tool"})


@dataclass(frozen=True)
class _Now:
    """What names and references mean right now."""

    named: Mapping[tuple[str, str], Standing]
    """By kind and name."""
    pipelines: Mapping[str, Standing]
    """By the URI of the collection."""
    graphs: Mapping[str, Sequence[Pointer]]

    def of(self, one: Locked) -> Standing | None:
        """What a reference means now; `None` for what is not there any more."""
        if one.kind == "pipeline":
            return self.pipelines.get(one.through or "")
        if one.kind == "graph":
            found = pick(self.graphs.get(one.name, ()), parse_uri(one.uri).ref or LATEST)
            return Standing(version=found.version, digest=found.digest) if found is not None else None
        found_now = self.named.get((one.kind, one.name))
        # What had no digest is built in, and is there as long as nothing has taken its name.
        return found_now or (Standing() if one.digest is None else None)


class Kept:
    """Reads what was published; changes nothing."""

    def __init__(self, uow: UnitOfWork, registry: RegistryService, collections: Collections) -> None:
        self._uow = uow
        self._registry = registry
        self._collections = collections

    async def version(self, scope: OrgScope, name: str, version: str) -> VersionDetail:
        """The version that is named by its number, a range, a digest or an alias. Raises `NotFound`."""
        check_name(name)
        reference = parse_version(name, version)
        async with self._uow(scope) as work:
            found = await find(work, scope, reference)
            row = await repository.version(work, scope, found.version_id)
            aliases = await repository.aliases(work, scope, [row.agent_id])
            held = await marks.holding(work, scope, version=row.id)
            lock = [Locked.model_validate(one) for one in row.lock] if row.lock is not None else None
            now = await self._now(work, lock or ())
        listed = listing.version(row, aliases[row.agent_id], row.report, held.get(row.id))
        return VersionDetail(
            **dict(listed),
            inputs=row.plan["inputs"],
            outputs=row.plan["outputs"],
            source=row.source,
            lock=[_told(one, now.of(one)) for one in lock] if lock is not None else None,
            signature=row.signature,
        )

    async def _now(self, work: Work, lock: Sequence[Locked]) -> _Now:
        models = await self._registry.model_revisions(work)
        digests = {
            "tool": await self._registry.digests(work, "tool/v1"),
            "knowledge": await self._collections.collection_digests(work),
        }
        named = {(kind, name): Standing(digest=one) for kind, known in digests.items() for name, one in known.items()}
        for name, model in models.items():
            named["model", name] = Standing(version=model.version, digest=model.digest)
        used = await self._collections.collection_pipelines(work)
        graphs = {one.name for one in lock if one.kind == "graph"}
        return _Now(
            named,
            {f"knowledge://{name}": Standing(version=one.version, digest=one.digest) for name, one in used.items()},
            await repository.pointers(work, work.speaks_for, graphs) if graphs else {},
        )


def _told(one: Locked, now: Standing | None) -> LockOut:
    is_same = now is not None and (now.digest, now.version) == (one.digest, one.version)
    return LockOut(**dict(one), held=one.kind in _HELD, now=now, drifted=not is_same)

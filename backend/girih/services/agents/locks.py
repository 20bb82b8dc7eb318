"""Locks: what every reference of a graph was resolved to when it was published, nested ones included."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass, field

from girih.db.unit_of_work import Work
from girih.language.compiler.plan import LockEntry, Plan
from girih.language.nodes.fallbacks import Fallbacks, declared, in_order
from girih.language.spec.semantic import highest, parse_range
from girih.language.spec.tree import JsonObject
from girih.language.spec.uris import parse_uri
from girih.services.agents import lock_repository
from girih.services.agents.lock_repository import Referred
from girih.services.agents.ports import Collections
from girih.services.agents.schemas import Locked
from girih.services.pipelines.schemas import UsedPipeline
from girih.services.registry.effective import ModelRevision
from girih.services.registry.service import RegistryService


@dataclass
class Locks:
    """What names stand for at this moment, and which versions of graphs are referred to."""

    models: Mapping[str, ModelRevision]
    fallbacks: Fallbacks
    pipelines: Mapping[str, UsedPipeline]
    """By the collection."""
    graphs: dict[tuple[str, str], list[Referred]] = field(default_factory=dict)
    """By name and digest, the newest first."""
    own: dict[tuple[str, str], tuple[str, Sequence[Locked]]] = field(default_factory=dict)
    """Graphs that are published at this moment: their version, and what they were resolved to."""

    @classmethod
    async def of(
        cls, work: Work, registry: RegistryService, collections: Collections, plans: Collection[Plan]
    ) -> Locks:
        """All that the references of these plans may mean, inside a transaction of the caller."""
        found = cls(
            await registry.model_revisions(work),
            declared(await registry.effective(work)),
            await collections.collection_pipelines(work),
        )
        wanted = {entry.digest for plan in plans for entry in plan.lock if entry.scheme == "graph" and entry.digest}
        for row in await lock_repository.referred(work, work.speaks_for, wanted) if wanted else ():
            found.graphs.setdefault((row.name, row.digest), []).append(row)
        return found

    def take(self, plan: Plan, version: str) -> list[JsonObject]:
        """The lock of a graph that is published as that version; it is known to those that come after.

        Graphs have to be taken after those they use.
        """
        lock = list(dict.fromkeys(one for entry in plan.lock for one in self._resolved(entry)))
        self.own[plan.name, plan.digest] = version, lock
        return [one.model_dump(mode="json") for one in lock]

    def _resolved(self, entry: LockEntry) -> Iterator[Locked]:
        ways: dict[str, Callable[[LockEntry], Iterator[Locked]]] = {
            "model": self._model,
            "knowledge": self._knowledge,
            "graph": self._graph,
        }
        way = ways.get(entry.scheme)
        if way is not None:
            yield from way(entry)
        else:
            yield Locked(uri=entry.uri, kind=entry.scheme, name=entry.name, digest=entry.digest)

    def _model(self, entry: LockEntry) -> Iterator[Locked]:
        yield from self._models(entry.uri, entry.name, None)

    def _models(self, uri: str, name: str, through: str | None) -> Iterator[Locked]:
        """A model, and whatever stands in for it."""
        for one in in_order([name], self.fallbacks):
            now = self.models.get(one)
            is_named = one == name
            yield Locked(
                uri=uri if is_named else f"model://{one}",
                kind="model",
                name=one,
                version=now.version if now is not None else None,
                digest=now.digest if now is not None else None,
                through=through if is_named else uri,
            )

    def _knowledge(self, entry: LockEntry) -> Iterator[Locked]:
        yield Locked(uri=entry.uri, kind="knowledge", name=entry.name, digest=entry.digest)
        used = self.pipelines.get(entry.name)
        if used is None:
            return
        uri = f"pipeline://{used.name}@{used.version}"
        yield Locked(
            uri=uri, kind="pipeline", name=used.name, version=used.version, digest=used.digest, through=entry.uri
        )
        if used.model is not None:
            yield from self._models(used.model, parse_uri(used.model, ("model",)).name, uri)

    def _graph(self, entry: LockEntry) -> Iterator[Locked]:
        version, lock = self._version(entry)
        yield Locked(uri=entry.uri, kind="graph", name=entry.name, version=version, digest=entry.digest)
        for one in lock:
            yield one if one.through else one.model_copy(update={"through": f"graph://{entry.name}@{version}"})

    def _version(self, entry: LockEntry) -> tuple[str | None, Sequence[Locked]]:
        """Which version a digest is, and what that was resolved to."""
        own = self.own.get((entry.name, entry.digest or ""))
        if own is not None:
            return own
        known = self.graphs.get((entry.name, entry.digest or ""), [])
        found = _meant(known, parse_uri(entry.uri).ref) or (known[0] if known else None)
        if found is None:
            return None, ()
        return found.version, [Locked.model_validate(one) for one in found.lock or ()]


def _meant(known: Sequence[Referred], ref: str | None) -> Referred | None:
    """Of versions with the same digest the one that is asked for by its number, or the highest of a range."""
    asked = parse_range(ref) if ref is not None else None
    if asked is not None:
        return highest(known, asked, lambda one: one.version)
    return next((one for one in known if one.version == ref), None)

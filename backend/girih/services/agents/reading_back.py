"""All that a project has published, as a folder would hold it."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field, replace

from girih.db.tenancy import OrgScope
from girih.db.unit_of_work import UnitOfWork, Work
from girih.language.spec.tree import JsonObject
from girih.services.agents import repository as agents
from girih.services.agents.ports import Collections
from girih.services.agents.references import LATEST, Reference
from girih.services.pipelines import repository as pipelines
from girih.services.registry.service import TABLES, RegistryService
from girih.services.shelf import text_repository as texts
from girih.services.shelf.schemas import FileOut, WorkspaceOut
from girih.services.shelf.tables import SpecText
from girih.services.shelf.text_repository import GRAPH, Key


@dataclass(frozen=True)
class _Thing:
    """A spec that is published, before its text is looked up."""

    kind: str
    name: str
    digest: str
    version: str | None = None
    path: str | None = None
    source: str | None = None
    document: JsonObject | None = None
    aliases: dict[str, str] = field(default_factory=dict)

    @property
    def key(self) -> Key:
        return self.kind, self.name, self.digest


class WorkspaceService:
    """Reads a project back."""

    def __init__(self, uow: UnitOfWork, registry: RegistryService, collections: Collections) -> None:
        self._uow = uow
        self._registry = registry
        self._collections = collections

    async def read(self, scope: OrgScope, alias: str = LATEST, *, texts_too: bool = True) -> WorkspaceOut:
        """Every agent's version behind the alias (the latest where it has no such one), and all documents.

        Without texts it says only what there is, and who published it last.
        """
        async with self._uow.snapshot(scope) as work:
            found = [*await _graphs(work, scope, alias), *await self._documents(work, scope)]
            known = await texts.known(work, scope, [one.key for one in found])
        things = list(_out(found, known))
        if not texts_too:
            things = [one.model_copy(update={"source": None, "document": None, "files": {}}) for one in things]
        return WorkspaceOut(project=str(scope.project_id), things=things)

    async def _documents(self, work: Work, scope: OrgScope) -> list[_Thing]:
        found = []
        for kind in TABLES:
            digests = await self._registry.digests(work, kind)
            documents = await self._registry.documents(work, kind)
            found += [_Thing(kind, name, digests[name], document=one) for name, one in documents.items()]
        for pipeline, newest in await pipelines.latest(work, scope):
            thing = _Thing("pipeline/v1", pipeline.name, newest.digest, newest.version, newest.path)
            found.append(replace(thing, document=newest.document))
        collections = await self._collections.collection_digests(work)
        return found + [_Thing("collection/v1", name, digest) for name, digest in sorted(collections.items())]


async def _graphs(work: Work, scope: OrgScope, alias: str) -> list[_Thing]:
    listed = await agents.agents(work, scope)
    aliases = await agents.aliases(work, scope, [one.agent.id for one in listed])
    latest = await agents.latest(work, scope, [one.agent.name for one in listed])
    found = []
    for one in listed:
        row, led = latest[one.agent.name], aliases[one.agent.id]
        if led.get(alias, row.version) != row.version:
            meant = await agents.resolve(work, scope, Reference(one.agent.name, "alias", alias))
            row = await agents.version(work, scope, meant.version_id) if meant is not None else row
        thing = _Thing(GRAPH, one.agent.name, row.digest, row.version, row.path, row.source)
        found.append(replace(thing, aliases=led))
    return found


def _out(found: Iterable[_Thing], known: dict[Key, SpecText]) -> Iterable[FileOut]:
    for one in found:
        kept = known.get(one.key)
        source = kept.source if kept is not None else one.source
        yield FileOut(
            kind=one.kind,
            name=one.name,
            digest=one.digest,
            version=one.version,
            aliases=one.aliases,
            path=kept.path if kept is not None else one.path,
            source=source,
            document=one.document if source is None else None,
            files=kept.files if kept is not None else {},
            by=kept.actor if kept is not None else None,
            at=kept.updated_at if kept is not None else None,
        )

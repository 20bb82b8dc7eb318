"""The documents of a bundle: made where they are not here, left where they are, and in the way where they differ."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Final

from girih.db.base import new_id
from girih.db.unit_of_work import Work
from girih.language.bundles.manifest import BundledDocument, DocumentEntry, Kind
from girih.language.compiler.pipeline import Compilation
from girih.language.compiler.workspace import Catalog, OtherSpec
from girih.services.agents import bundle_repository
from girih.services.agents.import_course import ANOTHER, Course, noun
from girih.services.agents.ports import Collections
from girih.services.agents.publish import publish_documents
from girih.services.pipelines import repository as pipelines
from girih.services.pipelines.tables import PipelineVersion
from girih.services.registry.schemas import UNTOLD
from girih.services.registry.service import TABLES, RegistryService
from girih.services.shelf import text_repository as texts

_MODEL: Final = "model/v1"
_PIPELINE: Final = "pipeline/v1"
_KINDS: Final[Mapping[str, Kind]] = {"model": "model/v1", "tool": "tool/v1", "knowledge": "collection/v1"}


class Documents:
    """Takes in models, tools, collections and pipelines, inside a transaction of the caller."""

    def __init__(self, registry: RegistryService, collections: Collections) -> None:
        self._registry = registry
        self._collections = collections

    async def take(self, course: Course) -> None:
        """Make what is new, unless something is in the way. A model that is here means what it means here."""
        here = await self._here(course.work)
        for document in course.bundle.documents:
            if document.entry.kind == _PIPELINE:
                await _pipeline(course, document)
        others = [document for document in course.bundle.documents if document.entry.kind != _PIPELINE]
        new = [document for document in others if _is_new(course, document.entry, here)]
        for kind, name in _missing(course, here):
            course.conflicts.append(f"the {noun(kind)} `{name}` is not in the bundle, nor here")
        if not course.conflicts and new:
            made = Compilation((), others=tuple(document.spec for document in new))
            await publish_documents(course.work, self._registry, self._collections, made, UNTOLD)
            for document in new:
                await _keep_text(course.work, document)
                course.tell(document.entry, "create")

    async def _here(self, work: Work) -> Mapping[str, Mapping[str, str]]:
        found = {kind: dict(await self._registry.digests(work, kind)) for kind in TABLES}
        found[_MODEL] = dict.fromkeys(Catalog().models, "") | found[_MODEL]
        return found | {"collection/v1": dict(await self._collections.collection_digests(work))}


def _missing(course: Course, here: Mapping[str, Mapping[str, str]]) -> Iterator[tuple[Kind, str]]:
    """Kind and name of all that a graph of the bundle names and nobody has. What the bundle says of it counts not."""
    brought = {(document.entry.kind, document.entry.name) for document in course.bundle.documents}
    entries = (entry for version in course.bundle.versions for entry in version.plan.get("lock") or ())
    wanted = {(_KINDS[entry["scheme"]], entry["name"]) for entry in entries if entry["scheme"] in _KINDS}
    yield from sorted((kind, name) for kind, name in wanted - brought if name not in here[kind])


def _is_new(course: Course, entry: DocumentEntry, here: Mapping[str, Mapping[str, str]]) -> bool:
    """Whether a document has to be made; says what happens to one that is here."""
    known = here[entry.kind].get(entry.name)
    if known is None:
        return True
    if known != entry.digest and entry.kind != _MODEL:
        course.conflicts.append(f"the {noun(entry.kind)} `{entry.name}` {ANOTHER}")
    else:
        course.tell(entry, "unchanged" if known == entry.digest else "kept")
    return False


async def _keep_text(work: Work, document: BundledDocument) -> None:
    await texts.keep(work, Compilation((), others=(document.spec,)), {document.spec.path: document.source})


async def _pipeline(course: Course, document: BundledDocument) -> None:
    """A pipeline's version under its own number, unless the name is taken by others."""
    work, scope, entry = course.work, course.work.speaks_for, document.entry
    rows = await bundle_repository.pipeline_versions(work, scope, entry.name)
    if any(row.digest == entry.digest for row in rows):
        await pipelines.bring_back(work, scope, [entry.name])
        course.tell(entry, "unchanged")
    elif rows:
        course.conflicts.append(f"the pipeline `{entry.name}` {ANOTHER}")
    elif not course.conflicts:
        await pipelines.add_version(work, await _row(work, entry, document.spec))
        await _keep_text(work, document)
        course.tell(entry, "create")


async def _row(work: Work, entry: DocumentEntry, spec: OtherSpec) -> PipelineVersion:
    scope = work.speaks_for
    return PipelineVersion(
        id=new_id(),
        org_id=scope.org_id,
        project_id=scope.project_id,
        pipeline_id=await pipelines.add_pipeline(work, scope, spec.name),
        number=1,
        version=entry.version,
        digest=spec.digest,
        document=spec.document,
        path=spec.path,
        created_by=scope.actor,
    )

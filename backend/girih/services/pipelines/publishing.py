"""Publishing `pipeline/v1` documents as immutable versions, and finding what a collection means, in a transaction."""

from __future__ import annotations

import re
from collections.abc import Collection, Iterable, Sequence

from girih.db.base import new_id
from girih.db.unit_of_work import Work
from girih.errors import Conflict, SpecRefused
from girih.language.compiler.workspace import OtherSpec, PublishedPipeline
from girih.language.spec.pipelines import weight_of
from girih.language.spec.semantic import numbered
from girih.language.spec.uris import PIPELINE, Uri, parse_uri
from girih.services.pipelines import repository
from girih.services.pipelines.schemas import LockedPipeline, Put
from girih.services.pipelines.tables import PipelineVersion
from girih.services.pipelines.versions import pick
from girih.services.registry.schemas import UNTOLD, Origin

KIND = "pipeline/v1"
_MENTION = re.compile(r"pipeline://([a-z][a-z0-9.-]{0,63})@([A-Za-z0-9^~][A-Za-z0-9.:_-]{0,99})")


async def known(work: Work, texts: Iterable[str]) -> frozenset[str]:
    """The names of pipelines, and `name@ref` for every version that the texts mention, as it is written there."""
    names = frozenset(await repository.names(work, work.speaks_for))
    mentions = {(name, ref) for text in texts for name, ref in _MENTION.findall(text) if name in names}
    pointers = await repository.pointers(work, work.speaks_for, {name for name, _ in mentions}) if mentions else {}
    return names | {f"{name}@{ref}" for name, ref in mentions if pick(pointers.get(name, ()), ref) is not None}


async def put(work: Work, specs: Sequence[OtherSpec], origin: Origin = UNTOLD) -> dict[str, Put]:
    """Publish `pipeline/v1` documents inside a transaction of the caller; says what that did to each name.

    Raises `SpecRefused` for a `version` that is too low for what has changed since the newest one.
    """
    return {spec.name: await _put(work, spec, origin) for spec in specs if spec.kind == KIND}


async def newest(work: Work) -> dict[str, PublishedPipeline]:
    """The newest version of every pipeline, by name: what a new one is compared with."""
    found = await repository.latest(work, work.speaks_for)
    return {pipeline.name: PublishedPipeline(row.version, row.document) for pipeline, row in found}


async def retired(work: Work) -> Sequence[str]:
    """The names of the pipelines that are retired."""
    return await repository.retired(work, work.speaks_for)


async def bring_back(work: Work, names: Collection[str]) -> None:
    """Let these pipelines be found again, with all their versions."""
    await repository.bring_back(work, work.speaks_for, names)


async def retire(work: Work, names: Collection[str]) -> None:
    """Let these pipelines not be found any more; their versions stay, for what was made with them."""
    await repository.retire(work, work.speaks_for, names)


async def locked(work: Work, reference: str) -> LockedPipeline:
    """What `pipeline://name@ref` means right now, inside a transaction of the caller. Raises `Conflict`."""
    uri = parse_uri(reference, (PIPELINE,))
    pointers = (await repository.pointers(work, work.speaks_for, {uri.name})).get(uri.name, [])
    found = pick(pointers, uri.ref)
    if found is None:
        raise _missing(uri, [one.version for one in pointers])
    row = await repository.version(work, work.speaks_for, found.version_id)
    return LockedPipeline(row.id, uri.name, row.version, row.document)


async def _put(work: Work, spec: OtherSpec, origin: Origin) -> Put:
    scope = work.speaks_for
    rows = await repository.versions(work, scope, spec.name)
    if rows and (known := _same(rows, spec)) is not None:
        return Put("unchanged", known.version)
    version = _version_of(rows, spec)
    pipeline_id = rows[0].pipeline_id if rows else await repository.add_pipeline(work, scope, spec.name)
    added = PipelineVersion(
        id=new_id(),
        org_id=scope.org_id,
        project_id=scope.project_id,
        pipeline_id=pipeline_id,
        number=rows[0].number + 1 if rows else 1,
        version=version,
        digest=spec.digest,
        document=spec.document,
        path=spec.path,
        created_by=scope.actor,
        **origin.columns,
    )
    await repository.add_version(work, added)
    return Put("update" if rows else "create", version)


def _same(rows: Sequence[PipelineVersion], spec: OtherSpec) -> PipelineVersion | None:
    """The newest version, if it has this content: which number a document names makes no difference then."""
    return None if weight_of(rows[0].document, spec.document) else rows[0]


def _version_of(rows: Sequence[PipelineVersion], spec: OtherSpec) -> str:
    named: str | None = spec.document.get("version")
    newest = rows[0].version if rows else None
    weight = weight_of(rows[0].document, spec.document) if rows else None
    found = numbered(named, newest, weight)
    if found is not None:
        return found
    raise SpecRefused(
        f"version {named} of pipeline `{spec.name}` is too low after {newest}, which is published",
        [(KIND, spec.name, ("version",))],
        help=f"write version: {numbered(None, newest, weight)}, or leave it out",
    )


def _missing(uri: Uri, versions: Sequence[str]) -> Conflict:
    if not versions:
        return Conflict(f"no pipeline `{uri.name}` is published", help="publish it together with its collections")
    named = ", ".join(versions[:10])
    return Conflict(f"no version of pipeline `{uri.name}` is {uri.ref}", help=f"published: {named}")

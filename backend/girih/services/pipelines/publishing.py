"""Publishing `pipeline/v1` documents as immutable versions, and finding what a collection means, in a transaction."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence

from girih.db.base import new_id
from girih.db.unit_of_work import Work
from girih.errors import Conflict
from girih.language.compiler.workspace import OtherSpec
from girih.language.spec.tree import JsonObject
from girih.language.spec.uris import PIPELINE, Uri, parse_uri
from girih.services.pipelines import repository
from girih.services.pipelines.schemas import LockedPipeline, Put
from girih.services.pipelines.tables import PipelineVersion
from girih.services.pipelines.versions import FIRST, next_version, numbers_of, pick, weight_of

KIND = "pipeline/v1"
_MENTION = re.compile(r"pipeline://([a-z][a-z0-9.-]{0,63})@([A-Za-z0-9^~][A-Za-z0-9.:_-]{0,99})")


async def known(work: Work, texts: Iterable[str]) -> frozenset[str]:
    """The names of pipelines, and `name@ref` for every version that the texts mention, as it is written there."""
    names = frozenset(await repository.names(work, work.speaks_for))
    mentions = {(name, ref) for text in texts for name, ref in _MENTION.findall(text) if name in names}
    pointers = await repository.pointers(work, work.speaks_for, {name for name, _ in mentions}) if mentions else {}
    return names | {f"{name}@{ref}" for name, ref in mentions if pick(pointers.get(name, ()), ref) is not None}


async def put(work: Work, specs: Sequence[OtherSpec]) -> dict[str, Put]:
    """Publish `pipeline/v1` documents inside a transaction of the caller; says what that did to each name.

    Raises `Conflict` for a `version` that is taken by another content, or is not after the newest one.
    """
    return {spec.name: await _put(work, spec) for spec in specs if spec.kind == KIND}


async def locked(work: Work, reference: str) -> LockedPipeline:
    """What `pipeline://name@ref` means right now, inside a transaction of the caller. Raises `Conflict`."""
    uri = parse_uri(reference, (PIPELINE,))
    pointers = (await repository.pointers(work, work.speaks_for, {uri.name})).get(uri.name, [])
    found = pick(pointers, uri.ref)
    if found is None:
        raise _missing(uri, [one.version for one in pointers])
    row = await repository.version(work, work.speaks_for, found.version_id)
    return LockedPipeline(row.id, uri.name, row.version, row.document)


async def _put(work: Work, spec: OtherSpec) -> Put:
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
    )
    await repository.add_version(work, added)
    return Put("update" if rows else "create", version)


def _same(rows: Sequence[PipelineVersion], spec: OtherSpec) -> PipelineVersion | None:
    """The newest version, if it has this content; one that names its version may also be written without it."""
    newest = rows[0]
    if newest.digest == spec.digest:
        return newest
    wanted, had = _content(spec.document), _content(newest.document)
    named = spec.document.get("version")
    return newest if wanted == had and named in (None, newest.version) else None


def _content(document: Mapping[str, object]) -> JsonObject:
    return {key: value for key, value in document.items() if key != "version"}


def _version_of(rows: Sequence[PipelineVersion], spec: OtherSpec) -> str:
    named: str | None = spec.document.get("version")
    if not rows:
        return named or FIRST
    newest = rows[0]
    following = next_version(newest.version, weight_of(newest.document, spec.document))
    if named is None:
        return following
    if any(row.version == named for row in rows):
        raise Conflict(
            f"version {named} of pipeline `{spec.name}` is published already, with another content",
            help=f"a version never changes: write version: '{following}', or leave it out",
        )
    if numbers_of(named) < numbers_of(newest.version):
        raise Conflict(
            f"version {named} of pipeline `{spec.name}` is before {newest.version}, which is published",
            help=f"write version: '{following}', or leave it out",
        )
    return named


def _missing(uri: Uri, versions: Sequence[str]) -> Conflict:
    if not versions:
        return Conflict(f"no pipeline `{uri.name}` is published", help="publish it together with its collections")
    named = ", ".join(versions[:10])
    return Conflict(f"no version of pipeline `{uri.name}` is {uri.ref}", help=f"published: {named}")

"""A version with all that it is locked to, in one file that another server can take in without a network."""

from __future__ import annotations

import asyncio
import json
from dataclasses import dataclass, field
from importlib.metadata import version as version_of_package

from girih.db.tenancy import OrgScope
from girih.db.unit_of_work import UnitOfWork, Work
from girih.errors import Conflict
from girih.language.bundles.manifest import (
    AbsentEntry,
    DocumentEntry,
    Kind,
    Manifest,
    VersionEntry,
    graph_digests,
    write,
)
from girih.language.bundles.statement import kept_text
from girih.language.spec.canonical import canonical_json
from girih.language.spec.tree import JsonObject
from girih.services.agents import bundle_repository, key_repository, repository
from girih.services.agents.bundle_repository import Text
from girih.services.agents.finding import check_name, find
from girih.services.agents.references import parse_reference
from girih.services.agents.signing import signature_of, statement_of
from girih.services.agents.tables import AgentVersion
from girih.services.registry.service import TABLES, RegistryService

_KINDS: dict[str, Kind] = {
    "model": "model/v1",
    "tool": "tool/v1",
    "knowledge": "collection/v1",
    "pipeline": "pipeline/v1",
}
_PIPELINE = "pipeline/v1"
_TOOL = "tool/v1"
_BUILT_IN = frozenset({("model/v1", "default"), ("model/v1", "demo")})


@dataclass
class _Contents:
    """What is gathered so far: versions callees first, files by name, and what was looked for."""

    versions: list[VersionEntry] = field(default_factory=list)
    documents: dict[tuple[Kind, str], DocumentEntry] = field(default_factory=dict)
    absent: dict[tuple[Kind, str], AbsentEntry] = field(default_factory=dict)
    files: dict[str, bytes] = field(default_factory=dict)
    seen: set[str] = field(default_factory=set)


class Exporting:
    """Makes bundles. Of documents in collections, of secrets and of runs nothing is in them."""

    def __init__(self, uow: UnitOfWork, registry: RegistryService) -> None:
        self._uow = uow
        self._registry = registry

    async def export(self, scope: OrgScope, ref: str) -> tuple[str, bytes]:
        """The bundle of a version, and what the version is called; the same version gives the same bytes.

        Raises `NotFound`, and `Conflict` for a version whose plan was removed.
        """
        check_name(ref.partition("@")[0])
        reference = parse_reference(ref)
        contents = _Contents()
        async with self._uow(scope) as work:
            found = await find(work, scope, reference)
            row = await repository.version(work, scope, found.version_id)
            await self._add(work, reference.name, row, contents)
            keys = await key_repository.keys(work)
        root = f"{reference.name}@{row.version}"
        used = {entry.signature.kid for entry in contents.versions if entry.signature is not None}
        manifest = Manifest(
            girih_bundle=1,
            girih=version_of_package("girih"),
            root=root,
            versions=contents.versions,
            documents=[contents.documents[key] for key in sorted(contents.documents)],
            absent=[contents.absent[key] for key in sorted(contents.absent)],
            keys=sorted(
                ({"kty": "OKP", "crv": "Ed25519", "kid": key.kid, "x": key.x} for key in keys if key.kid in used),
                key=lambda key: key["kid"],
            ),
            files={},
        )
        return root, await asyncio.to_thread(write, manifest, contents.files)

    async def _add(self, work: Work, name: str, row: AgentVersion, contents: _Contents) -> None:
        if row.digest in contents.seen:
            return
        if row.collected_at is not None:
            raise Conflict(
                f"{name} {row.version} cannot be exported: its plan was removed, since nothing referred to it",
                help="export another version",
            )
        contents.seen.add(row.digest)
        for child, digest in graph_digests(row.plan):
            inner = await bundle_repository.version_of(work, work.speaks_for, child, digest)
            if inner is None:
                raise Conflict(
                    f"{name} {row.version} cannot be exported: it runs a version of {child} that is not here any more",
                    help=f"publish {child} and then {name} again",
                )
            await self._add(work, child, inner, contents)
        for kind, wanted, locked in _documents_of(row):
            await self._add_document(work, kind, wanted, locked, contents)
        _put(contents, name, row)

    async def _add_document(self, work: Work, kind: Kind, name: str, digest: str | None, contents: _Contents) -> None:
        key = (kind, name)
        if key in contents.documents or (key in _BUILT_IN and digest is None):
            return
        text, version = await self._text(work, kind, name, digest)
        if text is None or digest is None:
            contents.absent[key] = AbsentEntry(kind=kind, name=name)
            return
        contents.absent.pop(key, None)
        suffix = ".json" if text.path.endswith(".json") else ".yaml"
        file = f"documents/{kind.partition('/')[0]}/{name}{suffix}"
        contents.files[file] = text.source.encode()
        contents.documents[key] = DocumentEntry(
            kind=kind, name=name, digest=digest, version=version, path=text.path, file=file
        )

    async def _text(self, work: Work, kind: Kind, name: str, digest: str | None) -> tuple[Text | None, str | None]:
        """The text of that digest, or else the document itself where it still is the one; and a pipeline's version."""
        scope = work.speaks_for
        if digest is None:
            return None, None
        kept = await bundle_repository.text(work, scope, kind, name, digest)
        if kind == _PIPELINE:
            rows = await bundle_repository.pipeline_versions(work, scope, name)
            row = next((one for one in rows if one.digest == digest), None)
            if row is None:
                return kept, None
            return kept or _written(kind, name, row.document), row.version
        if kept is not None and _names_files(kind, kept):
            kept = None
        if kept is None and kind in TABLES and (await self._registry.digests(work, kind)).get(name) == digest:
            return _written(kind, name, (await self._registry.documents(work, kind))[name]), None
        return kept, None


def _names_files(kind: Kind, text: Text) -> bool:
    """Whether a text means something only beside other files: what it came to when it was published needs none."""
    return kind == _TOOL and "openapi" in text.source


def _written(kind: Kind, name: str, document: JsonObject) -> Text:
    return Text(f"{kind.partition('/')[0]}s/{name}.json", json.dumps(document, indent=2, ensure_ascii=False) + "\n")


def _documents_of(row: AgentVersion) -> list[tuple[Kind, str, str | None]]:
    """Kind, name and digest of all that a version is locked to, but for graphs."""
    found: dict[tuple[Kind, str], str | None] = {}
    for entry in row.plan.get("lock") or ():
        if (kind := _KINDS.get(entry["scheme"])) is not None:
            found[kind, entry["name"]] = entry["digest"]
    # Of models the plan has the digest of the document, the lock that of what the name was bound to.
    for entry in row.lock or ():
        if (kind := _KINDS.get(entry["kind"])) is not None:
            found.setdefault((kind, entry["name"]), entry["digest"])
    return [(kind, name, digest) for (kind, name), digest in found.items()]


def _put(contents: _Contents, name: str, row: AgentVersion) -> None:
    folder = f"agents/{name}/{row.version}"
    source, plan = f"{folder}/graph.yaml", f"{folder}/plan.json"
    report = f"{folder}/report.json" if row.report is not None else None
    contents.files[source] = row.source.encode()
    contents.files[plan] = kept_text(row.plan).encode()
    if report is not None:
        contents.files[report] = canonical_json(row.report).encode()
    contents.versions.append(
        VersionEntry(
            statement=statement_of(name, row), signature=signature_of(row), source=source, plan=plan, report=report
        )
    )

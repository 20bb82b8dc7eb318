"""What a bundle says of itself: its versions with their signatures, the documents they need, and every file's hash."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any, Literal

from pydantic import Field, ValidationError

from girih.errors import InvalidInput
from girih.language.bundles.archive import pack, unpack
from girih.language.bundles.statement import Frozen, Signature, Statement, hash_of, hash_of_report
from girih.language.compiler.plan import Plan
from girih.language.spec.canonical import canonical_json, digest_of
from girih.language.spec.diagnostics import has_errors
from girih.language.spec.documents import OtherSpec, parse_document
from girih.language.spec.reader import read as read_text
from girih.language.spec.source import Source
from girih.language.spec.strict_json import loads
from girih.language.spec.tree import JsonObject

MANIFEST = "girih-bundle.json"
SEAL = "girih-bundle.sha256"
"""The hash of the manifest: a slip of a byte is told from a forgery."""

Kind = Literal["model/v1", "tool/v1", "collection/v1", "pipeline/v1"]


class VersionEntry(Frozen):
    """A version of a graph: what is signed, the signature, and the files of its text, its plan and its report."""

    statement: Statement
    signature: Signature | None
    source: str
    plan: str
    report: str | None


class DocumentEntry(Frozen):
    """A document that a version's lock names by its digest. `version` is a pipeline's."""

    kind: Kind
    name: str
    digest: str
    version: str | None
    path: str
    file: str


class AbsentEntry(Frozen):
    """What a lock names and the exporting server no longer had as it was: the other server must have its own."""

    kind: Kind
    name: str


class Manifest(Frozen):
    """The bundle's table of contents. `root` is the version that was asked for; what it runs comes before it."""

    girih_bundle: Literal[1]
    girih: str
    root: str
    versions: list[VersionEntry] = Field(min_length=1)
    documents: list[DocumentEntry]
    absent: list[AbsentEntry]
    keys: list[dict[str, Any]]
    """The public keys that the signatures were made with. Whoever imports trusts their own, not these."""
    files: dict[str, str]


@dataclass(frozen=True)
class BundledVersion:
    """A version with its contents."""

    entry: VersionEntry
    source: str
    plan: JsonObject
    report: JsonObject | None

    @property
    def ref(self) -> str:
        """`name@1.2.0`."""
        return f"{self.entry.statement.name}@{self.entry.statement.version}"


@dataclass(frozen=True)
class BundledDocument:
    """A document with its text."""

    entry: DocumentEntry
    source: str
    spec: OtherSpec


@dataclass(frozen=True)
class Bundle:
    """A bundle whose parts fit each other; of signatures nothing is known yet."""

    manifest: Manifest
    versions: tuple[BundledVersion, ...]
    documents: tuple[BundledDocument, ...]


def write(manifest: Manifest, files: Mapping[str, bytes]) -> bytes:
    """The bytes of a bundle; the same content gives the same bytes. `manifest.files` is filled in."""
    hashed = manifest.model_copy(update={"files": {name: hash_of(data) for name, data in sorted(files.items())}})
    told = canonical_json(hashed.model_dump(mode="json")).encode()
    return pack({**files, MANIFEST: told, SEAL: hash_of(told).encode()})


def read(data: bytes) -> Bundle:
    """A bundle of which every file has the hash it should have, and every plan the digest that it is named by.

    Raises `InvalidInput` and `TooLarge`.
    """
    try:
        return _read(unpack(data))
    except RecursionError:
        raise _broken("something in it is nested too deeply") from None


def _read(files: Mapping[str, bytes]) -> Bundle:
    manifest = _manifest(files)
    for name, expected in manifest.files.items():
        if name not in files:
            raise _broken(f"the file {name} is missing")
        if hash_of(files[name]) != expected:
            raise _broken(f"the file {name} is not the one that the bundle was made with")
    if extra := sorted(set(files) - set(manifest.files) - {MANIFEST, SEAL}):
        raise _broken(f"it holds the file {extra[0]}, of which it says nothing")
    bundle = Bundle(
        manifest,
        tuple(_version(entry, files) for entry in manifest.versions),
        tuple(_document(entry, files) for entry in manifest.documents),
    )
    _require_whole(bundle)
    return bundle


def graph_digests(plan: JsonObject) -> Iterator[tuple[str, str]]:
    """Name and digest of each graph that a plan was locked to."""
    for entry in plan.get("lock") or ():
        if entry["scheme"] == "graph" and entry["digest"]:
            yield entry["name"], entry["digest"]


def _manifest(files: Mapping[str, bytes]) -> Manifest:
    told, seal = files.get(MANIFEST), files.get(SEAL)
    if told is None or seal is None:
        raise _broken("it has no table of contents")
    if hash_of(told).encode() != seal:
        raise _broken("its table of contents is not the one it was made with")
    try:
        value = loads(told.decode())
        if isinstance(value, dict) and value.get("girih_bundle") not in (None, 1):
            raise InvalidInput("this bundle was made by a later version of girih", help="update girih, or export again")
        return Manifest.model_validate(value)
    except (ValidationError, ValueError, UnicodeDecodeError):
        raise _broken("its table of contents cannot be read") from None


def _version(entry: VersionEntry, files: Mapping[str, bytes]) -> BundledVersion:
    said = entry.statement
    ref = f"{said.name}@{said.version}"
    source, plan = _text(entry.source, files), _text(entry.plan, files)
    report = _object(_text(entry.report, files), entry.report) if entry.report is not None else None
    found = _object(plan, entry.plan)
    faults = {
        f"the text of {ref}": hash_of(source) == said.source,
        f"the plan of {ref}": hash_of(plan) == said.plan and digest_of(found) == said.digest,
        f"the report of {ref}": hash_of_report(report) == said.report,
        f"the name of {ref}": found.get("name") == said.name and found.get("language") == said.language,
    }
    for what, holds in faults.items():
        if not holds:
            raise _broken(f"{what} is not the one that was published")
    try:
        Plan.model_validate(found)
    except ValidationError:
        raise _broken(f"the plan of {ref} is none that this version of girih can run") from None
    return BundledVersion(entry, source, found, report)


def _document(entry: DocumentEntry, files: Mapping[str, bytes]) -> BundledDocument:
    noun = entry.kind.partition("/")[0]
    source = _text(entry.file, files)
    tree, faults = read_text(Source(entry.path, source))
    spec = parse_document(tree)[0] if tree is not None and not has_errors(faults) else None
    if spec is None:
        raise _broken(f"the {noun} {entry.name} is none that this version of girih can read")
    if (spec.kind, spec.name, spec.digest) != (entry.kind, entry.name, entry.digest):
        raise _broken(f"the {noun} {entry.name} is not the one that was published")
    return BundledDocument(entry, source, spec)


def _require_whole(bundle: Bundle) -> None:
    """Every graph that a version runs comes before it, nothing twice, and the root is the last."""
    seen: set[str] = set()
    refs: set[str] = set()
    for version in bundle.versions:
        for name, digest in graph_digests(version.plan):
            if digest not in seen:
                raise _broken(f"{version.ref} runs a version of {name} that is not in it")
        if version.ref in refs:
            raise _broken(f"{version.ref} is in it twice")
        refs.add(version.ref)
        seen.add(version.entry.statement.digest)
    if bundle.versions[-1].ref != bundle.manifest.root:
        raise _broken(f"it is said to be of {bundle.manifest.root[:80]}, which is not its last version")
    names = [(entry.kind, entry.name) for entry in bundle.manifest.documents]
    if len(set(names)) != len(names):
        raise _broken("it holds a document twice")


def _text(name: str, files: Mapping[str, bytes]) -> str:
    if name not in files or name in (MANIFEST, SEAL):
        raise _broken(f"the file {name[:80]} is missing")
    try:
        return files[name].decode()
    except UnicodeDecodeError:
        raise _broken(f"the file {name} is no text") from None


def _object(text: str, name: str) -> JsonObject:
    try:
        found = loads(text)
        json.dumps(found, allow_nan=False)
    except ValueError:
        raise _broken(f"the file {name} is not JSON") from None
    if not isinstance(found, dict):
        raise _broken(f"the file {name} is not a JSON object")
    return found


def _broken(why: str) -> InvalidInput:
    return InvalidInput(f"the bundle was changed, or was never whole: {why}", help="export it again")

"""The other kinds of a workspace: `model/v1`, `tool/v1`, `collection/v1`, `pipeline/v1`, one document a file."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass

from pydantic import BaseModel

from girih.language.spec.canonical import digest_of
from girih.language.spec.collection import CollectionDocument
from girih.language.spec.diagnostics import Diagnostic, has_errors, in_order
from girih.language.spec.findings import Subject, shaped
from girih.language.spec.logical_models import ModelDocument
from girih.language.spec.pipelines import PipelineDocument
from girih.language.spec.suggest import did_you_mean, hint
from girih.language.spec.tool_checks import tool_findings
from girih.language.spec.tools import BINDINGS, ToolDocument
from girih.language.spec.tree import JsonObject, Tree, renamed
from girih.language.spec.versions import version_fault
from girih.language.spec.words import found


@dataclass(frozen=True)
class OtherSpec:
    """A `model/v1`, `tool/v1`, `collection/v1` or `pipeline/v1` document of the workspace, parsed and checked.

    `document` is plain JSON with every default filled in; types stay as the author wrote them.
    """

    kind: str
    name: str
    path: str
    document: JsonObject
    digest: str


DOCUMENTS: Mapping[str, type[BaseModel]] = {
    "model/v1": ModelDocument,
    "tool/v1": ToolDocument,
    "collection/v1": CollectionDocument,
    "pipeline/v1": PipelineDocument,
}
"""The other kinds and their models."""

KINDS = ("graph/v1", *DOCUMENTS)
"""Every value of `kind:`."""


def kind_of(tree: Tree) -> str | None:
    """What the document says it is; `None` for a file that is no spec."""
    return str(tree.value["kind"]) if isinstance(tree.value, dict) and "kind" in tree.value else None


def with_kind(tree: Tree) -> tuple[Tree, tuple[Diagnostic, ...]]:
    """A document whose key `kind` is misspelt, with that put right, and the finding (E002) for it."""
    for key, value in tree.value.items() if isinstance(tree.value, dict) else ():
        if value in KINDS and did_you_mean(key, ("kind",)):
            place = tree.key_at((key,))
            fault = Diagnostic("E002", f"unknown key '{key}' in the document", place, help="did you mean 'kind'?")
            return renamed(tree, {(): {key: "kind"}}), (fault,)
    return tree, ()


def parse_document(tree: Tree) -> tuple[OtherSpec | None, tuple[Diagnostic, ...]]:
    """The document, and every fault of it (E002): also of one whose `kind` nobody knows."""
    kind = kind_of(tree)
    if kind is None or kind not in DOCUMENTS:
        return None, (_unknown(kind, tree),)
    noun = kind.partition("/")[0]
    faults: list[Diagnostic] = []
    spec = shaped(DOCUMENTS[kind], tree.value, Subject(tree, (), DOCUMENTS[kind], f"the {noun}"), faults)
    if isinstance(spec, ToolDocument):
        faults += tool_findings(spec, tree)
    if isinstance(spec, CollectionDocument) and spec.pipeline is not None:
        faults += _said_twice(tree)
    if spec is None or has_errors(faults):
        return None, in_order(faults)
    document = _plain(spec)
    return OtherSpec(kind, document["name"], tree.source.name, document, digest_of(document)), in_order(faults)


def _unknown(kind: str | None, tree: Tree) -> Diagnostic:
    """What is wrong with a `kind` that is none of ours: another version of one that is, or nothing we know."""
    written = tree.get(("kind",))
    if kind is not None and (fault := version_fault(kind, KINDS)) is not None:
        return Diagnostic("E002", fault[0], tree.at(("kind",)), help=fault[1])
    message = f"unknown kind '{kind}'" if isinstance(written, str) else f"'kind' must be text, found {found(written)}"
    return Diagnostic("E002", message, tree.at(("kind",)), help=hint(kind or "", KINDS, "kinds"))


def _plain(spec: BaseModel) -> JsonObject:
    """The document as JSON, defaults filled in, keys without a value left out; what an author wrote as null stays."""
    # A pipeline holds no free values: nothing in it is null because its author says so.
    dumped = spec.model_dump(mode="json", by_alias=True, exclude_none=isinstance(spec, PipelineDocument))
    document = {key: value for key, value in dumped.items() if value is not None}
    for binding in BINDINGS if isinstance(spec, ToolDocument) else ():
        if binding in document:
            document[binding] = _without_none(document[binding])
    return document


def _without_none(value: JsonObject) -> JsonObject:
    """A mapping without what was left out, also in the mappings inside of it."""
    return {
        key: _without_none(item) if isinstance(item, dict) else item for key, item in value.items() if item is not None
    }


def _said_twice(tree: Tree) -> Iterator[Diagnostic]:
    """What a collection says itself although its pipeline says it."""
    for key in ("embedder", "chunk"):
        if key in tree.value:
            message = f"'{key}' stands beside 'pipeline', which says it already"
            yield Diagnostic("E002", message, tree.key_at((key,)), help=f"take '{key}:' or 'pipeline:' out")

"""The other kinds of a workspace: `model/v1`, `tool/v1`, `collection/v1`, `pipeline/v1`, one document a file."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Annotated, Literal, Self

from pydantic import BaseModel, Field, model_validator
from pydantic_core import PydanticCustomError

from girih.language.spec.canonical import digest_of
from girih.language.spec.collection import CollectionDocument
from girih.language.spec.diagnostics import Diagnostic, has_errors, in_order
from girih.language.spec.findings import Subject, shaped
from girih.language.spec.logical_models import ModelDocument
from girih.language.spec.model import Name, Slug, Strict, TypeSpec
from girih.language.spec.outward import SecretRef, is_public_url
from girih.language.spec.pipelines import PipelineDocument
from girih.language.spec.suggest import did_you_mean, hint
from girih.language.spec.tree import JsonObject, JsonSchema, Tree, renamed
from girih.language.spec.types import object_schema, schema_of
from girih.language.spec.versions import version_fault
from girih.language.spec.words import found

_PARAMETER = re.compile(r"\{([^{}]*)\}")


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


class Auth(Strict):
    """The secret that goes with each call: a token in the `Authorization` header, or a header of its own."""

    bearer: SecretRef | None = None
    header: Annotated[str, Field(pattern=r"^[A-Za-z][A-Za-z0-9-]*$", max_length=100)] | None = None
    value: SecretRef | None = None

    @model_validator(mode="after")
    def _one_form(self) -> Self:
        has_header = self.header is not None and self.value is not None
        if has_header is (self.bearer is not None) or (self.header is None) != (self.value is None):
            raise PydanticCustomError("auth", "needs either 'bearer', or 'header' and 'value'")
        return self


class HttpBinding(Strict):
    """How a tool is called over HTTP.

    The base URL is either an `endpoint`, a name that the operator has bound to a URL, or a public `url`. `{name}` in
    `path` takes a parameter; the others go into the query (GET, DELETE) or into a JSON body. `auth` is
    `{ bearer: secret://NAME }` or `{ header: X-Api-Key, value: secret://NAME }`: a secret that the operator has set,
    sent with each call and seen by nobody else.
    """

    endpoint: Slug | None = None
    url: Annotated[str, Field(max_length=2000)] | None = None
    method: Literal["GET", "POST", "PUT", "PATCH", "DELETE"] = "GET"
    path: Annotated[str, Field(max_length=2000)] = "/"
    auth: Auth | None = None

    @model_validator(mode="after")
    def _one_base(self) -> Self:
        if (self.endpoint is None) == (self.url is None):
            raise PydanticCustomError("one_base", "needs either 'endpoint' or 'url', and not both")
        if self.url is not None and not is_public_url(self.url):
            raise PydanticCustomError("bad_url", "'url' must be an https:// address without user, query or fragment")
        if not self.path.startswith("/") or "?" in self.path or "#" in self.path:
            raise PydanticCustomError("bad_path", "'path' must begin with '/', without query or fragment")
        return self


class ToolDocument(Strict):
    """A tool: a call with a typed contract.

    `parameters` and `returns` are fields with types. `idempotent: true` says that calling it twice does no more than
    calling it once.
    """

    kind: Literal["tool/v1"]
    name: Slug
    title: str | None = None
    description: Annotated[str, Field(min_length=1)]
    http: HttpBinding
    parameters: dict[Name, TypeSpec] = Field(default_factory=dict)
    returns: dict[Name, TypeSpec] = Field(default_factory=dict)
    idempotent: bool = False


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
        faults += _path_findings(spec, tree)
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
    if "http" in document:
        document["http"] = {key: value for key, value in document["http"].items() if value is not None}
        if "auth" in document["http"]:
            auth = document["http"]["auth"]
            document["http"]["auth"] = {key: value for key, value in auth.items() if value is not None}
    return document


def tool_schemas(document: JsonObject) -> tuple[JsonSchema, JsonSchema]:
    """The JSON Schemas of a tool document's parameters and of its result."""
    return object_schema(document.get("parameters", {})), object_schema(document.get("returns", {}))


def _path_findings(tool: ToolDocument, tree: Tree) -> Iterator[Diagnostic]:
    for name in _PARAMETER.finditer(tool.http.path):
        place = tree.inside(("http", "path"), name.start(), len(name.group()))
        if name.group(1) not in tool.parameters:
            way_out = (
                hint(name.group(1), tool.parameters, "parameters")
                or f"add it: 'parameters: {{ {name.group(1)}: string }}'"
            )
            yield Diagnostic("E002", f"the path takes '{name.group(1)}', which is no parameter", place, help=way_out)
        elif not schema_of(tool.parameters[name.group(1)])[1]:
            message = f"the path takes '{name.group(1)}', which is optional"
            yield Diagnostic("E002", message, place, help="make the parameter required")


def _said_twice(tree: Tree) -> Iterator[Diagnostic]:
    """What a collection says itself although its pipeline says it."""
    for key in ("embedder", "chunk"):
        if key in tree.value:
            message = f"'{key}' stands beside 'pipeline', which says it already"
            yield Diagnostic("E002", message, tree.key_at((key,)), help=f"take '{key}:' or 'pipeline:' out")

"""Tools of a workspace that need more than their own file: an operation of an OpenAPI document, an approval."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import replace

from girih.language.compiler.prompts import find
from girih.language.expressions.check import check_expression
from girih.language.expressions.names import FixedNames
from girih.language.openapi.document import Description, OpenApiFault, described
from girih.language.openapi.operations import HttpContract, contract_of
from girih.language.spec.canonical import digest_of
from girih.language.spec.diagnostics import Diagnostic, Related, has_errors
from girih.language.spec.documents import OtherSpec
from girih.language.spec.memory import Memory
from girih.language.spec.reader import read
from girih.language.spec.source import Source
from girih.language.spec.suggest import hint
from girih.language.spec.tools import tool_schemas
from girih.language.spec.tree import JsonObject, Tree

_KEPT = ("endpoint", "url", "auth", "headers")
"""Keys of `openapi:` that `http:` has as well."""


def finished(
    tool: OtherSpec, tree: Tree, files: Mapping[str, str], memory: Memory | None = None
) -> tuple[OtherSpec | None, tuple[Diagnostic, ...]]:
    """The tool with a contract that stands by itself, and what is wrong with it.

    One of an OpenAPI document becomes an `http:` tool: nobody needs the document afterwards.
    """
    faults: list[Diagnostic] = []
    if "openapi" in tool.document:
        document = _from_openapi(tool.document, tree, files, memory, faults)
        if document is None:
            return None, tuple(faults)
        tool = replace(tool, document=document, digest=digest_of(document))
    faults += _approval(tool.document, tree, memory)
    return (None if has_errors(faults) else tool), tuple(faults)


def _from_openapi(
    document: JsonObject, tree: Tree, files: Mapping[str, str], memory: Memory | None, faults: list[Diagnostic]
) -> JsonObject | None:
    binding = document["openapi"]
    path = find(binding["document"], tree.source.name, files)
    if path is None:
        message = f"the OpenAPI document '{binding['document']}' is not in the workspace"
        way_out = hint(binding["document"], files, "files") if len(files) < 50 else "put it beside the tool"
        faults.append(Diagnostic("E401", message, tree.at(("openapi", "document")), help=way_out))
        return None
    try:
        description = _description(path, files[path], memory)
    except OpenApiFault as fault:
        faults.append(Diagnostic("E002", fault.message, tree.at(("openapi", "document")), help=fault.help))
        return None
    try:
        made = contract_of(description, description.operation(binding["operation"]))
    except OpenApiFault as fault:
        place = tree.at(("openapi", "operation"))
        related = (Related(description.tree.at(fault.at), "described here"),) if fault.at is not None else ()
        faults.append(Diagnostic("E002", fault.message, place, help=fault.help, related=related))
        return None
    return _joined(document, made, tree, faults)


def _description(path: str, text: str, memory: Memory | None) -> Description:
    tree, faults = read(Source(path, text), memory)
    if tree is None or tree.damage:
        first = next(fault for fault in faults if fault.severity == "error")
        raise OpenApiFault(f"'{path}' cannot be read at {first.place.line}:{first.place.column}: {first.message}")
    return described(tree)


def _joined(document: JsonObject, made: HttpContract, tree: Tree, faults: list[Diagnostic]) -> JsonObject | None:
    """The author's document and what the operation says, as an `http:` tool."""
    binding = document["openapi"]
    http: JsonObject = {key: binding[key] for key in _KEPT if key in binding}
    http |= {"method": made.method, "path": made.path}
    if made.send:
        http["send"] = made.send
    returns = document["returns"] or made.returns
    for name in returns:
        if name not in made.returns:
            message = f"the operation does not answer with '{name}'"
            place = tree.key_at(("returns", name))
            faults.append(Diagnostic("E002", message, place, help=hint(name, made.returns, "fields")))
    reads = {name: wire for name, wire in made.reads.items() if name in returns}
    if made.answer is not None:
        http["answer"] = made.answer
    if reads:
        http["reads"] = reads
    if faults:
        return None
    rest = {key: value for key, value in document.items() if key not in ("openapi", "parameters", "returns")}
    contract = {"http": http, "parameters": made.parameters, "returns": returns}
    return {**rest, "description": document.get("description") or made.description, **contract}


def _approval(document: JsonObject, tree: Tree, memory: Memory | None) -> Iterator[Diagnostic]:
    condition = document.get("approval")
    if condition in (None, "always", "never"):
        return
    names = FixedNames({"args": tool_schemas(document)[0]}, memory)
    for finding in check_expression(condition, names, condition=True).findings:
        place = tree.inside(("approval",), finding.offset, finding.length)
        yield Diagnostic(finding.code, finding.message, place, help=finding.help)

"""What is wrong in a `tool/v1` document that its shape does not show: keys that do not agree with each other."""

from __future__ import annotations

import re
from collections.abc import Collection, Iterator

from girih.language.spec.diagnostics import Diagnostic
from girih.language.spec.suggest import hint
from girih.language.spec.tools import BINDINGS, HttpBinding, ToolDocument
from girih.language.spec.tree import Path, Tree
from girih.language.spec.types import schema_of

PARAMETER = re.compile(r"\{([^{}]*)\}")
"""A parameter in a path."""

_TAKEN = frozenset(
    {"authorization", "connection", "content-length", "content-type", "cookie", "host", "idempotency-key"}
    | {"proxy-authorization", "traceparent", "transfer-encoding", "user-agent", "accept-encoding"}
)
"""Headers that belong to the exchange itself, or to `auth`."""


def tool_findings(tool: ToolDocument, tree: Tree) -> Iterator[Diagnostic]:
    """Each fault (E002) at its place."""
    yield from _binding(tool, tree)
    yield from _policies(tool, tree)
    if tool.http is not None:
        yield from _path(tool, tool.http, tree)
        yield from _names(tool, tree, "http")
    if tool.mcp is not None:
        yield from _names(tool, tree, "mcp")
    for binding in ("http", "openapi"):
        yield from _headers(tool, tree, binding)


def _binding(tool: ToolDocument, tree: Tree) -> Iterator[Diagnostic]:
    written = [name for name in BINDINGS if getattr(tool, name) is not None or name in tree.value]
    if not written:
        way_out = "add one of http:, openapi:, mcp: and python:"
        yield Diagnostic("E002", "the tool does not say how it is called", tree.key_at(("kind",)), help=way_out)
    for name in written[1:]:
        message = f"the tool has both '{written[0]}' and '{name}'"
        yield Diagnostic("E002", message, tree.key_at((name,)), help="a tool is called in one way: take one out")
    if tool.description is None and "openapi" not in written and "description" not in tree.value:
        message = "missing key 'description' in the tool"
        yield Diagnostic("E002", message, tree.key_at(("kind",)), help="add 'description:'")
    if "openapi" in written and "parameters" in tree.value:
        message = "'parameters' stands beside 'openapi', whose document says them already"
        yield Diagnostic("E002", message, tree.key_at(("parameters",)), help="take 'parameters:' out")


def _policies(tool: ToolDocument, tree: Tree) -> Iterator[Diagnostic]:
    if tool.retry is not None and not tool.idempotent:
        message = "'retry' would call a tool again that is not idempotent"
        way_out = "write idempotent: true if a second call does no more than the first, or take 'retry:' out"
        yield Diagnostic("E002", message, tree.key_at(("retry",)), help=way_out)


def _path(tool: ToolDocument, http: HttpBinding, tree: Tree) -> Iterator[Diagnostic]:
    for name in PARAMETER.finditer(http.path):
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


def _names(tool: ToolDocument, tree: Tree, binding: str) -> Iterator[Diagnostic]:
    """`send` speaks of parameters, `answer` and `reads` of fields of the result."""
    bound = tool.http if binding == "http" else tool.mcp
    if bound is None:
        return
    for name in bound.send or ():
        yield from _known(tree, (binding, "send", name), name, tool.parameters, "parameter", at_key=True)
    for name in bound.reads or ():
        yield from _known(tree, (binding, "reads", name), name, tool.returns, "field of 'returns'", at_key=True)
    if bound.answer is not None:
        yield from _known(tree, (binding, "answer"), bound.answer, tool.returns, "field of 'returns'")
        if others := [name for name in tool.returns if name != bound.answer]:
            message = f"'answer' takes the whole answer as '{bound.answer}', so that nothing is left for '{others[0]}'"
            yield Diagnostic("E002", message, tree.at((binding, "answer")), help=f"leave '{others[0]}' out")


def _known(
    tree: Tree, path: Path, name: str, known: Collection[str], noun: str, *, at_key: bool = False
) -> Iterator[Diagnostic]:
    if name not in known:
        place = tree.key_at(path) if at_key else tree.at(path)
        yield Diagnostic("E002", f"'{name}' is no {noun}", place, help=hint(name, known, "names") or "add it")


def _headers(tool: ToolDocument, tree: Tree, binding: str) -> Iterator[Diagnostic]:
    bound = getattr(tool, binding)
    for name, value in ((bound.headers or {}) if bound is not None else {}).items():
        path: Path = (binding, "headers", name)
        if name.lower() in _TAKEN:
            way_out = "name a secret under 'auth:'" if name.lower() == "authorization" else "take it out"
            yield Diagnostic("E002", f"the header '{name}' is set by the call itself", tree.key_at(path), help=way_out)
        elif "secret://" in value:
            message = f"the header '{name}' names a secret, which would be sent as this text"
            yield Diagnostic("E403", message, tree.at(path), help="name the secret under 'auth:'")
    for name, sent in ((tool.http.send or {}) if binding == "http" and tool.http else {}).items():
        wire = sent.as_ or name.replace("_", "-")
        if sent.in_ == "header" and wire.lower() in _TAKEN:
            message = f"'{name}' would be sent as the header '{wire}', which is set by the call itself"
            yield Diagnostic("E002", message, tree.key_at(("http", "send", name)), help="send it elsewhere")

"""A workspace's files → parsed specs: graphs with their trees, and the other kinds; every fault of reading them."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field

from girih.language.compiler.flow import Kinds
from girih.language.compiler.folder import is_spec, says_kind
from girih.language.compiler.tool_files import finished
from girih.language.compiler.workspace import OtherSpec, Workspace
from girih.language.spec.diagnostics import Diagnostic, Related
from girih.language.spec.documents import KINDS, kind_of, parse_document, with_kind
from girih.language.spec.memory import Memory
from girih.language.spec.mending import mend
from girih.language.spec.model import AgentGraph
from girih.language.spec.parser import GRAPH_KIND, parse_graph
from girih.language.spec.reader import read
from girih.language.spec.source import Source
from girih.language.spec.tree import Tree

# As they may look in a file that has a fault right there.
_KIND_LINE = re.compile(
    r"""^["']?\w{2,6}["']?\s*:?\s*["']?((?:graph|model|tool|collection|pipeline)/v\d+)""", re.MULTILINE
)
_NAME_LINE = re.compile(r"""^["']?[name]{3,6}["']?[ \t]*:?[ \t]*["']?([\w.-]+)""", re.MULTILINE)


@dataclass(frozen=True)
class GraphFile:
    """One graph, as far as it could be read; a faulty one can be named by others but is never published."""

    path: str
    tree: Tree
    graph: AgentGraph
    is_sound: bool


@dataclass
class Specs:
    """Everything a workspace holds."""

    graphs: dict[str, GraphFile] = field(default_factory=dict)
    nameless: list[GraphFile] = field(default_factory=list)
    """Graphs without a name that is theirs alone: nobody can use them, but their other faults are worth knowing."""
    others: list[OtherSpec] = field(default_factory=list)
    diagnostics: list[Diagnostic] = field(default_factory=list)
    trees: dict[str, Tree] = field(default_factory=dict)
    """Every spec that could be read, by its path, as it was written."""
    faulty: set[tuple[str, str]] = field(default_factory=set)
    """Kind and name of documents that could not be read: known by name, so that nobody is told they do not exist."""
    memory: Memory | None = None


def load(workspace: Workspace, kinds: Kinds, memory: Memory | None = None) -> Specs:
    """Read every spec of the workspace; files without a `kind` are none, but a graph that lacks only that is told."""
    specs = Specs(memory=memory)
    places: dict[tuple[str, str], Tree] = {}
    for path, text in sorted(workspace.files.items()):
        if not is_spec(path, text):
            continue
        tree, faults = read(Source(path, text), memory)
        is_kindless = not says_kind(text)
        if tree is None and is_kindless:
            continue
        if tree is not None and kind_of(tree) is None and (is_kindless or not tree.damage):
            tree, misspelt = with_kind(tree)
            if not misspelt:
                _add_kindless(specs, tree, kinds, faults)
                continue
            faults = (*faults, *misspelt)
        specs.diagnostics += faults
        if tree is None or kind_of(tree) is None:
            specs.faulty.update(_said_to_be(text))
            continue
        specs.trees[path] = tree
        is_second = _named_before(specs, tree, places)
        _add(specs, tree, kinds, workspace, is_second=is_second, is_faulty=bool(_errors(faults)))
    return specs


def _add(specs: Specs, tree: Tree, kinds: Kinds, workspace: Workspace, *, is_second: bool, is_faulty: bool) -> None:
    if kind_of(tree) == GRAPH_KIND:
        tree, misspelt = mend(tree, kinds)
        graph, faults = parse_graph(tree, kinds, specs.memory)
        specs.diagnostics += [*misspelt, *faults]
        if graph is None:
            return
        if not isinstance(tree.value.get("name"), str):
            specs.faulty.update(_said_to_be(tree.source.text))
        is_named = not is_second and tree.value.get("name") == graph.name
        is_sound = is_named and not is_faulty and not misspelt and not _errors(faults)
        file = GraphFile(tree.source.name, tree, graph, is_sound)
        if is_named:
            specs.graphs[graph.name] = file
        else:
            specs.nameless.append(file)
        return
    other, faults = parse_document(tree)
    specs.diagnostics += faults
    if other is not None and other.kind == "tool/v1":
        other, faults = finished(other, tree, workspace.files, specs.memory)
        specs.diagnostics += faults
    if other is not None and not is_second and not is_faulty:
        specs.others.append(other)
    elif isinstance(tree.value, dict) and isinstance(tree.value.get("name"), str) and kind_of(tree) in KINDS:
        specs.faulty.add((str(kind_of(tree)), tree.value["name"]))
    else:
        specs.faulty.update(_said_to_be(tree.source.text))


def _add_kindless(specs: Specs, tree: Tree, kinds: Kinds, faults: Iterable[Diagnostic]) -> None:
    """Report a graph that does not say that it is one; any other document without a kind is no matter of ours."""
    nodes = tree.value.get("nodes") if isinstance(tree.value, dict) else None
    found = nodes.values() if isinstance(nodes, dict) else ()
    if not any(isinstance(node, dict) and node.keys() & kinds for node in found):
        return
    help_ = f"add kind: {GRAPH_KIND}"
    specs.diagnostics += [*faults, Diagnostic("E002", "missing key 'kind'", tree.at(()), help=help_)]
    specs.faulty.update(_said_to_be(tree.source.text))


def _said_to_be(text: str) -> Iterator[tuple[str, str]]:
    """Kind and name of a file that could not be read, if they can be seen in it: it is there, though it is faulty."""
    kind, name = _KIND_LINE.search(text), _NAME_LINE.search(text)
    for one in () if name is None else (kind[1],) if kind else KINDS:
        yield one, name[1] if name else ""


def _named_before(specs: Specs, tree: Tree, places: dict[tuple[str, str], Tree]) -> bool:
    """Whether another file has the same kind and name, which is a fault of this one."""
    name = tree.value.get("name")
    if not isinstance(name, str):
        return False
    key = (str(kind_of(tree)), name)
    first = places.setdefault(key, tree)
    if first is tree:
        return False
    noun = key[0].partition("/")[0]
    where = first.at(("name",))
    message = f"{noun} '{name}' is already defined in {where.file}:{where.line}"
    related = (Related(where, "first defined here"),)
    place = tree.at(("name",))
    specs.diagnostics.append(Diagnostic("E002", message, place, help="give one of them another name", related=related))
    return True


def _errors(faults: Iterable[Diagnostic]) -> list[Diagnostic]:
    return [fault for fault in faults if fault.severity == "error"]

"""Where execution can go: the branches of forks, and the edges inside each."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import cached_property

from girih.language.compiler.ways import Kinds as Kinds
from girih.language.compiler.ways import Way, ways_of
from girih.language.nodes.base import Branch, NodeConfig, Scope
from girih.language.spec.model import END, AgentGraph, GraphNode
from girih.language.spec.tree import Path


@dataclass(frozen=True)
class Region:
    """A branch, from its first node on; the outermost region has no fork."""

    entry: str
    fork: str | None = None
    parent: Region | None = field(default=None, compare=False, repr=False)


@dataclass(frozen=True)
class Stray:
    """A way out of a node that breaks the structure of forks: why, the path of what is at fault, and where it leads."""

    path: Path
    message: str
    help: str
    to: str


@dataclass
class _Draft:
    regions: dict[str, Region] = field(default_factory=dict)
    edges: dict[str, dict[str, None]] = field(default_factory=dict)
    strays: list[Stray] = field(default_factory=list)
    filled: list[Region] = field(default_factory=list)


class Flow:
    """The control flow of one graph.

    `ways` are all ways out of each node. `edges` leads from each node to the nodes of its own region; `strays` are the
    ways that leave a region wrongly and are not among the edges. A fork runs its branches between itself and its own
    edges: `forks` holds them as written, `branches` their first nodes as far as these exist.
    """

    def __init__(self, graph: AgentGraph, kinds: Kinds, scope: Scope) -> None:
        self.graph = graph
        self._kinds = kinds
        draft = _Draft()
        self.root = Region(graph.start or "")
        self.ways: Mapping[str, tuple[Way, ...]] = {name: ways_of(node, kinds) for name, node in graph.nodes.items()}
        self.forks = {name: self._forked(node, scope) for name, node in graph.nodes.items()}
        self.branches: Mapping[str, tuple[str, ...]] = {
            name: tuple(dict.fromkeys(branch.entry for branch in branches if branch.entry in graph.nodes))
            for name, branches in self.forks.items()
        }
        self._claim_branches(draft)
        if graph.start in graph.nodes:
            self._fill(draft, self.root, self.root.entry)
        for name in graph.nodes:
            if name not in draft.edges:
                # Nothing leads here, which E102 says; what follows it is looked at as if it stood outside of all forks.
                self._fill(draft, draft.regions.get(name, self.root), name)
        self.regions: Mapping[str, Region] = draft.regions
        self.edges: Mapping[str, tuple[str, ...]] = {name: tuple(to) for name, to in draft.edges.items()}
        self._around: dict[str, tuple[Region, ...]] = {}
        self.strays = tuple(draft.strays)
        self.outer_first = tuple({region.entry: region for region in draft.filled}.values())
        """Every region, each after the one it lies in."""

    def shape(self, name: str) -> str:
        """`step`, `fork` or `end`."""
        node = self.graph.nodes[name]
        return self._kinds[node.verb].shape if node.verb in self._kinds else "step"

    def _forked(self, node: GraphNode, scope: Scope) -> tuple[Branch, ...]:
        if node.verb not in self._kinds or not isinstance(node.config, NodeConfig):
            return ()
        return tuple(self._kinds[node.verb].branches(node.config, scope))

    def _claim_branches(self, draft: _Draft) -> None:
        """The first node of a branch belongs to it, whoever else leads there."""
        for name, branches in self.forks.items():
            for branch in branches:
                entry = branch.entry
                if entry not in self.graph.nodes:
                    continue
                claimed = draft.regions.get(entry)
                path: Path = ("nodes", name, *branch.path)
                if entry == name:
                    draft.strays.append(
                        Stray(path, f"'{name}' cannot be a branch of itself", "name another node", entry)
                    )
                elif entry == self.graph.start:
                    message = f"'{entry}' is where the graph starts and cannot be a branch"
                    help_ = "start: another node, or give the branch a node of its own"
                    draft.strays.append(Stray(path, message, help_, entry))
                elif claimed is not None and claimed.fork != name:
                    message = f"'{entry}' is already a branch of '{claimed.fork}'"
                    draft.strays.append(Stray(path, message, "give each branch a node of its own", entry))
                elif claimed is None:
                    draft.regions[entry] = Region(entry, name)

    def _fill(self, draft: _Draft, region: Region, begin: str) -> None:
        """Give the region every node that `begin` leads to, then do the same for the branches of the forks in it."""
        waiting = [(region, begin)]
        for region, begin in waiting:  # grows while it is gone through
            draft.regions[begin] = region
            draft.filled.append(region)
            for fork in self._fill_one(draft, region, begin):
                waiting += [
                    (Region(entry, fork, region), entry)
                    for entry in self.branches[fork]
                    if draft.regions[entry].fork == fork and entry not in draft.edges
                ]

    def _fill_one(self, draft: _Draft, region: Region, begin: str) -> list[str]:
        """Returns the nodes that came to the region now."""
        waiting: list[str] = [begin]
        added: list[str] = []
        for name in waiting:  # grows while it is gone through
            if name in draft.edges:
                continue
            draft.edges[name] = {}
            added.append(name)
            for way in self.ways[name]:
                if self._may_enter(draft, region, name, way):
                    draft.regions.setdefault(str(way.to), region)
                    draft.edges[name][str(way.to)] = None
                    waiting.append(str(way.to))
        return added

    def _may_enter(self, draft: _Draft, region: Region, name: str, way: Way) -> bool:
        if way.to is None:
            return False
        if way.to == END and region.fork is not None:
            message = f"'{name}' is in a branch of '{region.fork}' and may not go to $end"
            help_ = f"leave out next to end the branch: the run goes on at the next of '{region.fork}'"
            draft.strays.append(Stray(way.path, message, help_, END))
        if way.to not in self.graph.nodes:
            return False
        other = draft.regions.get(way.to)
        if other is None or other.entry == region.entry:
            return True
        draft.strays.append(Stray(way.path, *_trespass(name, region, way.to, other), way.to))
        return False

    # --- questions

    def in_region(self, region: Region) -> tuple[str, ...]:
        """The nodes of a region, in the order of the file."""
        return self._by_entry.get(region.entry, ())

    @cached_property
    def _by_entry(self) -> Mapping[str, tuple[str, ...]]:
        found: dict[str, list[str]] = {}
        for name in self.graph.nodes:
            found.setdefault(self.regions[name].entry, []).append(name)
        return {entry: tuple(names) for entry, names in found.items()}

    @cached_property
    def reached(self) -> frozenset[str]:
        """Every node that some run can reach."""
        seen: set[str] = set()
        waiting = [self.root.entry] if self.root.entry in self.graph.nodes else []
        while waiting:
            name = waiting.pop()
            if name not in seen:
                seen.add(name)
                waiting += [*self.edges.get(name, ()), *self.branches[name]]
        return frozenset(seen)

    def closes(self, name: str, way: Way) -> bool:
        """Whether a way comes to the good end of its region: of the branch, or of the graph."""
        if self.regions[name].fork is not None:
            return way.to is None
        return way.to == END or (way.to is None and self.shape(name) == "end" and way.cause != "over")

    def ends(self, entry: str) -> tuple[str, ...]:
        """The nodes at which the branch that begins at `entry` can end, in the order of the file."""
        region = self.regions.get(entry)
        names = self.in_region(region) if region is not None else ()
        return tuple(name for name in names if any(self.closes(name, way) for way in self.ways[name]))

    def branch_of(self, entry: str) -> Branch | None:
        """The branch that begins at a node, as its fork has it."""
        fork = self.regions[entry].fork
        return next((branch for branch in self.forks.get(fork or "", ()) if branch.entry == entry), None)

    def beside(self, left: str, right: str) -> str | None:
        """The fork in which two nodes run at the same time, in different branches."""
        mine = {r.fork: r.entry for r in self.around(left) if r.fork is not None}
        for region in self.around(right):
            if region.fork in mine and mine[region.fork] != region.entry:
                return region.fork
        return None

    def around(self, name: str) -> tuple[Region, ...]:
        """The regions a node is in, innermost first; the last is the graph's own."""
        if name not in self._around:
            found: list[Region] = []
            region: Region | None = self.regions[name]
            while region is not None:  # a region lies in one that was there before it, so this has an end
                found.append(region)
                region = region.parent
            self._around[name] = tuple(found)
        return self._around[name]

    def all_within(self, fork: str) -> frozenset[str]:
        """The nodes of all branches of a fork, and of the forks in them."""
        found: set[str] = set()
        waiting = [fork]
        while waiting:
            for entry in self.branches[waiting.pop()]:
                if entry not in found and self.regions[entry].entry == entry:
                    names = self.in_region(self.regions[entry])
                    found.update(names)
                    waiting += names
        return frozenset(found)


def _trespass(name: str, region: Region, to: str, other: Region) -> tuple[str, str]:
    if other.fork is None:
        message = f"'{name}' is in a branch of '{region.fork}' and may not go to '{to}', which is outside of it"
        return message, f"leave out next to end the branch, and go on from the next of '{region.fork}'"
    if region.fork is None:
        message = f"'{to}' is in a branch of '{other.fork}' and may not be entered from '{name}'"
        if name == other.fork:
            return message, "go to a node outside of its branches"
        return message, f"go to '{other.fork}', which runs its branches itself"
    if region.fork == other.fork:
        message = f"'{name}' may not go to '{to}', which is in another branch of '{other.fork}': it would run twice"
        return message, f"end both branches before it, and go on from the next of '{other.fork}'"
    message = f"'{name}' is in a branch of '{region.fork}' and may not go to '{to}', which is in one of '{other.fork}'"
    return message, "leave out next to end the branch"

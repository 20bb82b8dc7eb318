"""Where execution can go: the branches of forks, the edges inside each, and the paths that pass a node by."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any

from girih.language.nodes.base import NodeKind
from girih.language.spec.model import END, AgentGraph, GraphNode, Route
from girih.language.spec.tree import Path

Kinds = Mapping[str, NodeKind[Any]]


@dataclass(frozen=True)
class Region:
    """A branch, from its first node on; the outermost region has no fork."""

    entry: str
    fork: str | None = None
    parent: Region | None = None


@dataclass(frozen=True)
class Stray:
    """A way out of a node that breaks the structure of forks: why, and the path of what is at fault."""

    path: Path
    message: str
    help: str


@dataclass
class _Draft:
    regions: dict[str, Region] = field(default_factory=dict)
    edges: dict[str, list[str]] = field(default_factory=dict)
    strays: list[Stray] = field(default_factory=list)


class Flow:
    """The control flow of one graph.

    `edges` leads from each node to the nodes of its own region; `strays` are the ways that leave a region wrongly and
    are not among the edges. A fork runs its branches between itself and its own edges.
    """

    def __init__(self, graph: AgentGraph, kinds: Kinds) -> None:
        self.graph = graph
        self._kinds = kinds
        self._passable: dict[tuple[str, frozenset[str]], bool] = {}
        draft = _Draft()
        self.root = Region(graph.start or "")
        self.branches = {name: self._branches(node) for name, node in graph.nodes.items()}
        self._claim_branches(draft)
        if graph.start in graph.nodes:
            self._fill(draft, self.root, self.root.entry)
        for name in graph.nodes:
            if name not in draft.edges:
                # Nothing leads here, which E102 says; what follows it is looked at as if it stood outside of all forks.
                self._fill(draft, draft.regions.get(name, self.root), name)
        self.regions: Mapping[str, Region] = draft.regions
        self.edges: Mapping[str, tuple[str, ...]] = {name: tuple(to) for name, to in draft.edges.items()}
        self.strays = tuple(draft.strays)

    # --- structure

    def shape(self, name: str) -> str:
        """`step`, `fork` or `end`."""
        node = self.graph.nodes[name]
        return self._kinds[node.verb].shape if node.verb in self._kinds else "step"

    def _branches(self, node: GraphNode) -> tuple[str, ...]:
        """The first node of each branch, as far as these exist."""
        named = getattr(node.config, node.verb, ()) if node.verb and self.shape(node.name) == "fork" else ()
        return tuple(dict.fromkeys(name for name in named or () if name in self.graph.nodes))

    def _claim_branches(self, draft: _Draft) -> None:
        """The first node of a branch belongs to it, whoever else leads there."""
        for name, branches in self.branches.items():
            listed = getattr(self.graph.nodes[name].config, self.graph.nodes[name].verb, ()) if branches else ()
            for i, entry in enumerate(listed):
                if entry not in self.graph.nodes:
                    continue
                claimed = draft.regions.get(entry)
                path: Path = ("nodes", name, self.graph.nodes[name].verb, i)
                if entry == name:
                    draft.strays.append(Stray(path, f"'{name}' cannot be a branch of itself", "name another node"))
                elif entry == self.graph.start:
                    help_ = "start: another node, or give the branch a node of its own"
                    draft.strays.append(
                        Stray(path, f"'{entry}' is where the graph starts and cannot be a branch", help_)
                    )
                elif claimed is not None and claimed.fork != name:
                    message = f"'{entry}' is already a branch of '{claimed.fork}'"
                    draft.strays.append(Stray(path, message, "give each branch a node of its own"))
                elif claimed is None:
                    draft.regions[entry] = Region(entry, name)

    def _fill(self, draft: _Draft, region: Region, begin: str) -> None:
        """Give the region every node that `begin` leads to, then do the same for the branches of the forks in it."""
        draft.regions[begin] = region
        waiting: list[str] = [begin]
        forks: list[str] = []
        while waiting:
            name = waiting.pop(0)
            if name in draft.edges:
                continue
            draft.edges[name] = []
            forks.append(name)
            for route in self.graph.nodes[name].routes:
                if self._may_enter(draft, region, name, route):
                    draft.regions.setdefault(route.to, region)
                    draft.edges[name].append(route.to)
                    waiting.append(route.to)
        for fork in forks:
            for entry in self.branches[fork]:
                if draft.regions[entry].fork == fork and entry not in draft.edges:
                    self._fill(draft, Region(entry, fork, region), entry)

    def _may_enter(self, draft: _Draft, region: Region, name: str, route: Route) -> bool:
        if route.to == END and region.fork is not None:
            message = f"'{name}' is in a branch of '{region.fork}' and may not go to $end"
            help_ = f"leave out next: the run goes on at the next of '{region.fork}' when every branch has ended"
            draft.strays.append(Stray(("nodes", name, *route.at), message, help_))
        if route.to not in self.graph.nodes:
            return False
        other = draft.regions.get(route.to)
        if other is None or other.entry == region.entry:
            return True
        draft.strays.append(Stray(("nodes", name, *route.at), *_trespass(name, region, route.to, other)))
        return False

    # --- paths

    def in_region(self, region: Region) -> tuple[str, ...]:
        """The nodes of a region, in the order of the file."""
        return tuple(name for name in self.graph.nodes if self.regions[name].entry == region.entry)

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

    def way_past(self, avoid: frozenset[str], to: str, *, after: bool = False) -> list[str] | None:
        """A path from the start to `to` on which none of `avoid` runs; `None` when every path runs one of them.

        The path ends before `to` runs, or after it with `after`. `to` may be `$end`.
        """
        if to == END:
            return self._search(self.root, avoid, lambda name: self._passes(name, avoid) and self.ends_well(name), END)
        region = self.regions[to]
        head: list[str] | None = []
        if region.fork is not None:
            head = self.way_past(avoid, region.fork)
            if head is None or region.fork in avoid:
                return None
        found = self._search(region, avoid, lambda name: name == to and (not after or self._passes(name, avoid)))
        return None if found is None else [*(head or []), *found]

    def ends_well(self, name: str) -> bool:
        """Whether a run can end here as a success."""
        node = self.graph.nodes[name]
        if self.shape(name) == "end":
            written = node.raw.get(node.verb)
            return not (isinstance(written, dict) and written.get("status") == "failed")
        return any(route.to == END for route in node.routes)

    def _search(
        self, region: Region, avoid: frozenset[str], arrived: Callable[[str], bool], last: str | None = None
    ) -> list[str] | None:
        waiting: list[list[str]] = [[region.entry]] if region.entry in self.graph.nodes else []
        seen = {region.entry}
        while waiting:
            path = waiting.pop(0)
            if arrived(path[-1]):
                return [*path, last] if last else path
            if not self._passes(path[-1], avoid):
                continue
            for to in self.edges.get(path[-1], ()):
                if to not in seen:
                    seen.add(to)
                    waiting.append([*path, to])
        return None

    def _passes(self, name: str, avoid: frozenset[str]) -> bool:
        """Whether execution can go through a node, and through the branches it forks, without running any of these."""
        if name in avoid:
            return False
        key = (name, avoid)
        if key not in self._passable:
            self._passable[key] = True  # a fork inside of itself is a stray; it ends here
            self._passable[key] = all(self._branch_passes(entry, avoid) for entry in self.branches[name])
        return self._passable[key]

    def _branch_passes(self, entry: str, avoid: frozenset[str]) -> bool:
        region = self.regions[entry]
        if region.entry != entry:
            return True
        return (
            self._search(region, avoid, lambda n: self._passes(n, avoid) and not self.graph.nodes[n].routes) is not None
        )

    def beside(self, left: str, right: str) -> str | None:
        """The fork in which two nodes run at the same time, in different branches."""
        mine = {r.fork: r.entry for r in self._around(left) if r.fork is not None}
        for region in self._around(right):
            if region.fork in mine and mine[region.fork] != region.entry:
                return region.fork
        return None

    def _around(self, name: str) -> list[Region]:
        found: list[Region] = []
        region: Region | None = self.regions[name]
        while region is not None:
            found.append(region)
            region = region.parent
        return found


def _trespass(name: str, region: Region, to: str, other: Region) -> tuple[str, str]:
    if other.fork is None:
        message = f"'{name}' is in a branch of '{region.fork}' and may not go to '{to}', which is outside of it"
        return message, f"leave out next to end the branch, and go on from the next of '{region.fork}'"
    if region.fork is None:
        message = f"'{to}' is in a branch of '{other.fork}' and may not be entered from '{name}'"
        return message, f"go to '{other.fork}', which runs all of its branches"
    if region.fork == other.fork:
        message = f"'{name}' may not go to '{to}', which is in another branch of '{other.fork}': it would run twice"
        return message, f"end both branches before it, and go on from the next of '{other.fork}'"
    message = f"'{name}' is in a branch of '{region.fork}' and may not go to '{to}', which is in one of '{other.fork}'"
    return message, "leave out next to end the branch"

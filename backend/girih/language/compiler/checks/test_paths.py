"""Whether a list of nodes can be the path of a run: those that finish, in order, each branch in an order of its own."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from girih.language.compiler.flow import Flow, Region
from girih.language.spec.model import END, FAIL
from girih.language.spec.suggest import one_of


@dataclass(frozen=True)
class Impossible:
    """The first node of a path that cannot stand where it stands: its index, why, and what could be there."""

    index: int
    message: str
    help: str | None = None


def impossible(flow: Flow, path: Sequence[str], *, fails: bool) -> Impossible | None:
    """Why no run can finish these nodes in this order; `None` if one can. `fails`: the run may end at any node."""
    regions = {flow.regions[name].entry: flow.regions[name] for name in path}
    faults = [fault for region in regions.values() if (fault := _in_region(flow, region, path)) is not None]
    if faults:
        return min(faults, key=lambda fault: fault.index)
    outside = [i for i, name in enumerate(path) if flow.regions[name].fork is None]
    if fails or not outside:
        return None
    last = path[outside[-1]]
    if _can_end(flow, last):
        return None
    targets = sorted(_after(flow, last))
    return Impossible(outside[-1], f"the run does not end at '{last}'", f"it goes on to {one_of(targets)}")


def _in_region(flow: Flow, region: Region, path: Sequence[str]) -> Impossible | None:
    branch = flow.branch_of(region.entry) if region.fork is not None else None
    if branch is not None and branch.binds:
        return None  # it runs for many items at once: any order can be
    begin = _silently(flow, [region.entry])
    allowed = begin
    before: str | None = None
    for i, name in enumerate(path):
        if flow.regions[name].entry != region.entry:
            continue
        if name not in allowed:
            return Impossible(i, _why(region, before, name), _instead(allowed))
        before = name
        allowed = _after(flow, name)
        if region.fork is not None:
            allowed = allowed | begin  # the fork may run again
    return None


def _why(region: Region, before: str | None, name: str) -> str:
    if before is not None:
        return f"'{name}' does not come after '{before}'"
    where = "the graph starts" if region.fork is None else f"the branch of '{region.fork}' starts"
    return f"{where} at '{region.entry}'"


def _instead(allowed: Iterable[str]) -> str | None:
    names = sorted(allowed)
    return f"there can be {one_of(names)}" if names else None


def _after(flow: Flow, name: str) -> frozenset[str]:
    """The nodes that can finish next when this one has."""
    return _silently(flow, flow.edges[name])


def _silently(flow: Flow, names: Iterable[str]) -> frozenset[str]:
    """These nodes, and those that come after one of them that does not finish."""
    found: set[str] = set()
    waiting = list(names)
    while waiting:
        name = waiting.pop()
        if name not in found and name in flow.edges:
            found.add(name)
            quiet = {way.to for way in flow.ways[name] if not way.has_result}
            waiting += [to for to in flow.edges[name] if to in quiet]
    return frozenset(found)


def _can_end(flow: Flow, name: str) -> bool:
    """Whether a run can end when this node has finished, perhaps past others that do not finish."""
    if any(way.to in (END, FAIL) or flow.closes(name, way) for way in flow.ways[name]):
        return True
    later = _after(flow, name)
    return any(not way.has_result and (way.to in (END, FAIL)) for other in later for way in flow.ways[other])

"""A graph as boxes and arrows, whoever draws it: the nodes of a plan, where they lead, and which lie in a fork."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Literal

from girih.language.compiler.plan import Plan, PlanNode
from girih.language.spec.model import END, FAIL

START = "$start"

Kind = Literal["next", "branch", "join", "exit", "error"]


@dataclass(frozen=True)
class Box:
    """A node, or a mark: `$start`, `$end`, `$fail`, and for each fork the place where its branches come together.

    `verb` is empty for a mark. `fork` is the innermost fork it is in a branch of.
    """

    name: str
    label: str
    verb: str = ""
    fork: str | None = None


@dataclass(frozen=True)
class Arrow:
    """A way from one box to another; `label` says when it is taken, and is empty where it always is.

    `when` is what the graph itself says of that: a condition, or the name of an exit.
    """

    source: str
    target: str
    label: str = ""
    kind: Kind = "next"
    when: str = ""


@dataclass(frozen=True)
class Chart:
    """The boxes in the order in which they are reached, and the arrows in the order in which they are tried."""

    title: str
    boxes: tuple[Box, ...]
    arrows: tuple[Arrow, ...]


def chart_of(plan: Plan) -> Chart:
    """What a plan looks like."""
    nodes = {node.name: node for node in plan.nodes}
    arrows = [Arrow(START, plan.start)]
    for name in _reached(plan, nodes):
        arrows += _arrows(nodes[name])
    used = {arrow.target for arrow in arrows} | {arrow.source for arrow in arrows}
    boxes = [Box(START, "start")]
    for name in _reached(plan, nodes):
        node = nodes[name]
        boxes.append(Box(name, node.title or name, node.verb, node.fork))
        if node.shape == "fork":
            boxes.append(Box(join_of(name), _join_label(node), fork=node.fork))
    boxes += [Box(mark, mark[1:]) for mark in (END, FAIL) if mark in used]
    return Chart(plan.title or plan.name, tuple(boxes), tuple(arrows))


def one_line(text: str) -> str:
    """A text without line ends and other characters that are not seen."""
    return "".join(sign if sign.isprintable() else " " for sign in text)


def join_of(fork: str) -> str:
    """The name of the place where a fork's branches come together."""
    return f"{fork}/join"


def _reached(plan: Plan, nodes: dict[str, PlanNode]) -> list[str]:
    """The names of the nodes, breadth first from the start."""
    found: dict[str, None] = {plan.start: None}
    waiting = [plan.start]
    while waiting:
        node = nodes[waiting.pop(0)]
        for target in _targets(node):
            if target in nodes and target not in found:
                found[target] = None
                waiting.append(target)
    return list(found)


def _targets(node: PlanNode) -> Iterator[str]:
    yield from (branch.entry for branch in node.branches)
    yield from (arrow.target for arrow in _arrows(node))


def _arrows(node: PlanNode) -> list[Arrow]:
    """A node's own ways; those of a fork begin where its branches have come together."""
    leaves = join_of(node.name) if node.shape == "fork" else node.name
    found = [Arrow(node.name, branch.entry, kind="branch") for branch in node.branches]
    if node.shape == "end":
        failed = node.settings.get("status") == "failed"
        return [Arrow(node.name, FAIL if failed else END)]
    for number, route in enumerate(node.routes):
        found.append(Arrow(leaves, route.to, _label(node, number), when=route.condition or ""))
    if node.fork is not None and all(route.condition for route in node.routes):
        found.append(Arrow(leaves, join_of(node.fork), "else" if node.routes else "", "join"))
    elif not node.routes:
        found.append(Arrow(leaves, END))
    found += [Arrow(node.name, target, name.replace("_", " "), "exit", name) for name, target in node.exits.items()]
    if node.on_error is not None and node.on_error.to is not None:
        found.append(Arrow(node.name, node.on_error.to, "on error", "error"))
    return found


def _label(node: PlanNode, number: int) -> str:
    route = node.routes[number]
    words = [route.condition] if route.condition else ["else"] if number else []
    if route.max_visits is not None:
        words.append(f"at most {route.max_visits} times")
    return ", ".join(words)


def _join_label(node: PlanNode) -> str:
    return f"join: {node.settings['join']}" if "join" in node.settings else "all items"

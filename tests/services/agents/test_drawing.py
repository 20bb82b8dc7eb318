"""Drawings of plans: every node, every way, forks, failures, and graphs inside of graphs."""

from __future__ import annotations

from girih.language.compiler.pipeline import compile_workspace
from girih.language.compiler.plan import Plan
from girih.language.compiler.workspace import Catalog
from girih.language.spec.diagnostics import has_errors
from girih.services.agents.drawing import Edge, draw, inner_of
from girih.services.agents.files import to_workspace

INNER = """
kind: graph/v1
name: inner
inputs: { n: integer }
nodes:
  twofold: { set: { value: "${ inputs.n * 2 }" }, next: $end }
outputs: { m: "${ twofold.value }" }
"""
OUTER = """
kind: graph/v1
name: outer
inputs: { ns: [integer] }
use: { inner: graph://inner }
nodes:
  first:
    set: { v: 1 }
    on_error: { to: rescue }
    next: [{ if: "first.v > 3", to: $fail }, { else: fan }]
  rescue: { set: { v: 2 }, next: $end }
  fan: { parallel: [left, right], next: many }
  left: { set: { value: 1 }, next: further }
  further: { set: { value: 2 } }
  right: { graph: inner, with: { n: 3 } }
  many: { each: twice, over: "${ inputs.ns }", as: x, next: $end }
  twice: { graph: inner, with: { n: "${ x }" } }
outputs: { o: 1 }
"""


def plans() -> dict[str, Plan]:
    compiled = compile_workspace(to_workspace({"inner.yaml": INNER, "outer.yaml": OUTER}), Catalog())
    assert not has_errors(compiled.diagnostics), [str(one) for one in compiled.diagnostics]
    return dict(compiled.plans)


def test_every_way_is_drawn_once() -> None:
    drawing = draw(plans()["outer"], {})
    assert set(drawing.edges) == {
        Edge("__start__", "first"),
        Edge("first", "__end__", "fail", is_conditional=True),
        Edge("first", "fan", None, is_conditional=True),
        Edge("first", "rescue", "error", is_conditional=True),
        Edge("rescue", "__end__"),
        Edge("fan", "left"),
        Edge("fan", "right"),
        Edge("left", "further"),
        Edge("further", "many"),
        Edge("right", "many"),
        Edge("many", "twice", None, is_conditional=True),
        Edge("many", "__end__", None, is_conditional=True),
        Edge("twice", "__end__"),
    }
    assert len(drawing.edges) == len(set(drawing.edges))
    ids = [node.id for node in drawing.nodes]
    assert len(ids) == len(set(ids))
    assert {end for edge in drawing.edges for end in (edge.source, edge.target)} == set(ids)


def test_graphs_inside_take_their_nodes_place() -> None:
    found = plans()
    outer, by_digest = found["outer"], {plan.digest: plan for plan in found.values()}
    assert [(one.node, one.name) for one in inner_of(outer)] == [("right", "inner"), ("twice", "inner")]
    ids = {node.id for node in draw(outer, by_digest, 1).nodes}
    assert {"right:twofold", "twice:twofold"} <= ids
    assert not {"right", "twice"} & ids
    assert {node.inner for node in draw(outer, by_digest, 0).nodes} == {None, "inner"}
    # One whose plan is not there any more stays a node.
    assert {node.id for node in draw(outer, {}, 5).nodes} >= {"right", "twice"}

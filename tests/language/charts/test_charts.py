"""Charts: what is drawn of a graph, and that nothing a graph says breaks a drawing."""

from __future__ import annotations

from itertools import pairwise
from pathlib import Path
from xml.etree import ElementTree

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from girih.language.charts.chart import START, Arrow, Box, Chart, chart_of
from girih.language.charts.layers import layers_of
from girih.language.charts.mermaid import mermaid
from girih.language.charts.outline import outline
from girih.language.charts.svg import svg
from girih.language.compiler.folder import read_folder
from girih.language.compiler.pipeline import compile_workspace
from girih.language.compiler.plan import Plan
from girih.language.compiler.workspace import Workspace

PLANS = compile_workspace(read_folder(Path(__file__).parents[3] / "agent_specs")).plans
GRAPH = """\
kind: graph/v1
name: desk
inputs: { question: string }
use: { m: model://default }
nodes:
  sort:
    llm: m
    prompt: "${ inputs.question }"
    returns: { intent: { enum: [faq, refund] } }
    on_error: { to: sorry }
    next: [{ if: "sort.intent == 'refund'", to: which }, { else: gather }]
  which:
    ask: { message: Which order?, returns: { reply: string }, timeout: 1h, on_timeout: $fail }
    next: { to: sort, max_visits: 3 }
  gather: { parallel: [one, two], join: settled, next: $end }
  one: { set: { x: a } }
  two: { set: { y: b }, next: three }
  three: { set: { z: c } }
  sorry: { end: { status: failed, reason: Sorry } }
limits: { steps: 20 }
"""


def plan(text: str) -> Plan:
    made = compile_workspace(Workspace({"desk.yaml": text}))
    assert made.plans, made.diagnostics
    return made.plans["desk"]


def test_every_way_of_a_graph_is_an_arrow() -> None:
    chart = chart_of(plan(GRAPH))
    assert {(a.source, a.target, a.label, a.kind) for a in chart.arrows} == {
        ("$start", "sort", "", "next"),
        ("sort", "which", "sort.intent == 'refund'", "next"),
        ("sort", "gather", "else", "next"),
        ("sort", "sorry", "on error", "error"),
        ("which", "sort", "at most 3 times", "next"),
        ("which", "$fail", "timeout", "exit"),
        ("gather", "one", "", "branch"),
        ("gather", "two", "", "branch"),
        ("one", "gather/join", "", "join"),
        ("two", "three", "", "next"),
        ("three", "gather/join", "", "join"),
        ("gather/join", "$end", "", "next"),
        ("sorry", "$fail", "", "next"),
    }
    forks = {box.name: box.fork for box in chart.boxes}
    assert forks["three"] == "gather"
    assert forks["gather/join"] is None
    assert len(forks) == len(chart.boxes)


def test_the_outline_reads_from_top_to_bottom() -> None:
    assert outline(chart_of(plan(GRAPH))) == (
        "desk\n"
        "  sort    llm\n"
        "    → which  sort.intent == 'refund'\n"
        "    → gather  else\n"
        "    ⚠ sorry  on error\n"
        "  which   ask\n"
        "    → sort  at most 3 times\n"
        "    ↷ fail  timeout\n"
        "  gather  parallel\n"
        "    ⇉ one\n"
        "    ⇉ two\n"
        "  (join: settled)\n"
        "    → end\n"
        "  sorry   end\n"
        "    → fail\n"
        "    one     set\n"
        "      ⇥ join: settled\n"
        "    two     set\n"
        "      → three\n"
        "    three   set\n"
        "      ⇥ join: settled\n"
    )


def test_mermaid_keeps_the_branches_of_a_fork_together() -> None:
    lines = mermaid(chart_of(plan(GRAPH))).splitlines()
    assert lines[0] == "flowchart TD"
    begin, end = lines.index('  subgraph n3b ["gather"]'), lines.index("  end")
    assert [line.strip() for line in lines[begin + 1 : end]] == [
        'n6["one<br/>set"]',
        'n7["two<br/>set"]',
        'n8["three<br/>set"]',
    ]
    assert "  n1 -->|\"sort.intent == 'refund'\"| n2" in lines
    assert '  n1 -.->|"on error"| n5' in lines


@pytest.mark.parametrize("name", PLANS)
def test_all_examples_can_be_drawn(name: str) -> None:
    chart = chart_of(PLANS[name])
    known = {box.name for box in chart.boxes}
    assert {arrow.source for arrow in chart.arrows} | {arrow.target for arrow in chart.arrows} == known
    assert known > {node.name for node in PLANS[name].nodes}
    ElementTree.fromstring(svg(chart))


NAMES = st.sampled_from([START, *"abcdefgh"])
CHARTS = st.lists(st.tuples(NAMES, NAMES, st.text(max_size=60)), max_size=24)


@settings(max_examples=150, deadline=None)
@given(CHARTS, st.text(max_size=40))
def test_any_chart_is_laid_in_layers_and_drawn(ways: list[tuple[str, str, str]], label: str) -> None:
    arrows = tuple(Arrow(*way) for way in ways)
    chart = Chart(label, tuple(Box(name, label + name, "set") for name in (START, *"abcdefgh")), arrows)
    layers = layers_of(chart)
    row = {name: number for number, names in enumerate(layers.rows) for name in names}
    assert len(row) == sum(map(len, layers.rows))
    for index, chain in layers.chains.items():
        ends = (arrows[index].source, arrows[index].target)
        assert (chain[0], chain[-1]) == (ends[::-1] if index in layers.backwards else ends)
        if chain[0] != chain[-1]:
            assert [row[name] for name in chain] == list(range(row[chain[0]], row[chain[-1]] + 1))
        else:
            assert index in layers.backwards
    ElementTree.fromstring(svg(chart))
    assert len(mermaid(chart).splitlines()) == 1 + len(chart.boxes) + len(arrows)
    assert len(outline(chart).splitlines()) > sum(arrow.source != START for arrow in arrows)


def test_what_a_graph_says_stays_text() -> None:
    said = '<script>alert(1)</script> "; &'
    chart = Chart(said, (Box("a", said, "set"), Box("b", "b", "set")), (Arrow("a", "b", said),))
    texts = "".join(ElementTree.fromstring(svg(chart)).itertext())
    assert texts.count("<script>alert(1)</script>") >= 3
    assert "<script" not in svg(chart)
    assert "<script" not in mermaid(chart)
    assert '"; &' not in mermaid(chart)


def test_a_long_chain_is_drawn_in_a_moment() -> None:
    names = [f"n{number}" for number in range(1000)]
    arrows = tuple(Arrow(a, b) for a, b in pairwise(names))
    layers = layers_of(Chart("long", tuple(Box(name, name, "set") for name in reversed(names)), arrows))
    assert layers.rows == tuple((name,) for name in names)

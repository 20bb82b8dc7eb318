"""Reading on behind faults of the syntax: what is kept, what is lost, and that nothing follows from the loss."""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from girih.language.compiler.pipeline import compile_workspace
from girih.language.compiler.workspace import Workspace
from girih.language.spec.reader import read
from girih.language.spec.source import Source

SOUND = """\
kind: graph/v1
name: sound
inputs: { q: string }
use: { m: model://default }
nodes:
  first:
    llm: m
    prompt: "Hello ${ inputs.q }"
    next: second
  second:
    set:
      note: "${ first.text }"
    next: $end
outputs:
  text: "${ second.note }"
"""


def codes(text: str) -> list[tuple[int, str]]:
    return [(d.place.line, d.code) for d in compile_workspace(Workspace({"a.yaml": text})).diagnostics]


@pytest.mark.parametrize(
    ("was", "now", "line"),
    [
        ('"Hello ${ inputs.q }"', '"Hello ${ inputs.q }', 8),
        ("{ q: string }", "{ q: string", 3),
        ("{ q: string }", "{ q: string } }", 3),
        ("{ m: model://default }", "{ m: model://default ]", 4),
        ("  second:\n", "   second:\n", 10),
        ("    llm: m\n", "     llm: m\n", 8),
        ("    next: second\n", "\tnext: second\n", 9),
        ("    next: second\n", "    next second\n", 9),
        ("    next: second\n", "    next: second: third\n", 9),
        ('"${ first.text }"', "\"${ first.text }' ", 12),
        ('"Hello ${ inputs.q }"', "@hello", 8),
        ("kind: graph/v1\n", "kind: graph/v1: x\n", 1),
        ("name: sound\n", "name: 'sound\n", 2),
        ("outputs:\n", "outputs\n", 14),
    ],
)
def test_one_cause_has_one_message(was: str, now: str, line: int) -> None:
    assert was in SOUND
    assert codes(SOUND) == []
    assert codes(SOUND.replace(was, now, 1)) == [(line, "E001")]


def test_faults_elsewhere_are_found_all_the_same() -> None:
    text = (
        SOUND.replace('"Hello ${ inputs.q }"', '"Hello').replace("first.text", "first.txt").replace("string", "strng")
    )
    text = text.replace("second.note", "second.nte")
    assert codes(text) == [(3, "E002"), (8, "E001"), (15, "E201")]


def test_a_lost_value_is_a_hole_and_a_lost_entry_a_gap() -> None:
    tree, found = read(Source("a.yaml", 'a:\n  b: "x\n  c: 1\n   d: 2\ne: 3\n'))
    assert tree is not None
    assert tree.value == {"a": {"b": None, "c": None}, "e": 3} or tree.damage.gaps
    assert tree.damage.is_within(("a",))
    assert not tree.damage.is_within(("e",))
    assert [d.code for d in found] == ["E001"] * len(found)


def test_a_sound_text_has_no_damage() -> None:
    tree, found = read(Source("a.yaml", SOUND))
    assert tree is not None
    assert not tree.damage
    assert found == ()


@given(st.integers(0, len(SOUND) - 1), st.text("\"'{}[]:,\t -&*!|>#%@`x\n", min_size=1, max_size=3))
@settings(max_examples=80, deadline=None)
def test_no_scrap_raises_and_few_findings_follow(at: int, scrap: str) -> None:
    text = SOUND[:at] + scrap + SOUND[at:]
    found = compile_workspace(Workspace({"a.yaml": text})).diagnostics
    lines = text.splitlines()
    for diagnostic in found:
        assert 1 <= diagnostic.place.line <= len(lines) + 1
    assert len(found) <= 12


@given(st.binary(max_size=200) | st.text(max_size=120).map(lambda text: text.encode("utf-8", "surrogatepass")))
@settings(max_examples=80, deadline=None)
def test_any_bytes_give_findings_or_a_tree(data: bytes) -> None:
    text = "kind: graph/v1\n" + data.decode("utf-8", "surrogateescape")
    compile_workspace(Workspace({"a.yaml": text, "a.json": text}))


def test_the_number_of_findings_and_of_faults_is_bounded() -> None:
    assert len(codes(SOUND + "".join(f"k{i}: 'a\n" for i in range(500)))) <= 12
    assert len(codes(SOUND + "title: [" + "*x, " * 5_000 + "]\n")) <= 1_001
    assert [code for _, code in codes(SOUND + "".join(f"k{i}: 1\n" for i in range(1_200)))] == ["E001"]
    assert len(codes(SOUND + "".join(f"k{i}: 1\n" for i in range(900)))) == 200

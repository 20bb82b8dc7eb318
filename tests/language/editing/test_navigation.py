"""Definitions, references, hovers, other names, outlines, layouts and repairs of what stands in an editor."""

from __future__ import annotations

import pytest
from tests.language.editing.workspace import EXAMPLES, read, room_of, texts_at

from girih.errors import InvalidInput
from girih.language.editing.definitions import definitions, references
from girih.language.editing.formatting import layout_edits
from girih.language.editing.hovers import hover
from girih.language.editing.outlines import outline
from girih.language.editing.positions import Position, Range, edited
from girih.language.editing.reading import Reading
from girih.language.editing.renaming import rename, renamed_at
from girih.language.editing.repairs import repairs
from girih.language.spec.source import Source

GRAPH = """\
kind: graph/v1
name: desk
inputs: { question: string }
use: { m: model://small, kb: knowledge://handbook, refunds: graph://refund-desk }
state: { notes: { type: [string], merge: append } }
start: sort
nodes:
  sort:
    title: 😀 Sorting
    llm: m
    prompt: "😀 Sort ${ inputs.question }"
    returns: { intent: { enum: [faq, refund] } }
    next:
      - { if: "sort.intent == 'faq' && visits('sort') < 3", to: both }
      - { else: last }
  both:
    parallel: [left, right]
    next: last
  left: { set: { x: "😀 ${ sort.intent } ${ sort.intent }" }, write: { notes: "${ [sort.intent] }" } }
  right: { retrieve: kb, query: "${ inputs.question }", on_error: { value: { hits: [] } } }
  last:
    llm: m
    prompt: { file: prompts/last.md, with: { sort: "${ sort }" } }
    on_error: { to: rescue }
    next: $end
  rescue:
    set: { text: "${ errors.last.message }" }
    next: $end
outputs:
  text: { from: [last.text, rescue.text] }
  intent: "${ sort.intent }"
tests:
  - name: a question
    given: { question: why }
    mock: { sort: { intent: refund }, last: { text: so } }
    expect: { path: [sort, last], output: "text == 'so'" }
"""
FILES = {**EXAMPLES, "desk/a.yaml": GRAPH, "desk/prompts/last.md": "Say {{ sort.intent }}."}
FILE = "desk/a.yaml"


@pytest.fixture(scope="module")
def reading() -> Reading:
    found = read(room_of(FILES))
    assert not [d for d in found.analysis.diagnostics if d.place.file == FILE and d.severity == "error"]
    return found


def at(part: str, word: str = "", text: str = GRAPH) -> int:
    """Where a word stands in a part of the graph."""
    assert text.count(part) >= 1
    return text.index(part) + part.rindex(word or part) + 1


@pytest.mark.parametrize(
    ("part", "word", "leads_to"),
    [
        ("start: sort", "sort", (FILE, 8, "sort")),
        ("to: both", "both", (FILE, 16, "both")),
        ("{ else: last", "last", (FILE, 21, "last")),
        ("[left, right]", "right", (FILE, 20, "right")),
        ("to: rescue", "rescue", (FILE, 26, "rescue")),
        ("${ sort.intent } ${", "sort", (FILE, 8, "sort")),
        ("${ sort.intent } ${", "intent", (FILE, 12, "intent")),
        ("visits('sort')", "sort", (FILE, 8, "sort")),
        ("errors.last", "last", (FILE, 21, "last")),
        ('inputs.question }"\n    returns', "question", (FILE, 3, "question")),
        ("write: { notes", "notes", (FILE, 5, "notes")),
        ("llm: m", "m", ("models/small.yaml", 3, "small")),
        ("m: model://small", "model://small", ("models/small.yaml", 3, "small")),
        ("retrieve: kb", "kb", ("collections/handbook.yaml", 3, "handbook")),
        ("graph://refund-desk", "refund", ("refund-desk.yaml", 4, "refund-desk")),
        ("prompts/last.md", "last", ("desk/prompts/last.md", 1, "")),
        ("[last.text, rescue", "last", (FILE, 21, "last")),
        ("mock: { sort", "sort", (FILE, 8, "sort")),
        ("path: [sort, last", "last", (FILE, 21, "last")),
        ("given: { question", "question", (FILE, 3, "question")),
    ],
)
def test_definitions(reading: Reading, part: str, word: str, leads_to: tuple[str, int, str]) -> None:
    (found,) = texts_at(reading, definitions(reading, FILE, at(part, word)))
    assert (found[0], found[2]) == (leads_to[0], leads_to[2])
    assert found[1] == leads_to[1] or leads_to[0] != FILE


def test_nothing_is_defined_where_nothing_is_named(reading: Reading) -> None:
    assert definitions(reading, FILE, at("😀 Sort $", "Sort")) == []
    assert definitions(reading, "desk/prompts/last.md", 0) == []
    assert definitions(reading, "not there", 0) == []


def test_references_are_all_places_of_a_node(reading: Reading) -> None:
    found = texts_at(reading, references(reading, FILE, at("to: rescue", "rescue"), with_definition=True))
    assert [(line, text) for _, line, text in found] == [(24, "rescue"), (26, "rescue"), (30, "rescue")]
    others = references(reading, FILE, at("to: rescue", "rescue"), with_definition=False)
    assert len(others) == 2
    sort = texts_at(reading, references(reading, FILE, at("start: sort", "sort"), with_definition=True))
    assert {text for _, _, text in sort} == {"sort"}
    assert len(sort) == 11


@pytest.mark.parametrize("name", ["sort", "both", "left", "right", "last", "rescue"])
def test_a_node_under_another_name_is_the_same_graph(reading: Reading, name: str) -> None:
    index = GRAPH.index(f"\n  {name}:") + 4
    edits = rename(reading, FILE, index, "other_name")
    # Each is made in the text that the one before has left: from the last to the first.
    text = edited(GRAPH, list(reversed(edits)))
    assert f"  {name}:" not in text.split("tests:")[0]
    after = read(room_of({**FILES, FILE: text}))
    before = [(d.code, d.message.replace(name, "other_name")) for d in reading.analysis.diagnostics]
    assert [(d.code, d.message.replace(name, "other_name")) for d in after.analysis.diagnostics] == before
    unit = after.unit(FILE)
    assert unit is not None
    assert "other_name" in unit.graph.nodes
    assert name not in unit.graph.nodes
    assert len(references(after, FILE, text.index("\n  other_name:") + 4, with_definition=True)) == len(edits)


@pytest.mark.parametrize("new", ["Sort", "1x", "inputs", "item" * 30, "last", "a b", ""])
def test_names_that_a_node_cannot_have(reading: Reading, new: str) -> None:
    with pytest.raises(InvalidInput):
        rename(reading, FILE, at("start: sort", "sort"), new)


def test_only_nodes_have_other_names(reading: Reading) -> None:
    assert renamed_at(reading, FILE, at("llm: m", "m")) is None
    with pytest.raises(InvalidInput, match="no node here"):
        rename(reading, FILE, 2, "other")
    found = renamed_at(reading, FILE, at("${ sort.intent } ${", "sort"))
    assert found is not None
    assert found[0] == "sort"


def test_a_name_that_is_written_with_escapes_is_not_touched() -> None:
    text = GRAPH.replace("start: sort", 'start: "\\x73ort"')
    reading = read(room_of({**FILES, FILE: text}))
    with pytest.raises(InvalidInput, match="start"):
        rename(reading, FILE, text.index("\n  sort:") + 4, "other")


def told(reading: Reading, part: str, word: str = "", file: str = FILE, text: str = GRAPH) -> str:
    found = hover(reading, file, at(part, word, text), lambda code: f"# {code}\n\nIts page.")
    return found.text if found is not None else ""


def test_hovers(reading: Reading) -> None:
    node = told(reading, "to: both", "both")
    assert "`parallel` node" in node
    sort = told(reading, "\n  sort:", "sort")
    assert "😀 Sorting" in sort
    assert "`intent`: one of faq, refund" in sort
    assert told(reading, "${ sort.intent } ${", "intent") == "`sort.intent` is one of faq, refund"
    assert "inputs.question` is text" in told(reading, 'inputs.question }"\n', "question")
    assert "first node of a branch" in told(reading, "    parallel:", "parallel")
    assert "`model://small`" in told(reading, "llm: m", "m")
    prompt = "Say {{ sort.intent }}."
    assert "one of faq, refund" in told(reading, prompt, "intent", "desk/prompts/last.md", prompt)


def test_a_hover_over_a_finding_shows_its_page() -> None:
    text = GRAPH.replace("to: both", "to: bith")
    reading = read(room_of({**FILES, FILE: text}))
    assert "# E101" in told(reading, "to: bith", "bith", text=text)


def test_outlines(reading: Reading) -> None:
    tree = reading.tree(FILE)
    assert tree is not None
    symbols = {symbol.name: symbol for symbol in outline(tree)}
    assert [(s.name, s.detail) for s in symbols["nodes"].children][:2] == [("sort", "llm"), ("both", "parallel")]
    assert [s.name for s in symbols["tests"].children] == ["a question"]


def test_layouts_replace_only_what_changes() -> None:
    text = GRAPH.replace("    next: last\n", "    next:   last\n")
    (edit,) = layout_edits(Source(FILE, text))
    assert edit.range is not None
    assert edited(text, [edit]) == GRAPH
    assert edit.range.end.line - edit.range.start.line == 1
    assert layout_edits(Source(FILE, GRAPH)) == []
    assert layout_edits(Source(FILE, "a: [")) == []


@pytest.mark.parametrize(
    ("right", "wrong"),
    [
        ("to: both", "to: bth"),
        ("${ sort.intent } ${", "${ sort.intnt } ${"),
        ("${ errors", "${ erors"),
        ("retrieve: kb", "retrieve: kbb"),
        ("model://small", "model://smal"),
        ("    returns:", "    retuns:"),
        ("prompts/last.md", "prompts/lst.md"),
        ("mock: { sort", "mock: { srt"),
        ("merge: append", "merge: apend"),
    ],
)
def test_repairs(right: str, wrong: str) -> None:
    assert GRAPH.count(right) == 1
    text = GRAPH.replace(right, wrong)
    room = room_of({**FILES, FILE: text})
    reading = read(room)
    everywhere = Range(Position(0, 0), Position(999, 0))
    found = repairs(reading, FILE, everywhere, room.analysed)
    assert found
    assert edited(text, [found[0].edit(reading.source(FILE))]).replace("desk/prompts", "prompts") == GRAPH


def test_no_repair_that_ends_nothing() -> None:
    room = room_of({"a.yaml": "kind: graph/v1\nname: a\nnodes:\n  x:\n    set: { y: 1 }\n    next: nowhere_at_all\n"})
    assert repairs(read(room), "a.yaml", Range(Position(0, 0), Position(99, 0)), room.analysed) == []

"""Whatever stands in an editor: half a file, a cut one, a hostile one. No question may fail on it."""

from __future__ import annotations

import random

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from tests.language.editing.workspace import EXAMPLES, read, room_of

from girih.language.editing import completion, prompts
from girih.language.editing.cursor import cursor_at
from girih.language.editing.definitions import definitions, references
from girih.language.editing.formatting import layout_edits
from girih.language.editing.hovers import hover
from girih.language.editing.outlines import outline
from girih.language.editing.positions import Edit, Position, Range, edited, index_at, position_at
from girih.language.editing.renaming import renamed_at
from girih.language.editing.repairs import repairs
from girih.language.editing.room import Room
from girih.language.spec.source import Source

SPECS = sorted(name for name in EXAMPLES if name.endswith(".yaml"))
HOSTILE = {
    "object": "kind: graph/v1\nname: evil\nnodes:\n  a:\n    set: { x: !!python/object/apply:os.system [id] }\n",
    "code": 'kind: graph/v1\nname: c\nnodes:\n  a:\n    set: { x: \'${ __import__("os").system("id") }\' }\n',
    "passwd": "kind: graph/v1\nname: p\nuse: { m: 'model://demo' }\nnodes:\n  a:\n    llm: m\n"
    "    prompt: { file: ../../../../etc/passwd }\n    next: $end\n",
    "deep": "kind: graph/v1\nname: d\nnodes: " + "[" * 5000,
    "deeper": "kind: graph/v1\nname: d\nnodes:\n  a:\n    when: '" + "(" * 400 + "'\n    set: { x: 1 }\n",
    "aliases": "a: &a [1,1]\nb: &b [*a,*a]\nkind: graph/v1\nname: b\nnodes: { x: { set: { y: *b } } }\n",
    "tabs": "kind: graph/v1\n\tname: t\n\tnodes:\n\t\ta:\n\t\t\tset: {}\n",
    "nul": "kind: graph/v1\nname: \0\n",
    "surrogate": "kind: graph/v1\nname: \udc80\n",
    "numbers": "kind: graph/v1\nname: 1\nnodes: { 1: { set: 2 }, 2: 3, '': { '': '' } }\ntests: [1, { mock: 3 }]\n",
    "wide": "kind: graph/v1\nname: w\nnodes:\n" + "".join(f"  n{i}: {{ set: {{ x: 1 }} }}\n" for i in range(1200)),
    "line": "kind: graph/v1 # " + "x" * 200_000,
    "quotes": 'kind: graph/v1\nname: "' + "\\" * 999 + "\n'" * 500,
    "huge": "kind: graph/v1\nname: h\n" + "# long\n" * 200_000,
}


def ask_all(room: Room, file: str, index: int) -> None:
    """Every question that an editor may ask at a character."""
    reading = read(room)
    source = reading.source(file)
    options = completion.completions(source, index, reading, room.last_good(file))
    assert all(option.range.start <= option.range.end for option in options)
    prompts.completions(source, index, reading)
    hover(reading, file, index, lambda code: code)
    definitions(reading, file, index)
    references(reading, file, index, with_definition=True)
    renamed_at(reading, file, index)
    tree = reading.tree(file)
    for symbol in outline(tree) if tree is not None else ():
        assert symbol.range.start <= symbol.name_range.start
        assert symbol.name_range.end <= symbol.range.end
    reading.findings()


@pytest.mark.parametrize("file", ["triage.yaml", "order-desk.yaml"])
def test_every_beginning_of_an_example(file: str) -> None:
    room = room_of(EXAMPLES)
    text = EXAMPLES[file]
    for end in (*range(0, len(text), 37), len(text)):
        room.open[file] = text[:end]
        ask_all(room, file, end)


def test_a_cursor_stands_somewhere_at_every_character() -> None:
    for file in SPECS:
        for index in range(len(EXAMPLES[file]) + 1):
            found = cursor_at(EXAMPLES[file], index)
            assert found.at in ("key", "value", "comment")
            assert "\n" not in found.text or found.quote


def test_cuts_and_swaps_of_examples() -> None:
    dice = random.Random(7)
    room = room_of(EXAMPLES)
    for _ in range(80):
        file = dice.choice(SPECS)
        text = EXAMPLES[file]
        start, end = sorted(dice.randrange(len(text) + 1) for _ in range(2))
        piece = dice.choice(["${ ", "}", "'", ": ", "[", "&a ", "*a", "- ", "{% ", "\t", "\r", "😀"])
        room.open[file] = text[:start] + piece + text[min(end, start + 60) :]
        ask_all(room, file, start + len(piece))
        room.open[file] = text


@pytest.mark.parametrize("name", sorted(HOSTILE))
def test_hostile_texts(name: str) -> None:
    text = HOSTILE[name]
    room = room_of({"a.yaml": text, "b.json": text, "p.md": "{{ x." + text[:2000]})
    for index in {0, len(text) // 2, len(text)}:
        ask_all(room, "a.yaml", index)
    ask_all(room, "b.json", len(text))
    ask_all(room, "p.md", 5)
    layout_edits(Source("a.yaml", text))
    reading = read(room)
    repairs(reading, "a.yaml", Range(Position(0, 0), Position(5, 0)), room.analysed)


LINES = st.text(st.sampled_from("ab😀\U0010ffff\n\r\u2028\x0cé "), max_size=40)


@given(LINES, st.integers(-2, 12), st.integers(-2, 30))
@settings(max_examples=200, deadline=None)
def test_every_position_is_a_character(text: str, line: int, character: int) -> None:
    source = Source("a", text)
    index = index_at(source, Position(line, character))
    assert 0 <= index <= len(text)


@given(LINES, st.data())
@settings(max_examples=200, deadline=None)
def test_positions_lead_back_to_their_characters(text: str, data: st.DataObject) -> None:
    index = data.draw(st.integers(0, len(text)))
    source = Source("a", text)
    found = index_at(source, position_at(source, index))
    # Between the two characters of a line's end there is no position.
    assert found == index or text[found:index] == "\r"


def test_changes_of_nothing_and_of_too_much() -> None:
    far = Range(Position(5, 5), Position(900, 900))
    assert edited("a\nb", []) == "a\nb"
    assert edited("a\nb", [Edit(far, "c")]) == "a\nbc"

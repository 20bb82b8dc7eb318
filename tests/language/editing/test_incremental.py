"""What a session finds after any edits is what a fresh compilation finds: what is kept changes only how long it takes."""

from __future__ import annotations

import random

from tests.language.editing.workspace import EXAMPLES, room_of

from girih.language.compiler.pipeline import compile_workspace
from girih.language.compiler.workspace import Workspace
from girih.language.editing.room import Room
from girih.language.spec.memory import Memory, fingerprint

PIECES = ["${ ", " }", "'", '"', ": ", "[", "]", "- ", "\n", "  ", "true", "1", "1.0", "x", "next", "\t", "# ", "&a ", "*a",
          "?", "|\n", ">", "!!int ", "---\n", "😀", "{", "}", ", "]  # fmt: skip


def agree(room: Room) -> None:
    reading = room.analyse()
    room.take(reading)
    fresh = compile_workspace(Workspace(room.files()))
    assert reading.analysis.diagnostics == fresh.diagnostics


def changed(dice: random.Random, text: str) -> str:
    """A text after one edit, as people and accidents make them."""
    lines = text.split("\n")
    at, other = dice.randrange(len(lines)), dice.randrange(len(lines))
    way = dice.randrange(6)
    if way == 0:
        del lines[at]
    elif way == 1:
        lines.insert(other, lines[at])
    elif way == 2:
        lines[at], lines[other] = lines[other], lines[at]
    elif way == 3:
        lines[at] = " " * dice.randrange(6) + lines[at].lstrip()
    else:
        cut = dice.randrange(len(lines[at]) + 1)
        lines[at] = lines[at][:cut] + dice.choice(PIECES) + lines[at][cut + dice.randrange(3) :]
    return "\n".join(lines)


def test_a_session_finds_what_a_compilation_finds() -> None:
    dice = random.Random(41)
    files = {name: text for name, text in EXAMPLES.items() if not name.startswith("bench/")}
    names = sorted(name for name in files if name.endswith(".yaml"))
    room = room_of(files)
    for _ in range(20):
        file = dice.choice(names)
        for _ in range(4):
            room.open[file] = changed(dice, room.open[file])
            agree(room)
        if dice.random() < 0.7:
            room.open[file] = EXAMPLES[file]
            agree(room)
        else:
            room.open |= {file: EXAMPLES[file]}


def test_types_that_are_equal_in_python_alone_are_told_apart() -> None:
    text = (
        "kind: graph/v1\nname: a\nnodes:\n  a:\n    set: { x: 1 }\n    next: b\n"
        '  b:\n    set: { y: "${ a.x ? 1 : 2 }" }\n    next: $end\noutputs: { y: "${ b.y }" }\n'
    )
    room = room_of({"a.yaml": text})
    for value in ("true", "1", "1.0", "true", "'1'", "null", "1"):
        room.open["a.yaml"] = text.replace("x: 1 ", f"x: {value} ")
        agree(room)


def test_fingerprints() -> None:
    values = [
        1,
        1.0,
        True,
        "1",
        None,
        [1],
        {"a": 1},
        {"a": True},
        {"b": 1, "a": 1},
        {"a": 1, "b": 1},
        "x" * 100,
        "\ud800",
    ]
    assert len({fingerprint(value) for value in values}) == len(values)
    assert fingerprint({"a": object()}) is None


def test_what_two_rounds_did_not_ask_for_is_forgotten() -> None:
    memory = Memory()
    memory.put("a", 1)
    memory.begin()
    assert memory.get("a") == 1
    memory.begin()
    assert memory.get("a") == 1
    memory.begin()
    memory.begin()
    assert memory.get("a") is None

"""Reading YAML: values by the core schema, places, and the dialect's refusals."""

from __future__ import annotations

import pytest

from girih.language.spec.diagnostics import Diagnostic
from girih.language.spec.reader import MAX_BYTES, read
from girih.language.spec.source import Source
from girih.language.spec.tree import Tree


def read_sound(text: str) -> Tree:
    tree, found = read(Source("a.yaml", text))
    assert tree is not None
    assert [d for d in found if d.severity == "error"] == []
    return tree


def faults(text: str) -> list[Diagnostic]:
    return list(read(Source("a.yaml", text))[1])


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("on", "on"), ("no", "no"), ("Yes", "Yes"), ("y", "y"), ("true", True), ("FALSE", False), ("tRue", "tRue"),
        ("012", 12), ("0o14", 12), ("0xC", 12), ("-7", -7), ("+7", 7), ("1_000", "1_000"), ("12:30", "12:30"),
        ("1.10", 1.1), (".5", 0.5), ("1e3", 1000.0), ("1.2.0", "1.2.0"), ("2026-01-01", "2026-01-01"),
        ("null", None), ("~", None), ("", None), ("'no'", "no"), ('"1"', "1"), ("=", "="), ("0b1", "0b1"),
        ("9223372036854775807", 2**63 - 1), ("-9223372036854775808", -(2**63)),
    ],
)  # fmt: skip
def test_scalars_stay_what_they_look_like(text: str, value: object) -> None:
    result = read_sound(f"a: {text}\n").value["a"]
    assert result == value
    assert type(result) is type(value)


def test_keys_are_text() -> None:
    assert read_sound("on: 1\n200: 2\nnull: 3\ntrue: 4\n").value == {"on": 1, "200": 2, "null": 3, "true": 4}


@pytest.mark.parametrize(
    ("text", "place", "message"),
    [
        ("a: 1\nb: 2\na: 3\n", (3, 1), "duplicate key 'a' (first defined at 1:1)"),
        ("a: !!str 5\n", (1, 4), "tags"),
        ("a: !python/object:os.system x\n", (1, 4), "tags"),
        ("a: &x [*x]\n", (1, 8), "stands inside"),
        ("a: *y\n", (1, 4), "refers to no anchor"),
        ("a:\n\tb: 1\n", (2, 1), "a tab"),
        ("a:\n  - b\n\t- c\n", (3, 1), "a tab"),
        ("a: 1\n---\nb: 2\n", (2, 1), "second document"),
        ("a: b: c\n", (1, 5), "': ' is not allowed"),
        ("a: 'x\nb: 2\n", (1, 4), "never closed"),
        ("a: {b: 1\nc: 2\n", (1, 4), "not closed"),
        ("a: @x\n", (1, 4), "cannot begin with '@'"),
        ("? [a]\n: 1\n", (1, 3), "a key must be text"),
        ("a: &b {x: 1}\nc:\n  <<: *b\n", (3, 3), "merge keys"),
        ("{ : 1}\n", (1, 3), "a key or a value is missing"),
        ("?\n: 1\n", (1, 2), "a key is missing"),
        ("a: .nan\n", (1, 4), "not a number that JSON"),
        ("a: 1e999\n", (1, 4), "too large"),
        ("a: 9223372036854775808\n", (1, 4), "64 bits"),
        ("a: " + "9" * 5000 + "\n", (1, 4), "64 bits"),
        ("a: \x1b[2J\n", (1, 4), "control character U+001B"),
        ("a: \udcff\n", (1, 4), "not UTF-8"),
        ("%FOO\n---\na: 1\n", (1, 5), "unknown directive"),
    ],
)
def test_refused(text: str, place: tuple[int, int], message: str) -> None:
    (fault,) = faults(text)
    assert fault.code == "E001"
    assert message in fault.message
    assert fault.help
    assert (fault.place.line, fault.place.column) == place


def test_all_faults_that_leave_a_structure_come_at_once() -> None:
    tree, found = read(Source("a.yaml", "a: !x 1\na: 2\nb: *c\nd: .inf\n"))
    assert tree is not None
    assert [d.place.line for d in found] == [1, 2, 3, 4]


def test_duplicate_key_shows_the_first_place() -> None:
    (fault,) = faults("nodes:\n  search: {}\n  answer: {}\n  search: {}\n")
    assert fault.place.line == 4
    assert (fault.related[0].place.line, fault.related[0].place.column) == (2, 3)


def test_depth_is_bounded_in_text_and_through_aliases() -> None:
    assert "deeper than 64" in faults("[" * 100_000)[0].message
    assert "deeper than 64" in faults("{a: " * 70 + "1" + "}" * 70)[0].message
    half = "a: &a " + "[" * 40 + "]" * 40 + "\nb: " + "[" * 40 + "*a" + "]" * 40 + "\n"
    assert "deeper than 64" in faults(half)[0].message
    assert faults("[" * 60 + "]" * 60) == []


def test_an_alias_bomb_is_refused_before_it_is_written_out() -> None:
    lines = ["a: &a [1,1,1,1,1,1,1,1,1,1]"]
    lines += [f"{c}: &{c} [{','.join(['*' + p] * 10)}]" for p, c in zip("abcdefgh", "bcdefghi", strict=True)]
    (fault,) = faults("\n".join(lines))
    assert "aliases written out" in fault.message


def test_size_is_bounded() -> None:
    assert "larger than 1 MB" in faults("a: " + "x" * MAX_BYTES)[0].message
    assert "larger than 1 MB" in faults("a: " + "ä" * (MAX_BYTES // 2))[0].message


def test_anchors_are_values() -> None:
    assert read_sound("a: &x { k: [1, 2] }\nb: *x\n").value == {"a": {"k": [1, 2]}, "b": {"k": [1, 2]}}


def test_what_an_alias_brings_stands_at_the_alias() -> None:
    tree = read_sound("a: &x { k: text }\nb: *x\n")
    assert tree.at(("b", "k")).line == 2
    assert tree.at(("a", "k")).line == 1


@pytest.mark.parametrize("text", ["yes", "No", "on", "OFF", "012", "089", "12:30", "1_000"])
def test_traps_are_warned_of(text: str) -> None:
    (trap,) = faults(f"a: {text}\n")
    assert (trap.code, trap.severity) == ("W003", "warning")
    assert "quote it" in str(trap.help)
    assert (trap.place.line, trap.place.column, trap.place.length) == (1, 4, len(text))
    assert faults(f"a: '{text}'\n") == []
    assert faults(f"{text}: a\n") == []


def test_places_of_values_and_keys() -> None:
    tree = read_sound("kind: graph/v1\nnodes:\n  answer: { llm: small }\nlist:\n  - one\n  - two # why\n")
    assert (tree.at(("nodes", "answer", "llm")).line, tree.at(("nodes", "answer", "llm")).column) == (3, 18)
    assert (tree.key_at(("nodes", "answer")).line, tree.key_at(("nodes", "answer")).length) == (3, 6)
    assert (tree.at(("list", 1)).line, tree.at(("list", 1)).column, tree.at(("list", 1)).length) == (6, 5, 3)
    assert tree.at(("nodes", "answer", "missing", 3)) == tree.at(("nodes", "answer"))
    assert tree.key_at(("list", 0)) == tree.at(("list", 0))


def test_byte_order_mark_and_windows_line_ends() -> None:
    tree = read_sound("\ufeffa: 1\r\nb: x\r\n")
    assert tree.value == {"a": 1, "b": "x"}
    assert (tree.at(("b",)).line, tree.at(("b",)).column) == (2, 4)


def test_lines_are_those_of_an_editor() -> None:
    tree = read_sound("a: 'x\u2028y'\nb: 2\n")
    assert tree.at(("b",)).line == 2


def test_an_empty_file_is_an_empty_tree() -> None:
    assert read_sound("").value is None
    assert read_sound("# only a comment\n").value is None


@pytest.mark.parametrize(
    "written",
    [
        "foo ${ x } bar",
        "'it''s ${ x }'",
        '"tab\\t \\u00e4 \\x41 \\U0001F600 \\"q\\" ${ x }"',
        "|\n  one\n\n    two ${ x }\n  three\n",
        "|+\n  one ${ x }\n\n",
        "|2-\n    indented ${ x }\n  less",
        ">\n  folded\n  here ${ x }\n\n  para\n    more\n    indented\n  end\n",
        ">-\n\n  starts late ${ x }\n",
        "plain\n  goes on ${ x }\n\n  here",
        '"folded\n  in quotes \\\n   joined ${ x }\n\n  para"',
        "'single\n  folded ${ x }\n\n  para'",
        "&anchor text ${ x }",
        "&anchor |\n  block ${ x }\n",
    ],
)
def test_every_character_has_its_place(written: str) -> None:
    tree = read_sound(f"before: 1\na: {written}\nafter: 2\n")
    value = tree.value["a"]
    place = tree.inside(("a",), value.index("${"), 6)
    assert tree.source.line(place.line)[place.column - 1 : place.column + 5] == "${ x }"
    assert place.length == 6
    for offset, char in enumerate(value):
        spot = tree.inside(("a",), offset)
        shown = tree.source.line(spot.line)[spot.column - 1 : spot.column]
        assert shown == char or char in " \n" or shown in "\\'", (offset, char, shown)


def test_inside_falls_back_to_the_whole_value() -> None:
    tree = read_sound("a: text\nb: 5\n")
    assert tree.inside(("a",), 99) == tree.at(("a",))
    assert tree.inside(("b",), 0) == tree.at(("b",))
    assert tree.inside(("c",), 0) == tree.at(("c",))

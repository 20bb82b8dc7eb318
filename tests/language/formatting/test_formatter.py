"""The formatter: one layout, every comment, the same meaning, and nothing more to do the second time."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import pytest
import yaml
from hypothesis import assume, given, settings
from hypothesis import strategies as st

from girih.language.formatting.formatter import formatted
from girih.language.spec.canonical import canonical_json
from girih.language.spec.reader import read
from girih.language.spec.source import Source

ROOT = Path(__file__).parents[3]
SPECS = sorted(
    path
    for folder in ("agent_specs", "tests/language/cases", "tests/language/mutated", "docs/examples")
    for path in (ROOT / folder).rglob("*.y*ml")
)
COMMENT = re.compile(r"#.*$", re.MULTILINE)


def fmt(text: str, name: str = "graph.yaml") -> str:
    return formatted(Source(name, text))[0]


def value(text: str) -> Any:
    tree, found = read(Source("graph.yaml", text))
    assert tree is not None
    assert not [finding for finding in found if finding.severity == "error"]
    return tree.value


@pytest.mark.parametrize("path", SPECS, ids=lambda path: str(path.relative_to(ROOT)))
def test_every_spec_there_is_keeps_its_meaning_and_its_comments(path: Path) -> None:
    text = path.read_bytes().decode("utf-8", "surrogateescape")
    source = Source(path.name, text)
    once, found = formatted(source)
    if found:
        assert once == text, "what is not sound stays as it is"
        return
    assert formatted(Source(path.name, once)) == (once, ())
    before, after = read(source)[0], read(Source(path.name, once))[0]
    assert before is not None
    assert after is not None
    assert canonical_json(before.value) == canonical_json(after.value)
    assert [line.rstrip() for line in COMMENT.findall(text)] == [line.rstrip() for line in COMMENT.findall(once)]


@pytest.mark.parametrize("path", sorted((ROOT / "agent_specs").rglob("*.yaml")), ids=lambda path: path.name)
def test_our_own_specs_are_formatted(path: Path) -> None:
    assert fmt(path.read_text(), path.name) == path.read_text()


CASES = {
    "indentation": (
        "kind: graph/v1\nnodes:\n    answer:\n          llm: model\n          next:\n          - a\n          -   b\n",
        "kind: graph/v1\nnodes:\n  answer:\n    llm: model\n    next:\n      - a\n      - b\n",
    ),
    "dashes at the column of their key": (
        "a:\n- one\n-  two:  2\n   three:    3\n- - x\n  - y\nb: 1\n",
        "a:\n  - one\n  - two: 2\n    three: 3\n  - - x\n    - y\nb: 1\n",
    ),
    "spaces side by side": (
        "a :   {b :  1,c: [ 1,2 , 3 ],d: {},e: [ ]}   # why\n",
        "a: { b: 1, c: [1, 2, 3], d: {}, e: [] }   # why\n",
    ),
    "flow over several lines": (
        "a:\n    b: { c: 1,\n         d: [\n  1,\n          2],\n  e: 3\n    }\n",
        "a:\n  b: { c: 1,\n    d: [\n      1,\n      2],\n    e: 3\n    }\n",
    ),
    "texts in lines of their own": (
        "a:\n      b: |\n            one\n              two\n\n            three\n\n\n\n      c: >-\n         x\n         y\n",
        "a:\n  b: |\n    one\n      two\n\n    three\n\n  c: >-\n    x\n    y\n",
    ),
    "texts with an indentation of their own": (
        "a:\n    b: |2\n        one\n      two\n",
        "a:\n  b: |2\n      one\n    two\n",
    ),
    "long plain and quoted texts": (
        "a:\n      one\n      two\nb: \"one\n         two\"\nc: 'x\n  y'\n",
        "a:\n  one\n  two\nb: \"one\n  two\"\nc: 'x\n  y'\n",
    ),
    "comments": (
        "# top\n\n\n# more\na:\n      # of b\n      b: 1    # kept apart\n      # the end of a\n# of c\nc: 1\n   # at the end\n",
        "# top\n\n# more\na:\n  # of b\n  b: 1    # kept apart\n  # the end of a\n# of c\nc: 1\n# at the end\n",
    ),
    "line ends and blank lines": ("\r\n\r\na: 1   \r\n\r\n\r\n\r\nb: 2\r\n\r\n", "a: 1\n\nb: 2\n"),
    "what looks like other values": ("a: no\nb: 012\nc: 1.10\nd: ~\ne:\nf: '1'\n", None),
    "a text in lines of its own at the end, without a line end": ("a:\n- |-\n  no", "a:\n  - |-\n    no"),
    "a text that keeps its blank lines": ("a: |+\n    x\n\n\n", "a: |+\n  x\n\n\n"),
    "an empty file": ("", ""),
    "only a comment": ("# nothing yet", "# nothing yet\n"),
}


@pytest.mark.parametrize(("before", "after"), CASES.values(), ids=CASES)
def test_the_layout(before: str, after: str | None) -> None:
    after = before if after is None else after
    assert fmt(before) == after
    assert fmt(after) == after


def test_json_is_laid_out_as_json() -> None:
    text = fmt('{"kind":"graph/v1","name":"x", "é": [1, 2.50]}', "graph.json")
    assert text == '{\n  "kind": "graph/v1",\n  "name": "x",\n  "é": [\n    1,\n    2.5\n  ]\n}\n'


@pytest.mark.parametrize("text", ["a: [1\nb: 2\n", "a: 1\na: 2\n", "\ta: 1\n", "a: !x 1\n", "{"])
def test_what_is_not_sound_stays_as_it_is(text: str) -> None:
    result, found = formatted(Source("graph.yaml", text))
    assert result == text
    assert [finding.code for finding in found] == ["E001"] * len(found)
    assert found


TEXT = st.text("ab:#-{}[],'\" |>é%@`&*!?\n", max_size=12) | st.sampled_from(
    ["no", "012", "~", "1.10", "${ inputs.x }", "a # b", "line\nline\n\n  deeper\n", "x" * 130, "word " * 40]
)
SCALARS = st.none() | st.booleans() | st.integers(-99, 99) | st.floats(allow_nan=False, allow_infinity=False) | TEXT
VALUES = st.recursive(
    SCALARS,
    lambda inner: (
        st.lists(inner, max_size=4) | st.dictionaries(st.sampled_from(["a", "next", "x y", "1"]), inner, max_size=4)
    ),
    max_leaves=12,
)


@st.composite
def documents(draw: Any) -> str:
    """A document as somebody might have written it: any indentation, flow or not, comments where they may stand."""
    content = draw(st.dictionaries(st.sampled_from(["kind", "name", "nodes", "use", "outputs"]), VALUES, min_size=1))
    text: str = yaml.safe_dump(
        content,
        indent=draw(st.integers(2, 7)),
        width=draw(st.sampled_from([20, 60, 1000])),
        default_flow_style=draw(st.sampled_from([True, False, None])),
        default_style=draw(st.sampled_from([None, None, "'", '"', "|", ">"])),
        allow_unicode=True,
        sort_keys=False,
    )
    lines = text.splitlines()
    for number in draw(st.lists(st.integers(0, len(lines)), max_size=4)):
        lines.insert(number, " " * draw(st.integers(0, 9)) + "# why " + str(number))
    if draw(st.booleans()) and lines[0].startswith("{"):
        lines[-1] += "  # behind"
    return "\n".join(lines) + "\n" * draw(st.integers(0, 3))


@settings(max_examples=1000, deadline=None)
@given(documents())
def test_any_document_keeps_its_meaning_and_comments_and_settles(text: str) -> None:
    tree, found = read(Source("graph.yaml", text))
    assume(tree is not None and not any(finding.severity == "error" for finding in found))
    assert tree is not None
    once, _ = formatted(Source("graph.yaml", text))
    assert canonical_json(value(once)) == canonical_json(tree.value)
    assert fmt(once) == once
    assert sorted(re.findall("# why [0-9]+", text)) == sorted(re.findall("# why [0-9]+", once))

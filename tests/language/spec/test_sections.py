"""A text that is read entry by entry is read as it is as a whole: values, places and findings."""

from __future__ import annotations

import pytest

from girih.language.spec.memory import Memory
from girih.language.spec.reader import read
from girih.language.spec.source import Source

TEXTS = {
    "sound": "# a\nkind: graph/v1\nnodes: # b\n\n  # c\n  a: { set: { x: 1 } }\n  b:\n    llm: m\n# d\n  c: |\n    x\n\nend: no\n",
    "comment that is none": "nodes:# x\n  a: 1\n",
    "before the margin": "  kind: x\nname: y\n",
    "bracket at the margin": "kind: x\n{ a: 1 }\n",
    "quote over the margin": "kind: 'x\nname: y'\nz: 1\n",
    "anchor": "kind: &a x\nname: *a\n",
    "anchor in a node": "nodes:\n  a: &a { x: 1 }\n  b: *a\n",
    "twice": "kind: x\nkind: y\n",
    "node twice": "nodes:\n  a: 1\n  a: 2\n",
    "nodes twice": "nodes:\n  a: 1\nnodes:\n  b: 1\n",
    "two documents": "kind: x\n---\nname: y\n",
    "explicit": "? kind\n: x\n",
    "tag": "kind: !!str x\nname: y\n",
    "tab": "kind:\tx\n",
    "old line ends": "kind: x\rname: y\r",
    "ends of windows": "kind: x\r\nnodes:\r\n  a:\r\n    set: {}\r\n",
    "odd line ends": "kind: x\u2028name: y\n",
    "margin of nodes": "nodes:\n    a: 1\n  b: 2\n",
    "traps": "kind: yes\nnodes:\n  a: { x: no }\n  b: { y: 012 }\n",
    "list": "- a\n- b\n",
    "empty": "",
}


@pytest.mark.parametrize("text", TEXTS.values(), ids=list(TEXTS))
def test_the_same_as_at_once(text: str) -> None:
    whole, found = read(Source("a.yaml", text))
    memory = Memory()
    for before in ("", "# moved\n\n"):
        read(Source("a.yaml", before + text), memory)
    again, same = read(Source("a.yaml", text), memory)
    assert same == found
    assert (whole is None) is (again is None)
    if whole is not None and again is not None:
        assert repr(again.value) == repr(whole.value)
        assert {path: again.at(path) for path in again.spots} == {path: whole.at(path) for path in whole.spots}
        assert {path: again.key_at(path) for path in again.spots} == {path: whole.key_at(path) for path in whole.spots}
        assert len(again.spots) == len(whole.spots)

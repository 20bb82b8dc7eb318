"""One cause, one message: findings that only say again that a part of the text could not be read are left out."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping

from girih.language.spec.diagnostics import Diagnostic, Place
from girih.language.spec.tree import Path, Tree

# What nobody can know when names may be missing: the codes, by the part of the graph that is not whole.
_NAMES = frozenset({"E101", "E102", "E103", "E105", "E107", "E201", "E203"})
_UNKNOWABLE: dict[Path, frozenset[str]] = {
    (): _NAMES | {"E401"},
    ("nodes",): _NAMES,
    ("inputs",): frozenset({"E201"}),
    ("use",): frozenset({"E401"}),
    ("start",): frozenset({"E102", "E103", "E107", "E203"}),
    ("limits",): frozenset({"E105"}),
}
_SYNTAX = "E001"
_TEXT_WARNING = "W003"
_MISREAD = frozenset({"E001", "E002", "E101"})
_LOCAL = frozenset({"W003", "W204"})


def without_consequences(found: Iterable[Diagnostic], trees: Mapping[str, Tree]) -> list[Diagnostic]:
    """The findings without those that may come from what a damaged tree has lost, instead of from what it says."""
    found = list(found)
    # What is not used, nobody can say of a file that was not read as a whole.
    misread = {d.place.file for d in found if d.code in _MISREAD and d.severity == "error"}
    found = [d for d in found if d.severity == "error" or d.code in _LOCAL or d.place.file not in misread]
    damaged = {name: _Sieve(tree) for name, tree in trees.items() if tree.damage}
    return [d for d in found if (sieve := damaged.get(d.place.file)) is None or not sieve.holds(d)]


class _Sieve:
    def __init__(self, tree: Tree) -> None:
        lost = tree.damage.holes | tree.damage.gaps
        self._lines = tree.damage.lines
        self._codes = frozenset(code for path in lost for code in _UNKNOWABLE.get(path, ()))
        self._places = frozenset(_places_of_the_missing(tree))

    def holds(self, diagnostic: Diagnostic) -> bool:
        """Whether a finding may be a consequence."""
        if diagnostic.code == _SYNTAX or diagnostic.severity == "warning":
            return diagnostic.code not in (_SYNTAX, _TEXT_WARNING)
        if diagnostic.place.line in self._lines or diagnostic.code in self._codes:
            return True
        return diagnostic.code == "E002" and diagnostic.place in self._places


def _places_of_the_missing(tree: Tree) -> Iterator[Place]:
    """Where findings stand that miss something: at the key of what lost an entry."""
    for path in tree.damage.gaps:
        yield tree.key_at(path or ("kind",))
    if {("inputs",), ()} & {*tree.damage.holes, *tree.damage.gaps}:
        yield tree.at(("chat", "input"))
    if {("outputs",), ()} & {*tree.damage.holes, *tree.damage.gaps}:
        yield tree.at(("chat", "output"))

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
    wrong = {d.place for d in found if d.code == "E002"}
    found = [d for d in found if d.code != _TEXT_WARNING or d.place not in wrong]
    boundless = {name for name, tree in trees.items() if _lost_limits(tree, found)}
    found = [d for d in found if d.code != "E105" or d.place.file not in boundless]
    stateless = {name for name, tree in trees.items() if _lost_state(tree, found)}
    found = [
        d for d in found if not (d.code == "E203" and d.place.file in stateless and d.message.startswith("'state."))
    ]
    unread = {name for name, tree in trees.items() if _lost_inputs(tree, found)}
    found = [d for d in found if not (d.code == "E201" and d.place.file in unread and _NO_INPUT in d.message)]
    damaged = {name: _Sieve(tree) for name, tree in trees.items() if tree.damage}
    return [d for d in found if (sieve := damaged.get(d.place.file)) is None or not sieve.holds(d)]


_NO_INPUT = "there is no input"


def _lost_state(tree: Tree, found: Iterable[Diagnostic]) -> bool:
    """Whether a value of the state could not be read, so that nobody knows what it begins as."""
    faults = {d.place for d in found if d.code == "E002" and d.place.file == tree.source.name}
    state = tree.get(("state",))
    values = [(name, key) for name, value in state.items() for key in value if isinstance(value, dict)] if isinstance(
        state, dict) else []  # fmt: skip
    return any(tree.at(("state", *path)) in faults for path in values)


def _lost_limits(tree: Tree, found: Iterable[Diagnostic]) -> bool:
    """Whether a limit could not be read."""
    faults = {d.place for d in found if d.code == "E002" and d.place.file == tree.source.name}
    limits = tree.get(("limits",))
    names = limits if isinstance(limits, dict) else ()
    return any({tree.at(("limits", name)), tree.key_at(("limits", name))} & faults for name in names)


def _lost_inputs(tree: Tree, found: Iterable[Diagnostic]) -> bool:
    """Whether an input could not be read, so that nobody knows what inputs there are."""
    faults = {d.place for d in found if d.code == "E002" and d.place.file == tree.source.name}
    inputs = tree.get(("inputs",))
    names = inputs if isinstance(inputs, dict) else ()
    return tree.at(("inputs",)) in faults or any(tree.key_at(("inputs", name)) in faults for name in names)


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


def _last_before(tree: Tree) -> Iterator[Path]:
    """The nodes, and the mappings in them, that end where lines are left out: these may have belonged to them."""
    first = min(tree.damage.lines, default=0)
    last: dict[int, tuple[int, Path]] = {}
    for path in tree.spots:
        if 2 <= len(path) <= _DEEPEST and path[0] == "nodes" and isinstance(tree.get(path), dict):
            line = tree.key_at(path).line
            if line < first and line >= last.get(len(path), (0, ()))[0]:
                last[len(path)] = (line, path)
    yield from (path for _, path in last.values())


_DEEPEST = 4


def _places_of_the_missing(tree: Tree) -> Iterator[Place]:
    """Where findings stand that miss something: at the key of what lost an entry."""
    for path in (*tree.damage.gaps, *_last_before(tree)):
        yield tree.key_at(path or ("kind",))
    if {("inputs",), ()} & {*tree.damage.holes, *tree.damage.gaps}:
        yield tree.at(("chat", "input"))
    if {("outputs",), ()} & {*tree.damage.holes, *tree.damage.gaps}:
        yield tree.at(("chat", "output"))

"""Whatever is done to the published examples, they are still right, or a finding stands where it was done.

`python tests/language/test_mutations.py [HOW MANY]` prints the share for many mutations, and those without.
"""

from __future__ import annotations

import random
import re
import sys
from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

from girih.language.compiler.folder import is_spec, read_folder
from girih.language.compiler.pipeline import compile_workspace
from girih.language.compiler.workspace import Workspace
from girih.language.spec import render
from girih.language.spec.diagnostics import Diagnostic
from girih.language.spec.source import Source

EXAMPLES = Path(__file__).parents[2] / "agent_specs"
OF_EVERY_KIND = Path(__file__).parent / "mutated"
FILES = {
    path: text
    for path, text in read_folder(EXAMPLES).files.items()
    if not path.startswith(("schemas", "handbook/", "bench"))
}
FILES |= read_folder(OF_EVERY_KIND).files
UNTOUCHED = frozenset(compile_workspace(Workspace(FILES)).diagnostics)
SPECS = [path for path, text in FILES.items() if is_spec(path, text)]
SCRAPS = ["nodes", "next", "$end", "${ a }", "${", "}", "a.b.c", "null", "5", "[]", "{}", "'", '"', "model://x", "else"]
OTHER_TYPES = ["5", "true", "[x]", "{ x: 1 }", "null", "word"]

KEY = re.compile(r"(?<![\w.$\"'])([A-Za-z_]\w*)(?=:(?:\s|$))")
WORD = re.compile(r"(?<![\w])([A-Za-z_]\w{2,})(?!\w|:\s|:$)")
VALUE = re.compile(r"(?<=: )(\"[^\"\n]*\"|[^\s\[\]{},\"'|>&*#][^\n\[\]{},#]*?)(?=\s*(?:[,}\]#]|$))", re.MULTILINE)


@dataclass(frozen=True)
class Mutation:
    """A changed text, and the lines of it that were changed, from 1."""

    text: str
    lines: tuple[int, ...]
    what: str


def typo(word: str, chance: random.Random) -> str:
    """The word with one letter dropped, doubled, or swapped with its neighbour."""
    at = chance.randrange(len(word))
    kind = chance.randrange(3)
    if kind == 0 and len(word) > 2:
        return word[:at] + word[at + 1 :]
    if kind == 1 and at + 1 < len(word) and word[at] != word[at + 1]:
        return word[:at] + word[at + 1] + word[at] + word[at + 2 :]
    return word[:at] + word[at] + word[at:]


def without_comments(text: str) -> str:
    return re.sub(r"(?m)^\s*#.*$", lambda found: " " * len(found.group()), text)


def line_of(text: str, index: int) -> int:
    return text.count("\n", 0, index) + 1


def one_of(pattern: re.Pattern[str], text: str, chance: random.Random) -> re.Match[str]:
    return chance.choice(list(pattern.finditer(without_comments(text))))


def misspelt_key(text: str, chance: random.Random) -> Mutation:
    found = one_of(KEY, text, chance)
    new = typo(found[1], chance)
    return Mutation(
        text[: found.start(1)] + new + text[found.end(1) :], (line_of(text, found.start()),), f"key {found[1]} → {new}"
    )


def misspelt_word(text: str, chance: random.Random) -> Mutation:
    found = one_of(WORD, text, chance)
    new = typo(found[1], chance)
    return Mutation(
        text[: found.start(1)] + new + text[found.end(1) :], (line_of(text, found.start()),), f"word {found[1]} → {new}"
    )


def deleted_line(text: str, chance: random.Random) -> Mutation:
    lines = text.splitlines(keepends=True)
    at = chance.choice([i for i, line in enumerate(lines) if line.strip() and not line.lstrip().startswith("#")])
    return Mutation("".join(lines[:at] + lines[at + 1 :]), (at, at + 1), f"without {lines[at].strip()[:60]}")


def swapped_values(text: str, chance: random.Random) -> Mutation:
    values = list(VALUE.finditer(without_comments(text)))
    one, other = sorted(chance.sample(values, 2), key=lambda found: found.start())
    new = text[: one.start()] + other[0] + text[one.end() : other.start()] + one[0] + text[other.end() :]
    return Mutation(new, (line_of(text, one.start()), line_of(text, other.start())), f"{one[0][:30]} ↔ {other[0][:30]}")


def retyped_value(text: str, chance: random.Random) -> Mutation:
    found = one_of(VALUE, text, chance)
    new = chance.choice(OTHER_TYPES)
    return Mutation(
        text[: found.start()] + new + text[found.end() :], (line_of(text, found.start()),), f"{found[0][:40]} → {new}"
    )


def lost_character(text: str, chance: random.Random) -> Mutation:
    found = one_of(re.compile(r"[\"'{}\[\]:,]"), text, chance)
    at = found.start()
    return Mutation(text[:at] + text[at + 1 :], (line_of(text, at),), f"without {found[0]} in line {line_of(text, at)}")


MUTATIONS: tuple[Callable[[str, random.Random], Mutation], ...] = (
    misspelt_key,
    misspelt_word,
    deleted_line,
    swapped_values,
    retyped_value,
    lost_character,
)


def mutations(seed: int, count: int) -> Iterator[tuple[str, str, Mutation]]:
    """The kind, the file, and the mutation."""
    chance = random.Random(seed)
    for i in range(count):
        change = MUTATIONS[i % len(MUTATIONS)]
        path = chance.choice([path for path in SPECS if change is not swapped_values or len(FILES[path]) > 200])
        yield change.__name__, path, change(FILES[path], chance)


def findings(path: str, mutation: Mutation) -> tuple[Diagnostic, ...]:
    found = compile_workspace(Workspace({**FILES, path: mutation.text})).diagnostics
    return tuple(d for d in found if d not in UNTOUCHED)


def is_near(path: str, mutation: Mutation, found: tuple[Diagnostic, ...]) -> bool:
    """Whether one of the findings, or what it points to, is on or next to a changed line, or at a key around it."""
    places = [place for d in found for place in (d.place, *(related.place for related in d.related))]
    lines = [line for changed in mutation.lines for line in (*around(mutation.text, changed), changed)]
    return any(place.file == path and abs(place.line - line) <= 1 for place in places for line in lines)


def around(text: str, line: int) -> Iterator[int]:
    """The lines of the keys that a line stands below, but for those at the left edge."""
    lines = text.splitlines()
    indent = min((len(one) - len(one.lstrip()) for one in lines[max(0, line - 2) : line + 1] if one.strip()), default=0)
    indent = max(
        (len(one) - len(one.lstrip()) for one in lines[max(0, line - 1) : line] if one.strip()), default=indent
    )
    for above in range(line - 1, 0, -1):
        own = len(lines[above - 1]) - len(lines[above - 1].lstrip())
        if lines[above - 1].strip() and 0 < own < indent:
            indent = own
            yield above


@pytest.mark.parametrize("seed", range(2))
def test_nearly_every_fault_is_found_where_it_is(seed: int) -> None:
    checked = [(path, m, findings(path, m)) for _, path, m in mutations(seed, 60)]
    faulty = [(path, m, found) for path, m, found in checked if found]
    near = [m for path, m, found in faulty if is_near(path, m, found)]
    assert len(faulty) > 25
    assert len(near) >= 0.9 * len(faulty), [m.what for path, m, found in faulty if not is_near(path, m, found)]


def scrambled(text: str, chance: random.Random) -> str:
    lines = text.splitlines(keepends=True)
    at = chance.randrange(len(text) + 1)
    if chance.random() < 0.3 and len(lines) > 1:
        lines.pop(chance.randrange(len(lines)))
        return "".join(lines)
    if chance.random() < 0.5:
        return text[:at] + chance.choice(SCRAPS) + text[at:]
    return text[:at] + text[at + chance.randint(1, 12) :]


@pytest.mark.parametrize("seed", range(8))
def test_compiling_never_raises(seed: int) -> None:
    chance = random.Random(seed)
    for _ in range(15):
        files = dict(FILES)
        path = chance.choice(sorted(files))
        for _ in range(chance.randint(1, 3)):
            files[path] = scrambled(files[path], chance)
        diagnostics = compile_workspace(Workspace(files)).diagnostics
        sources = {name: Source(name, text) for name, text in files.items()}
        for diagnostic in diagnostics:
            lines = sources[diagnostic.place.file].lines
            assert 1 <= diagnostic.place.line <= len(lines)
            assert diagnostic.place.column <= len(lines[diagnostic.place.line - 1]) + 1
        assert render.text(diagnostics, sources).count(":") >= len(diagnostics)


def report(count: int) -> None:
    """Print the share of mutations with a finding near, by kind, and how many findings one fault gets."""
    total: Counter[str] = Counter()
    near: Counter[str] = Counter()
    right: Counter[str] = Counter()
    sizes: Counter[int] = Counter()
    for kind, path, mutation in mutations(2026, count):
        found = findings(path, mutation)
        total[kind] += 1
        right[kind] += not found
        if found and is_near(path, mutation, found):
            near[kind] += 1
        elif found:
            print(f"FAR  {path}:{mutation.lines} {mutation.what}")
            print("".join(f"       {line}\n" for line in render.concise(found[:3]).splitlines()), end="")
        if found:
            sizes[min(len(found), 6)] += 1
        if len(found) > 3:
            print(f"MANY {path}:{mutation.lines} {mutation.what}")
            print("".join(f"       {line}\n" for line in render.concise(found[:6]).splitlines()), end="")
    for kind in total:
        faulty = total[kind] - right[kind]
        print(f"{kind:16} {total[kind]:5} of which right {right[kind]:4}, near {near[kind]} of {faulty}")
    faulty = total.total() - right.total()
    print(
        f"near or right: {(near.total() + right.total()) / total.total():.1%}; near, of the faulty: {near.total() / faulty:.1%}"
    )
    print("findings per fault:", dict(sorted(sizes.items())))


if __name__ == "__main__":
    report(int(sys.argv[1]) if len(sys.argv) > 1 else 2000)

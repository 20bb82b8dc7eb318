"""Whatever is done to the example workspace's texts, compiling it gives findings and never an exception."""

from __future__ import annotations

import random
from pathlib import Path

import pytest

from girih.language.compiler.folder import read_folder
from girih.language.compiler.pipeline import compile_workspace
from girih.language.compiler.workspace import Workspace
from girih.language.spec import render
from girih.language.spec.source import Source

EXAMPLES = Path(__file__).parents[2] / "agent_specs"
FILES = {
    path: text for path, text in read_folder(EXAMPLES).files.items() if not path.startswith(("schemas", "handbook/"))
}
SCRAPS = ["nodes", "next", "$end", "${ a }", "${", "}", "a.b.c", "null", "5", "[]", "{}", "'", '"', "model://x", "else"]


def mutated(text: str, chance: random.Random) -> str:
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
            files[path] = mutated(files[path], chance)
        diagnostics = compile_workspace(Workspace(files)).diagnostics
        sources = {name: Source(name, text) for name, text in files.items()}
        for diagnostic in diagnostics:
            lines = sources[diagnostic.place.file].lines
            assert 1 <= diagnostic.place.line <= len(lines)
            assert diagnostic.place.column <= len(lines[diagnostic.place.line - 1]) + 1
        assert render.text(diagnostics, sources).count(":") >= len(diagnostics)

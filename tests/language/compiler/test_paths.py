"""What has certainly run at a point: by bits and by search, and against every path of small graphs written out."""

from __future__ import annotations

import random
from collections.abc import Iterator

import pytest

from girih.language.compiler.pipeline import compile_workspace
from girih.language.compiler.workspace import Workspace

HEAD = "kind: graph/v1\nname: made\ninputs: { a: boolean, b: boolean, tier: { enum: [x, y, z] } }\nnodes:\n"
CONDITIONS = (
    "inputs.a",
    "!inputs.a",
    "inputs.b",
    "inputs.tier == 'x'",
    "inputs.tier in ['x', 'y']",
    "inputs.tier != 'z'",
)
TRUTH = {
    "inputs.a": lambda a, b, tier: a,
    "!inputs.a": lambda a, b, tier: not a,
    "inputs.b": lambda a, b, tier: b,
    "inputs.tier == 'x'": lambda a, b, tier: tier == "x",
    "inputs.tier in ['x', 'y']": lambda a, b, tier: tier in ("x", "y"),
    "inputs.tier != 'z'": lambda a, b, tier: tier != "z",
}
WORLDS = [(a, b, tier) for a in (True, False) for b in (True, False) for tier in ("x", "y", "z")]


class Line:
    """Nodes in a row, each perhaps passed over, left early, or failing over to a later one."""

    def __init__(self, seed: int) -> None:
        dice = random.Random(seed)
        self.size = dice.randint(3, 6)
        self.when = [dice.choice(CONDITIONS) if dice.random() < 0.4 else None for _ in range(self.size)]
        later = [list(range(i + 1, self.size)) for i in range(self.size)]
        self.skip = [
            (dice.choice(CONDITIONS), dice.choice(later[i])) if len(later[i]) > 1 and dice.random() < 0.5 else None
            for i in range(self.size)
        ]
        self.fails = [dice.choice(later[i]) if later[i] and dice.random() < 0.2 else None for i in range(self.size)]
        self.reader = self.size - 1
        self.read = dice.randrange(self.size - 1)

    def text(self) -> str:
        lines = []
        for i in range(self.size):
            value = f"${{ n{self.read}.v }}" if i == self.reader else str(i)
            after = f"n{i + 1}" if i + 1 < self.size else "$end"
            routes = [f'{{ if: "{self.skip[i][0]}", to: n{self.skip[i][1]} }}'] if self.skip[i] else []
            parts = [f'set: {{ v: "{value}" }}', f"next: [{', '.join([*routes, f'{{ else: {after} }}'])}]"]
            parts += [f'when: "{self.when[i]}"'] if self.when[i] else []
            parts += [f"on_error: {{ to: n{self.fails[i]} }}"] if self.fails[i] else []
            lines.append(f"  n{i}: {{ {', '.join(parts)} }}")
        return HEAD + "\n".join(lines) + "\n"

    def runs(self) -> Iterator[bool]:
        """For every run that asks for the value: whether it is there."""
        for world in WORLDS:
            waiting: list[tuple[int, bool]] = [(0, False)]
            while waiting:
                i, has = waiting.pop()
                runs = self.when[i] is None or TRUTH[self.when[i]](*world)
                if i == self.reader:
                    if runs:
                        yield has
                    continue
                if runs and self.fails[i]:
                    waiting.append((self.fails[i], has))
                now = has or (runs and i == self.read)
                skip = self.skip[i]
                waiting.append((skip[1] if skip and TRUTH[skip[0]](*world) else i + 1, now))


@pytest.mark.parametrize("seed", range(150))
def test_a_value_is_certain_exactly_when_every_run_has_it(seed: int) -> None:
    line = Line(seed)
    found = compile_workspace(Workspace({"a.yaml": line.text()})).diagnostics
    reached = list(line.runs())
    told = [d for d in found if d.code == "E203" and f"n{line.read}.v" in d.message]
    assert not [d for d in found if d.code not in ("E102", "E203")], line.text()
    if any(d.code == "E102" for d in found):
        return
    assert bool(told) == (not all(reached)), line.text()

"""How long an editor waits, in processor time, after a keystroke: `python tests/benchmarks/editing.py`."""

from __future__ import annotations

import gc
import time
from collections.abc import Callable

from compiling import graph

from girih.language.editing.completion import completions
from girih.language.editing.hovers import hover
from girih.language.editing.room import Room
from girih.language.spec.source import Source

SIZES = (20, 100, 500)
REPEATS = 12
FILE = "a.yaml"


def best(work: Callable[[int], object]) -> float:
    """The least of several times, in milliseconds: other work on the machine is not the editor's."""
    found = []
    for number in range(REPEATS):
        began = time.process_time()
        work(number)
        found.append(time.process_time() - began)
    return min(found) * 1000


def measure(nodes: int) -> tuple[float, float, float, float]:
    """Milliseconds for the findings after a keystroke in a sound and in a broken text, a completion, and a hover."""
    text = graph(nodes, 1)
    middle = f"n{nodes // 2}.score > 1."
    room = Room(None)
    room.open[FILE] = text
    room.take(room.analyse())

    def keystroke(number: int) -> None:
        room.open[FILE] = text.replace(middle, f"{middle}{number}")
        room.take(room.analyse())

    def broken(number: int) -> None:
        room.open[FILE] = text.replace(f"n{nodes // 2}:\n    llm: m", f"n{nodes // 2}:\n    llm: [m{number}")
        room.take(room.analyse())

    typed = best(keystroke), best(broken)
    room.open[FILE] = text
    room.take(room.analyse())
    half = text.replace(middle, f"n{nodes // 2}.")
    index = half.index(f"n{nodes // 2}. ") + len(f"n{nodes // 2}.") if f"n{nodes // 2}. " in half else len(half)
    source = Source(FILE, half)
    reading, unit = room.reading, room.last_good(FILE)
    if reading is None or not completions(source, index, reading, unit):
        raise SystemExit("nothing is offered")
    shown = text.index(middle) + len(f"n{nodes // 2}.s")
    if hover(reading, FILE, shown, lambda _: None) is None:
        raise SystemExit("nothing is shown")
    return (
        *typed,
        best(lambda _: completions(source, index, reading, unit)),
        best(lambda _: hover(reading, FILE, shown, lambda _: None)),
    )


def main() -> None:
    """One line for each size; in each column the best of several rounds.

    As in the language server, garbage is not looked for meanwhile: that is done when the editor rests.
    """
    gc.disable()
    print("  nodes   findings   after a fault   completion      hover")
    for nodes in SIZES:
        gc.collect()
        found, broken, offered, shown = measure(nodes)
        print(f"{nodes:>7} {found:>7.1f} ms {broken:>12.1f} ms {offered:>9.1f} ms {shown:>7.1f} ms")


if __name__ == "__main__":
    main()

"""Counts the cells of the proofs by carrying them out: `python -m tests.security.count` prints a table."""

from __future__ import annotations

import re
import subprocess
import sys
from collections import Counter

_CELLS = re.compile(r"^([a-z ]+): (\d+) cells", re.MULTILINE)
_PASSED = re.compile(r"^PASSED tests/security/test_(parity|yaml)\.py::\w+\[", re.MULTILINE)


def count() -> int:
    """Carry the proofs out and print how many cells each has; gives the exit status of the tests."""
    arguments = ["-q", "-n0", "-p", "no:cacheprovider", "-rA", "tests/security"]
    done = subprocess.run([sys.executable, "-m", "pytest", *arguments], capture_output=True, text=True, check=False)
    cells: Counter[str] = Counter()
    for name, number in _CELLS.findall(done.stdout):
        cells[name] += int(number)
    for name in _PASSED.findall(done.stdout):
        cells[name] += 1
    for name, number in sorted(cells.items()):
        print(f"{name:12} {number:6,}")
    print(f"{'all':12} {cells.total():6,}")
    print(done.stdout.strip().splitlines()[-1])
    return done.returncode


if __name__ == "__main__":
    sys.exit(count())

"""Whether a page's block of output is what its commands said: `python said.py FILE [wait]`, the block on stdin.

Each line of the block has to be a line of the file, in this order; times in brackets may differ. With `wait`, the file
is still being written, and is looked at again until the lines are there. What was found is cut off the file's front.
"""

from __future__ import annotations

import re
import sys
import time
from pathlib import Path

PATIENCE = 90.0
"""Seconds to wait for a line."""
TIME = re.compile(r"\(\d+(\.\d+)? m?s\)")


def place_behind(wanted: list[str], lines: list[str]) -> int | None:
    """Where the last of the wanted lines stands, plus one; `None` where one is missing."""
    at = 0
    for line in wanted:
        try:
            at = lines.index(line, at) + 1
        except ValueError:
            return None
    return at


def lines_of(text: str) -> list[str]:
    return [TIME.sub("(time)", line.rstrip()) for line in text.splitlines()]


def main() -> int:
    path, waits = Path(sys.argv[1]), sys.argv[2:] == ["wait"]
    cursor = path.with_name(f"{path.name}.seen")
    seen = int(cursor.read_text()) if cursor.exists() else 0
    wanted, deadline = [line for line in lines_of(sys.stdin.read()) if line], time.monotonic() + PATIENCE
    while (found := place_behind(wanted, lines_of(path.read_text())[seen:])) is None:
        if not waits or time.monotonic() > deadline:
            print("expected\n" + "\n".join(wanted) + "\nin\n" + path.read_text(), file=sys.stderr)
            return 1
        time.sleep(0.1)
    if waits:
        cursor.write_text(str(seen + found))
    return 0


if __name__ == "__main__":
    sys.exit(main())

"""Publishes a workspace when `girih dev` starts, and again whenever a file in it changes."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Iterator, Mapping
from contextlib import suppress
from pathlib import Path

SUFFIXES = frozenset({".yaml", ".yml", ".json", ".jsonl", ".csv", ".md", ".txt", ".j2", ".py"})
"""Specs, and the prompts, programs and cases they name."""

Snapshot = dict[str, tuple[int, int]]


def snapshot(workspace: Path) -> Snapshot:
    """What the workspace's files look like now: path to time of change and size. Hidden ones do not count."""
    return {path: (info.st_mtime_ns, info.st_size) for path, info in _files(workspace)}


def changed(before: Snapshot, now: Snapshot) -> list[str]:
    """The paths that were added, removed or written between two looks."""
    return sorted(path for path in before.keys() | now.keys() if before.get(path) != now.get(path))


def publish(workspace: Path, environment: Mapping[str, str]) -> int:
    """`girih apply WORKSPACE`, which shows what changed or what is wrong; its exit code."""
    return girih(["apply", str(workspace)], environment)


def girih(arguments: list[str], environment: Mapping[str, str]) -> int:
    """Run a command of girih as anyone would type it, all its output on this process's stdout; its exit code."""
    sys.stdout.flush()
    command = [sys.executable, "-m", "girih.cli", *arguments]
    return subprocess.run(command, env=dict(environment), stderr=subprocess.STDOUT, check=False).returncode  # noqa: S603 - our own command, no shell


def _files(workspace: Path) -> Iterator[tuple[str, os.stat_result]]:
    for folder, inner, names in os.walk(workspace):
        inner[:] = [name for name in inner if not name.startswith(".")]
        for path in (Path(folder, name) for name in names if not name.startswith(".")):
            with suppress(OSError):  # removed between two looks
                if path.suffix in SUFFIXES:
                    yield str(path), path.stat()

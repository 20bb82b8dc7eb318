"""Keeps the parts of a local girih running: starts them in order, restarts one that ends, stops them in reverse."""

from __future__ import annotations

import signal
import subprocess
import threading
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Protocol, TypeVar

from girih.embedded.processes import end, spawn
from girih.errors import GirihError

TICK = 0.2
"""Seconds between two looks at the parts."""

BACK_OFF = (0.0, 1.0, 2.0, 5.0, 10.0)
"""Seconds to wait before the first, second … restart in a row; the last one repeats."""

STEADY = 30.0
"""Seconds a part has to run for its restarts to be forgotten."""


class Running(Protocol):
    """Something that was started."""

    pid: int

    def running(self) -> bool:
        """Whether it is still there."""
        ...

    def stop(self) -> None:
        """End it and wait until it has."""
        ...


R = TypeVar("R", bound=Running)


@dataclass
class Program:
    """A running program of ours, stopped gently first."""

    process: subprocess.Popen[bytes]
    patience: float
    pid: int

    def running(self) -> bool:
        """Whether it has not ended."""
        return self.process.poll() is None

    def stop(self) -> None:
        """SIGTERM, and after `patience` seconds SIGQUIT, then its whole group is killed."""
        end(self.process, ((signal.SIGTERM, self.patience), (signal.SIGQUIT, 3.0)))


@dataclass
class Part:
    """One kept part, the way to start it, and how its restarts went."""

    name: str
    start: Callable[[], Running]
    current: Running
    since: float = field(default_factory=time.monotonic)
    restarts: int = 0
    due: float | None = None


class Supervisor:
    """Parts in the order they were started. `say` is told in one line whatever happens to one of them."""

    def __init__(self, say: Callable[[str], None]) -> None:
        self._say = say
        self._parts: list[Part] = []
        self._stopping = threading.Event()
        self._lock = threading.Lock()
        self._watcher = threading.Thread(target=self._watch, name="girih-supervisor", daemon=True)
        self.changed: Callable[[], None] = lambda: None
        """Called after a restart, when pids are new."""

    def keep(self, name: str, start: Callable[[], R]) -> R:
        """Start a part and keep it running from now on; raises what `start` raises."""
        current = start()
        with self._lock:
            self._parts.append(Part(name, start, current))
        if not self._watcher.is_alive():
            self._watcher.start()
        return current

    def pids(self) -> dict[str, int]:
        """Which process each part is right now."""
        with self._lock:
            return {part.name: part.current.pid for part in self._parts}

    def restarts(self, name: str) -> int:
        """How often in a row a part had to be started again."""
        with self._lock:
            return sum(part.restarts for part in self._parts if part.name == name)

    def stop(self) -> None:
        """Stop every part, the last one started first."""
        self._stopping.set()
        if self._watcher.is_alive():
            self._watcher.join()
        while self._parts:
            self._parts.pop().current.stop()

    def _watch(self) -> None:
        while not self._stopping.wait(TICK):
            for part in tuple(self._parts):
                self._look(part, time.monotonic())

    def _look(self, part: Part, now: float) -> None:
        if part.current.running():
            if now - part.since > STEADY:
                part.restarts = 0
            return
        if part.due is None:
            pause = BACK_OFF[min(part.restarts, len(BACK_OFF) - 1)]
            part.due, part.restarts = now + pause, part.restarts + 1
            self._say(f"the {part.name} ended; starting it again" + (f" in {pause:.0f} s" if pause else ""))
        if now >= part.due:
            self._restart(part)

    def _restart(self, part: Part) -> None:
        part.due = None
        try:
            current = part.start()
        except (GirihError, OSError) as fault:  # no room on the disk, no more processes: it may be better next time
            self._say(f"the {part.name} did not start: {fault}")
            return
        with self._lock:
            part.current, part.since = current, time.monotonic()
        self.changed()


def run_program(command: Sequence[str | Path], *, log: Path, env: Mapping[str, str], patience: float = 10.0) -> Program:
    """Start one of our own programs; killed with this process on Linux."""
    process = spawn(command, log=log, env=env)
    return Program(process, patience, process.pid)

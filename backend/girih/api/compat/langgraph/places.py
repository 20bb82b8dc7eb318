"""Where in a graph an event happened, in LangGraph's words: the namespace, the node, and its task."""

from __future__ import annotations

import re
import uuid
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass

from girih.language.spec.tree import JsonObject

_PART = re.compile(r"[^/\[]+(?:\[[^\]]*\])*")


@dataclass(frozen=True, slots=True)
class Where:
    """A node's task. `ns` names the tasks around it, as `name:id`."""

    ns: tuple[str, ...]
    node: str
    task: str
    step: int

    @property
    def name(self) -> str:
        """The task's own namespace, as metadata hold it."""
        return "|".join((*self.ns, f"{self.node}:{self.task}"))


class Places:
    """Counts the visits of nodes, so that each has a task of its own; the same for everybody who reads the log."""

    def __init__(self, run_id: str) -> None:
        self._run_id = run_id
        self._visits: Counter[str] = Counter()
        self._under_way: set[str] = set()
        self._steps: Counter[tuple[str, ...]] = Counter()
        self._noted: tuple[Where | None, int, JsonObject] = None, 0, {}
        self._known: dict[str, Where] = {}
        """Where paths are, until something else begins."""

    def begin(self, path: str) -> Where:
        """A node's work begins, or goes on after a wait, or again after a crash: that is the same task."""
        if path not in self._under_way:
            self._under_way.add(path)
            self._visits[path] += 1
            self._known.clear()
            self._steps[self._find(path).ns] += 1
        return self.of(path)

    def end(self, path: str) -> None:
        """It is done with."""
        self._under_way.discard(path)

    def of(self, path: str) -> Where:
        """Where a path is now."""
        known = self._known.get(path)
        if known is None:
            known = self._known[path] = self._find(path)
        return known

    def noted(self, where: Where | None, attempt: int, note: Callable[[], JsonObject]) -> JsonObject:
        """What is noted of a place in an attempt (from 1), made anew only where either is not the one of last time."""
        if self._noted[0] is not where or self._noted[1] != attempt:
            self._noted = where, attempt, note()
        return self._noted[2]

    def _find(self, path: str) -> Where:
        parts = _PART.findall(path)
        ns: list[str] = []
        so_far = ""
        for part in parts[:-1]:
            so_far = f"{so_far}/{part}" if so_far else part
            ns.append(f"{part.partition('[')[0]}:{self._task(so_far)}")
        return Where(tuple(ns), parts[-1], self._task(path), self._steps[tuple(ns)])

    def _task(self, path: str) -> str:
        visits = self._visits[path] or self._visits[path.partition("[")[0]]
        return str(uuid.uuid5(uuid.NAMESPACE_OID, f"{self._run_id}:{path}#{max(1, visits)}"))

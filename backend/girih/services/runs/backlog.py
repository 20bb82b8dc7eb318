"""A run's events that are not written yet: some may be at any time, some only with the commit that makes them true."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import TypeAlias

from girih.engine.events import NewEvent

Covers: TypeAlias = Callable[[str], bool]
"""Whether a commit keeps what was done in a namespace."""


def everything(ns: str) -> bool:
    """A commit that ends the run, or lets it wait, keeps all of it."""
    del ns
    return True


def nothing(ns: str) -> bool:
    """A commit of events alone keeps nothing."""
    del ns
    return False


def within(prefix: str) -> Covers:
    """A checkpoint keeps what was done in its namespace, and in those of all that was run from there."""
    return lambda ns: ns.startswith(prefix)


def of_records(ns: str, keys: frozenset[str]) -> Covers:
    """Records keep what was done in their own namespace, that of a branch which is one node.

    Those of a visit, in `VISIT/`, keep what was done in its branches `NAME[KEY]/`.
    """
    prefix = ns.removesuffix("/") + "."

    def covers(done: str) -> bool:
        if keys and done.startswith(ns):
            return True
        if not done.startswith(prefix):
            return False
        _, _, key = done[len(prefix) :].partition("/")[0].partition("[")
        return key.removesuffix("]") in keys

    return covers


@dataclass(slots=True)
class Entry:
    """An event, and whether it waits for a commit."""

    event: NewEvent
    waits: bool


class Backlog:
    """Events in the order they were emitted.

    `node.finished` waits for a commit that keeps the node's result, so that no node whose result would have to be
    worked out again has been said to have finished. What follows it in its namespace, or in one around it, waits with
    it; what goes on beside it does not.
    """

    def __init__(self) -> None:
        self._entries: list[Entry] = []
        self._waited_for: set[str] = set()
        self.ready = 0
        """How many events wait for nothing."""

    def add(self, event: NewEvent) -> None:
        """One more event."""
        entry = Entry(event, waits=event.type == "node.finished" or self._is_behind(event.ns))
        self._entries.append(entry)
        self._note(entry)

    def take(self, covers: Covers) -> list[Entry]:
        """Remove the events that a commit which keeps so much can be written with."""
        taken: list[Entry] = []
        left: list[Entry] = []
        for entry in self._entries:
            (left if entry.waits and not covers(entry.event.ns) else taken).append(entry)
        self._set(left)
        return taken

    def put_back(self, entries: list[Entry]) -> None:
        """The commit did not come to pass."""
        self._set([*entries, *self._entries])

    def clear(self) -> None:
        """Forget all of them."""
        self._set([])

    def _set(self, entries: list[Entry]) -> None:
        self._entries = entries
        self._waited_for.clear()
        self.ready = 0
        for entry in entries:
            entry.waits = entry.event.type == "node.finished" or self._is_behind(entry.event.ns)
            self._note(entry)

    def _note(self, entry: Entry) -> None:
        if entry.waits:
            self._waited_for.add(entry.event.ns)
        else:
            self.ready += 1

    def _is_behind(self, ns: str) -> bool:
        waited_for = self._waited_for
        return bool(waited_for) and (ns in waited_for or any(other.startswith(ns) for other in waited_for))

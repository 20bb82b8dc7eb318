"""The seals of an audit log: each is a hash of its entry and of the seal before, so that no entry changes alone."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable
from datetime import UTC
from typing import Final

from girih.language.spec.canonical import canonical_json
from girih.services.audit.schemas import AuditEntryOut, AuditVerdict

FIRST: Final = "0" * 64
"""What stands for the seal before the first entry."""


def seal_of(entry: AuditEntryOut, before: str) -> str:
    """The seal of an entry (64 hexadecimal digits) that follows one with the seal `before`."""
    told = {
        "number": entry.number,
        "at": entry.at.astimezone(UTC).isoformat(timespec="microseconds"),
        "project_id": str(entry.project_id) if entry.project_id else None,
        "actor": entry.actor,
        "action": entry.action,
        "target": entry.target,
        "details": entry.details,
        "before": before,
    }
    return hashlib.sha256(canonical_json(told).encode()).hexdigest()


class Verification:
    """Reads a log from its first entry on, in order, and notes where it no longer holds."""

    def __init__(self) -> None:
        self._before = FIRST
        self._read = 0
        self._broken: int | None = None

    def read(self, entries: Iterable[AuditEntryOut]) -> None:
        """The next entries."""
        for entry in entries:
            self._read += 1
            is_next = entry.number == self._read
            if self._broken is None and not (is_next and seal_of(entry, self._before) == entry.seal):
                self._broken = min(entry.number, self._read)
            self._before = entry.seal

    def verdict(self) -> AuditVerdict:
        """What was found."""
        head = self._before if self._read else None
        return AuditVerdict(holds=self._broken is None, entries=self._read, first_broken=self._broken, head=head)

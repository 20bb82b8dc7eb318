"""How a run begins to wait: what is told of it, and what is recorded in the same commit."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from uuid import UUID

from girih.engine.context import OpenPause
from girih.engine.events import NewEvent
from girih.language.spec.tree import JsonObject
from girih.services.runs.plain import dump, is_storable, storable_text

NOT_STORABLE = "what a wait for an event looks for holds text that cannot be compared (NUL, or half a character)"


@dataclass(frozen=True)
class Interruption:
    """The pauses a run is interrupted by, each with the moment it ends at the latest."""

    pauses: Sequence[tuple[OpenPause, datetime | None]]

    @classmethod
    def of(cls, pauses: Sequence[OpenPause], known: Mapping[str, datetime | None]) -> Interruption:
        """The pauses with their deadlines; one that was open before keeps the deadline it had."""
        now = datetime.now(UTC)
        return cls([(pause, known[pause.id] if pause.id in known else _deadline(pause, now)) for pause in pauses])

    @property
    def fault(self) -> str | None:
        """Why this cannot be recorded, if it cannot."""
        fits = all(is_storable(pause.request.details.get("match")) for pause, _ in self.pauses)
        return None if fits else NOT_STORABLE

    @property
    def next_deadline(self) -> datetime | None:
        """The first moment at which one of them is over."""
        return min((moment for _, moment in self.pauses if moment is not None), default=None)

    def event(self) -> NewEvent:
        """What the run's feed says."""
        return NewEvent("run.interrupted", {"interrupts": [_shown(*one) for one in self.pauses]}, datetime.now(UTC))

    def columns(self) -> tuple[list[object], ...]:
        """The arguments of `interrupt_run` that hold the pauses, column by column."""
        rows = [_row(*one) for one in self.pauses]
        return tuple(list(column) for column in zip(*rows, strict=True))


def _deadline(pause: OpenPause, now: datetime) -> datetime | None:
    request = pause.request
    if request.kind == "timer" and "until" in request.details:
        return datetime.fromisoformat(request.details["until"])
    return now + timedelta(seconds=request.timeout) if request.timeout is not None else None


def _shown(pause: OpenPause, expires_at: datetime | None) -> JsonObject:
    request = pause.request
    return {
        "id": pause.id,
        "node": pause.node,
        "kind": request.kind,
        "message": request.message,
        "schema": request.schema,
        "details": request.details,
        "expires_at": expires_at.isoformat() if expires_at is not None else None,
    }


def _row(pause: OpenPause, expires_at: datetime | None) -> tuple[object, ...]:
    request = pause.request
    is_event = request.kind == "event"
    return (
        UUID(pause.id),
        request.kind,
        storable_text(pause.node),
        storable_text(request.message),
        dump(request.schema),
        dump(request.details),
        request.details["event"] if is_event else None,
        dump(request.details.get("match") or {}) if is_event else None,
        expires_at,
    )

"""Tells the courier of this process when a run that it executed has something to tell."""

from __future__ import annotations

from collections.abc import Sequence

from girih.engine.events import NewEvent
from girih.services.runs.repository import Claim
from girih.services.webhooks.courier import Courier


class Bell:
    """Watches runs. What it misses (ends without a process, ends elsewhere) the courier finds by looking."""

    def __init__(self, courier: Courier) -> None:
        self._courier = courier

    def begun(self, claim: Claim) -> None:
        """Nothing is told of a beginning."""

    def recorded(self, claim: Claim, events: Sequence[NewEvent]) -> None:
        """Nothing is told on the way."""

    def left(self, claim: Claim, reason: str) -> None:
        """It has ended, or waits."""
        if claim.has_webhook and reason in ("ended", "interrupted"):
            self._courier.ring()

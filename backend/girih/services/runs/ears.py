"""What this process does when the doorbell rings: readers get the news of their runs, and runs learn to stop."""

from __future__ import annotations

from dataclasses import dataclass
from uuid import UUID

from girih.services.runs.mirror import Mirrors
from girih.services.runs.reconciler import Reconciler


@dataclass(frozen=True)
class Ears:
    """Passes each ring on to whom it concerns here, if it concerns anybody."""

    mirrors: Mirrors
    reconciler: Reconciler

    def has_news(self, run_id: UUID) -> None:
        """The run has new events."""
        self.mirrors.has_news(run_id)

    def is_to_stop(self, run_id: UUID) -> None:
        """Somebody asked the run to stop."""
        self.reconciler.is_to_stop(run_id)

    def may_have_missed(self) -> None:
        """Rings may have been lost."""
        self.mirrors.all_may_have_news()
        self.reconciler.may_be_asked()

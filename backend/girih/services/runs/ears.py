"""What this process does when the doorbell rings: readers get news, runs learn to stop, references are looked up."""

from __future__ import annotations

from dataclasses import dataclass
from uuid import UUID

from girih.services.runs.mirror import Mirrors
from girih.services.runs.ports import Agents
from girih.services.runs.reconciler import Reconciler


@dataclass(frozen=True)
class Ears:
    """Passes each ring on to whom it concerns here, if it concerns anybody."""

    mirrors: Mirrors
    reconciler: Reconciler
    agents: Agents

    def has_news(self, run_id: UUID) -> None:
        """The run has new events."""
        self.mirrors.has_news(run_id)

    def is_to_stop(self, run_id: UUID) -> None:
        """Somebody asked the run to stop."""
        self.reconciler.is_to_stop(run_id)

    def has_moved(self, project_id: UUID) -> None:
        """References to agents of the project may mean something else."""
        self.agents.changed(project_id)

    def may_have_missed(self) -> None:
        """Rings may have been lost."""
        self.agents.changed(None)
        self.mirrors.all_may_have_news()
        self.reconciler.may_be_asked()

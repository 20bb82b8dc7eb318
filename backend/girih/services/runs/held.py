"""A run in the hands of this process: the task that executes it, its slot, and why it is to stop."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from dataclasses import dataclass
from typing import Literal

from girih.services.runs.feed import Feed
from girih.services.runs.repository import Claim

Reason = Literal["cancel", "release", "lost"]
"""Why this process stops a run: somebody asked for it, the process ends, or the run is another process's now."""


@dataclass
class Held:
    """A run this process holds. `stop` works once, and not any more when the graph has come to its end."""

    claim: Claim
    feed: Feed
    give_back: Callable[[], None]
    """Returns the run's slot; `let_go` calls it, once."""
    task: asyncio.Task[None] | None = None
    reason: Reason | None = None
    beyond_stopping: bool = False
    is_let_go: bool = False

    def let_go(self) -> None:
        """Return the slot, if that has not happened yet."""
        if not self.is_let_go:
            self.is_let_go = True
            self.give_back()

    def stop(self, reason: Reason) -> None:
        """Stop executing the graph; what happens then depends on the reason."""
        if self.reason is None and not self.beyond_stopping and self.task is not None:
            self.reason = reason
            self.task.cancel()

"""How often tools are called: one bucket for each tool of a project, shared by all processes."""

from __future__ import annotations

from dataclasses import dataclass

from girih.db.tenancy import OrgScope
from girih.db.unit_of_work import UnitOfWork
from girih.errors import Unavailable
from girih.services.tools import repository


@dataclass(frozen=True)
class ProjectRates:
    """The `Rates` that the tools of one project ask."""

    uow: UnitOfWork
    scope: OrgScope

    async def take(self, tool: str, per_minute: int) -> float | None:
        """Take one call; else the seconds until one is certainly there again, for who asks alone.

        While the database does not answer a call is not refused: the run itself waits for it soon enough.
        """
        try:
            async with self.uow(self.scope) as work:
                is_taken = await repository.take(work, self.scope, tool, per_minute)
        except Unavailable:
            return None
        return None if is_taken else 60 / per_minute

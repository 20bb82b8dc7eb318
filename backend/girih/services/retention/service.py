"""How long a project keeps what has ended: asked, set, and told to whoever still wants some of it."""

from __future__ import annotations

from dataclasses import asdict
from datetime import datetime

from girih.db.tenancy import OrgScope
from girih.db.unit_of_work import UnitOfWork
from girih.services.audit.service import record
from girih.services.retention import repository
from girih.services.retention.schemas import KINDS, Retention, RetentionDays, RetentionIn, RetentionOut, cutoff
from girih.services.retention.tables import RetentionPolicy

AS_SHIPPED = Retention()


class RetentionService:
    """Keeps the policies of all projects. `defaults` hold where a project has set nothing."""

    def __init__(self, uow: UnitOfWork, defaults: Retention = AS_SHIPPED) -> None:
        self._uow = uow
        self._defaults = defaults

    async def retention(self, scope: OrgScope) -> RetentionOut:
        """What holds for the project."""
        async with self._uow(scope) as work:
            return self._out(await repository.policy(work, scope))

    async def set_retention(self, scope: OrgScope, body: RetentionIn) -> RetentionOut:
        """Replace what the project has set itself. What is gone already does not come back."""
        async with self._uow(scope) as work:
            now = await repository.moment(work)
            await repository.put(work, scope, **body.model_dump(), changed_at=now, swept_at=None)
            await record(work, "retention.set", f"project:{scope.project_id}", **body.model_dump())
            return self._out(await repository.policy(work, scope))

    async def checkpoints_since(self, scope: OrgScope) -> datetime | None:
        """Runs that ended before that have lost their checkpoints, or are about to; `None`: none of them."""
        async with self._uow(scope) as work:
            row = await repository.policy(work, scope)
            held, now = self.of(row), await repository.moment(work)
        moments = [cutoff(held.checkpoints_days, now), cutoff(held.runs_days, now)]
        moments.append(row.checkpoints_until if row is not None else None)
        return max((moment for moment in moments if moment is not None), default=None)

    def of(self, row: RetentionPolicy | None) -> Retention:
        """The days that hold for a project with that row."""
        own = {name: value for name in KINDS if (value := getattr(row, name, None)) is not None}
        return Retention(**asdict(self._defaults) | own)

    def _out(self, row: RetentionPolicy | None) -> RetentionOut:
        return RetentionOut(
            effective=RetentionDays(**asdict(self.of(row))),
            own=RetentionIn(**{name: getattr(row, name, None) for name in KINDS}),
            swept_at=row.swept_at if row is not None else None,
        )

"""Model calls outside of runs: asked of the budgets before, and added to the day's counts after."""

from __future__ import annotations

from decimal import Decimal

from girih.db.tenancy import OrgScope
from girih.db.unit_of_work import UnitOfWork
from girih.language.nodes.ports import Usage
from girih.services.usage import repository
from girih.services.usage.allowances import Allowances


class Metering:
    """Counts what ingestions use of models, where the usage of runs is counted."""

    def __init__(self, uow: UnitOfWork, allowances: Allowances) -> None:
        self._uow = uow
        self._allowances = allowances

    async def require(self, scope: OrgScope) -> None:
        """Raise `BudgetExceeded` when a budget of the scope's organization or project is used up."""
        await self._allowances.require(scope)

    async def record(self, scope: OrgScope, what_for: tuple[str, str], model: tuple[str, str], usage: Usage,
                     error: str | None) -> None:  # fmt: skip
        """Add one call: what it was made for (as agent and node), who answered (model and provider), what it used."""
        self._allowances.count(scope, usage, is_written=False)
        row = {
            "org_id": scope.org_id,
            "project_id": scope.project_id,
            "actor": scope.actor,
            "agent": what_for[0],
            "node": what_for[1],
            "model": model[0],
            "provider": model[1],
            "calls": 1,
            "errors": 0 if error is None else 1,
            "input_tokens": usage.input_tokens,
            "output_tokens": usage.output_tokens,
            "cost_usd": Decimal(str(usage.cost_usd)),
        }
        async with self._uow(scope) as work:
            await repository.add(work, row)
        self._allowances.count(scope, usage, is_written=True)

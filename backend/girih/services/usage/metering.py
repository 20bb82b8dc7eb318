"""Model calls outside of runs: held against the budgets before, and added to the day's counts after."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from decimal import Decimal
from typing import TypeAlias
from uuid import UUID

from girih.db.tenancy import OrgScope
from girih.db.unit_of_work import UnitOfWork
from girih.language.nodes.ports import ModelRequest, Usage
from girih.language.spec.tree import JsonObject
from girih.services.usage import repository
from girih.services.usage.allowances import Allowances
from girih.services.usage.bounds import bound_of

Documents: TypeAlias = Callable[[OrgScope], Mapping[str, JsonObject]]
"""A project's `model/v1` documents by name, which tell prices and longest answers."""


class Metering:
    """Counts what ingestions use of models, where the usage of runs is counted, and holds as runs do."""

    def __init__(self, uow: UnitOfWork, allowances: Allowances, documents: Documents) -> None:
        self._uow = uow
        self._allowances = allowances
        self._documents = documents

    async def hold(self, scope: OrgScope, request: ModelRequest) -> UUID | None:
        """Wait until the call fits beside those under way, and hold what it may use; nothing where no budget is.

        Raises `BudgetExceeded` when a budget of the scope's organization or project is used up.
        """
        return await self._allowances.hold(scope, *bound_of(request, self._documents(scope)))

    async def record(self, scope: OrgScope, what_for: tuple[str, str], model: tuple[str, str], usage: Usage,
                     error: str | None, hold: UUID | None) -> None:  # fmt: skip
        """Add one call: what it was made for (as agent and node), who answered (model and provider), what it used.

        What was held for it is let go in the same moment, so that it is missing at none.
        """
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
        async with self._uow(scope.whole()) as work:
            await repository.add(work, row)
            if hold is not None:
                await repository.release(work, scope, hold)
        self._allowances.count(scope, usage, is_written=True)

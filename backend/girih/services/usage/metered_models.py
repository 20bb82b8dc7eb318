"""A project's models as searches outside of runs ask them: each call held against the budgets, and counted after."""

from __future__ import annotations

from collections.abc import AsyncIterator

from girih.db.tenancy import OrgScope
from girih.errors import BudgetExceeded, NodeError
from girih.language.nodes.ports import ModelDone, ModelEvent, ModelRequest, Models, Usage
from girih.services.usage.metering import Metering


class MeteredModels:
    """Models for whoever the scope is; `what_for` is what their usage is listed under, as agent and as node."""

    def __init__(self, models: Models, metering: Metering, scope: OrgScope, what_for: tuple[str, str]) -> None:
        self._models = models
        self._metering = metering
        self._scope = scope
        self._what_for = what_for

    async def stream(self, request: ModelRequest) -> AsyncIterator[ModelEvent]:
        """One answer, once it fits beside the calls under way. Raises `NodeError`, of kind `budget` if it may not."""
        try:
            hold = await self._metering.hold(self._scope, request)
        except BudgetExceeded as fault:
            raise NodeError("budget", fault.message, help=fault.help, can_pass=False) from fault
        answers, error = list[ModelDone](), None
        try:
            async for event in self._models.stream(request):
                if isinstance(event, ModelDone):
                    answers.append(event)
                yield event
        except NodeError as fault:
            error = fault.kind
            raise
        finally:
            for done in answers or [ModelDone(Usage(), request.models[0], "")]:
                model = done.model, done.provider
                await self._metering.record(self._scope, self._what_for, model, done.usage, error, hold)

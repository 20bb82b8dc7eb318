"""What watches runs: budgets, and where what they do is told."""

from __future__ import annotations

from girih.db.tenancy import OrgScope
from girih.db.unit_of_work import UnitOfWork
from girih.language.spec.tree import JsonObject
from girih.services.events.service import EventService
from girih.services.usage.allowances import Allowances
from girih.services.usage.service import UsageService


def make_usage(uow: UnitOfWork, events: EventService) -> UsageService:
    """Usage and budgets, whose alerts are domain events."""

    async def tell(scope: OrgScope, type: str, data: JsonObject, key: str) -> None:
        await events.publish(scope, type, data, key=key, source="budget")

    return UsageService(uow, Allowances(uow, tell))

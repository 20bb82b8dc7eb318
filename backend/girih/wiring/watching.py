"""What watches runs: budgets, and where what they do is told."""

from __future__ import annotations

from girih.db.tenancy import OrgScope
from girih.db.unit_of_work import UnitOfWork
from girih.language.spec.tree import JsonObject
from girih.providers.pii.scanner import PiiScanner
from girih.services.events.service import EventService
from girih.services.runs.redaction import Redaction
from girih.services.runs.traces import Traces
from girih.services.usage.allowances import Allowances
from girih.services.usage.service import UsageService
from girih.settings import Settings


def make_usage(uow: UnitOfWork, events: EventService) -> UsageService:
    """Usage and budgets, whose alerts are domain events."""

    async def tell(scope: OrgScope, type: str, data: JsonObject, key: str) -> None:
        await events.publish(scope, type, data, key=key, source="budget")

    return UsageService(uow, Allowances(uow, tell))


def make_traces(settings: Settings, uow: UnitOfWork) -> Traces:
    """Traces, with as much of their contents as the operator lets be shown."""
    return Traces(uow, Redaction(settings.trace_content, PiiScanner()))

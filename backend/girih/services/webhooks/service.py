"""Webhooks as apps see them: what a run's was told, and the secret to check signatures with."""

from __future__ import annotations

from datetime import timedelta
from uuid import UUID

from girih.db.tenancy import OrgScope
from girih.db.unit_of_work import UnitOfWork
from girih.errors import Conflict, NotFound
from girih.services.runs import repository as runs
from girih.services.runs.reader import no_such_run
from girih.services.runs.shown import origin_of
from girih.services.webhooks import repository
from girih.services.webhooks.keys import SigningKeys, SigningSecret
from girih.services.webhooks.schemas import DeliveryOut, WebhookOut, WebhookSecretOut
from girih.services.webhooks.signing import delivery_id, message_id
from girih.services.webhooks.tables import WebhookDelivery

OVERLAP = timedelta(days=1)
"""How long the secret before is used along with a new one."""


class WebhookService:
    """Shows what the courier has done and will do."""

    def __init__(self, uow: UnitOfWork, keys: SigningKeys) -> None:
        self._uow = uow
        self._keys = keys

    async def of_run(self, scope: OrgScope, run_id: UUID) -> WebhookOut:
        """The run's webhook and what it was told. Raises `NotFound` for a run that is not there."""
        async with self._uow(scope) as work:
            run = await runs.run(work, scope, run_id)
            if run is None:
                raise no_such_run(run_id)
            rows = await repository.of_run(work, scope.org_id, run_id)
            origin = origin_of(run.webhook) if run.webhook is not None else None
            return WebhookOut(origin=origin, deliveries=[_delivery(row) for row in rows])

    async def redeliver(self, scope: OrgScope, message: str) -> DeliveryOut:
        """Try a delivery that failed once more, with the same id and text.

        Raises `NotFound`, and `Conflict` for one that is under way or has arrived.
        """
        number = delivery_id(message)
        async with self._uow(scope) as work:
            known = await repository.delivery(work, scope, number) if number is not None else None
            if known is None:
                raise NotFound("there is no such delivery", help="`GET /v1/runs/{id}/webhook` lists those of a run")
            row = await repository.again(work, scope, known.id)
            if row is None:
                raise Conflict(f"this delivery is {known.state}", help="only one that failed can be tried once more")
            return _delivery(row)

    async def secret(self, scope: OrgScope) -> WebhookSecretOut:
        """The project's secret, made now if it had none."""
        return _secret(await self._keys.of(scope))

    async def rotate(self, scope: OrgScope) -> WebhookSecretOut:
        """Another secret. For a day deliveries are signed with the one before as well."""
        return _secret(await self._keys.rotate(scope, overlap=OVERLAP))


def _delivery(row: WebhookDelivery) -> DeliveryOut:
    own = {"id": message_id(row.id), "next_at": row.next_at if row.state == "pending" else None}
    return DeliveryOut.model_validate(
        own | {name: getattr(row, name) for name in DeliveryOut.model_fields if name not in own}
    )


def _secret(row: SigningSecret) -> WebhookSecretOut:
    return WebhookSecretOut(secret=row.secret, made_at=row.made_at, before_until=row.before_until)

"""Webhooks of runs: what they were told, and the secret that their messages are signed with."""

from __future__ import annotations

from typing import Annotated
from uuid import UUID

from girih.api.deps import GuardedRoute, Wired, requires
from girih.api.routers import Router
from girih.db.tenancy import OrgScope
from girih.services.webhooks.schemas import DeliveryOut, WebhookOut, WebhookSecretOut

router = Router(tags=["webhooks"], route_class=GuardedRoute)

Reader = Annotated[OrgScope, requires("runs:read")]
Writer = Annotated[OrgScope, requires("runs:write")]
Manager = Annotated[OrgScope, requires("keys:manage")]


@router.get("/runs/{run_id}/webhook", operation_id="get_run_webhook")
async def get_run_webhook(girih: Wired, scope: Reader, run_id: UUID) -> WebhookOut:
    """What the run's webhook was told, whether it arrived, and if not, why."""
    return await girih.webhooks.of_run(scope, run_id)


@router.post("/webhooks/deliveries/{delivery_id}/redeliver", operation_id="redeliver_webhook")
async def redeliver_webhook(girih: Wired, scope: Writer, delivery_id: str) -> DeliveryOut:
    """Try a delivery that failed once more: the same message under the same id."""
    return await girih.webhooks.redeliver(scope, delivery_id)


@router.get("/webhook-secret", operation_id="get_webhook_secret")
async def get_webhook_secret(girih: Wired, scope: Manager) -> WebhookSecretOut:
    """The secret to check the project's webhook messages with (Standard Webhooks)."""
    return await girih.webhooks.secret(scope)


@router.post("/webhook-secret/rotate", operation_id="rotate_webhook_secret")
async def rotate_webhook_secret(girih: Wired, scope: Manager) -> WebhookSecretOut:
    """Make another secret. For a day messages are signed with the one before as well."""
    return await girih.webhooks.rotate(scope)

"""What doors see of webhooks."""

from __future__ import annotations

from datetime import datetime
from typing import Literal

from pydantic import BaseModel, ConfigDict

DeliveryState = Literal["pending", "delivered", "failed"]


class DeliveryOut(BaseModel):
    """One message to a run's webhook, and what has become of it. `id` is the `webhook-id` it is sent with."""

    model_config = ConfigDict(from_attributes=True)

    id: str
    type: str
    """`run.interrupted`, `run.finished`, `run.failed` or `run.cancelled`."""
    state: DeliveryState
    tries: int
    created_at: datetime
    next_at: datetime | None = None
    """When it is tried again; a try that is under way counts as lost by then."""
    last_status: int | None = None
    """The HTTP status of the last answer."""
    last_error: str | None = None
    """Why the last try was none that counts."""
    done_at: datetime | None = None


class WebhookOut(BaseModel):
    """A run's webhook: the origin of its URL (`null`: it has none), and what it was told, in order."""

    origin: str | None
    deliveries: list[DeliveryOut]


class WebhookSecretOut(BaseModel):
    """What the project's deliveries are signed with; after a rotation they carry both signatures for a day."""

    secret: str
    """`whsec_` and the key in base64, as libraries for Standard Webhooks take it."""
    made_at: datetime
    before_until: datetime | None = None
    """Until when deliveries are signed with the secret before this one as well."""

"""How deliveries are signed: the headers of Standard Webhooks."""

from __future__ import annotations

import base64
import hashlib
import hmac
import secrets
from collections.abc import Sequence
from uuid import UUID

PREFIX = "whsec_"
_KEY_BYTES = 32


def new_secret() -> str:
    """A secret of 256 random bits."""
    return PREFIX + base64.b64encode(secrets.token_bytes(_KEY_BYTES)).decode()


def message_id(delivery_id: object) -> str:
    """The `webhook-id` of a delivery, the same for each of its tries."""
    return f"msg_{str(delivery_id).replace('-', '')}"


def delivery_id(message: str) -> UUID | None:
    """The delivery that has this `webhook-id`; `None` for what is none."""
    try:
        return UUID(hex=message.removeprefix("msg_")) if message.startswith("msg_") else None
    except ValueError:
        return None


def signed(number: str, timestamp: int, body: bytes, keys: Sequence[str]) -> dict[str, str]:
    """The headers of one try at a time (seconds since 1970), signed with each of the secrets."""
    content = f"{number}.{timestamp}.".encode() + body
    return {
        "webhook-id": number,
        "webhook-timestamp": str(timestamp),
        "webhook-signature": " ".join(f"v1,{_signature(key, content)}" for key in keys),
    }


def _signature(secret: str, content: bytes) -> str:
    key = base64.b64decode(secret.removeprefix(PREFIX))
    return base64.b64encode(hmac.new(key, content, hashlib.sha256).digest()).decode()

"""Tokens that let whoever has one say something of one run under one key, until a moment: signed, not kept."""

from __future__ import annotations

import base64
import binascii
import hashlib
import hmac
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

import orjson

_PURPOSE = b"girih feedback\n"
"""The secret signs other things as well: what is signed for one purpose is nothing for another."""


@dataclass(frozen=True)
class Link:
    """What a token stands for. `until` is in seconds since 1970."""

    org_id: UUID
    project_id: UUID
    run_id: UUID
    key: str
    until: int

    def token(self, secret: str) -> str:
        """The link, signed; it may stand in an address."""
        said = orjson.dumps([self.org_id.hex, self.project_id.hex, self.run_id.hex, self.key, self.until])
        return f"{_text(said)}.{_text(_signature(said, secret))}"

    @classmethod
    def claimed(cls, token: str) -> Link | None:
        """What a token says that it is; whether it is true tells `is_valid`."""
        try:
            org, project, run, key, until = orjson.loads(_bytes(token.partition(".")[0]))
            return cls(UUID(org), UUID(project), UUID(run), str(key), int(until))
        except (ValueError, TypeError, AttributeError, binascii.Error):
            return None

    def is_valid(self, token: str, secrets: Iterable[str], now: datetime) -> bool:
        """Whether one of the secrets has signed the token, and its time is not over."""
        given = token.encode("ascii", "replace")
        signed = [hmac.compare_digest(self.token(secret).encode(), given) for secret in secrets]
        return any(signed) and now.timestamp() < self.until


def _signature(said: bytes, secret: str) -> bytes:
    return hmac.new(secret.encode(), _PURPOSE + said, hashlib.sha256).digest()


def _text(data: bytes) -> str:
    return base64.urlsafe_b64encode(data).rstrip(b"=").decode()


def _bytes(text: str) -> bytes:
    return base64.urlsafe_b64decode(text + "=" * (-len(text) % 4))

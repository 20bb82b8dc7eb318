"""What a signature of a version is about: plain facts that say nothing of an organization, as bytes."""

from __future__ import annotations

import hashlib
import json
from typing import Any, Literal

from pydantic import BaseModel, ConfigDict, Field

from girih.language.spec.canonical import canonical_json
from girih.language.spec.tree import JsonObject, JsonValue

_PURPOSE = b"girih version 1\n"
"""So that no signature of something else can pass for one of a version."""

_DIGEST = r"^sha256:[0-9a-f]{64}$"


class Frozen(BaseModel):
    """Plain, immutable data; unknown keys are refused."""

    model_config = ConfigDict(extra="forbid", frozen=True)


class Statement(Frozen):
    """What the server says of a version that it publishes. `plan`, `source` and `report` are hashes of texts."""

    name: str
    version: str
    digest: str = Field(pattern=_DIGEST)
    language: int
    plan: str = Field(pattern=_DIGEST)
    """Of the plan as it is kept, so with the order of its keys, which `digest` leaves out."""
    source: str = Field(pattern=_DIGEST)
    path: str
    lock: list[dict[str, Any]] | None
    report: str | None = Field(pattern=_DIGEST)
    forced: bool
    created_at: str
    created_by: str
    commit: str | None
    dirty: bool | None
    message: str | None

    def as_bytes(self) -> bytes:
        """What is signed."""
        return _PURPOSE + canonical_json(self.model_dump(mode="json")).encode()


class Signature(Frozen):
    """A signature: `value` is base64url without padding, `kid` the thumbprint of the key (RFC 7638)."""

    alg: Literal["EdDSA"] = "EdDSA"
    kid: str = Field(pattern=r"^[A-Za-z0-9_-]{43}$")
    value: str = Field(pattern=r"^[A-Za-z0-9_-]{86}$")


def kept_text(value: JsonValue) -> str:
    """JSON as it is kept: in the order of its keys."""
    return json.dumps(value, separators=(",", ":"), ensure_ascii=False, allow_nan=False)


def hash_of(content: str | bytes) -> str:
    """`sha256:…` of a text or of bytes."""
    data = content.encode() if isinstance(content, str) else content
    return "sha256:" + hashlib.sha256(data).hexdigest()


def hash_of_report(report: JsonObject | None) -> str | None:
    """`sha256:…` of a report's canonical form; `None` where there is none."""
    return hash_of(canonical_json(report)) if report is not None else None

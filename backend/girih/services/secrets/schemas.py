"""What doors see of secrets: everything but their values."""

from __future__ import annotations

from datetime import datetime
from typing import Literal

from pydantic import BaseModel

UserKind = Literal["agent", "data_store", "model", "tool"]


class UseOut(BaseModel):
    """Something that names a secret. For an agent: a version of it that an alias points at."""

    kind: UserKind
    name: str


class SecretOut(BaseModel):
    """A secret as it is listed. Its value is shown nowhere."""

    name: str
    version: int
    """How often it was set."""
    hosts: list[str] | None
    """What it may be sent to; `[]`: the operator's endpoints only; `null`: anything, as it was set before secrets had
    hosts."""
    created_at: datetime
    created_by: str
    set_at: datetime
    set_by: str
    used_at: datetime | None
    """When it was last asked for, to the minute; `null`: never."""
    used_by: list[UseOut]

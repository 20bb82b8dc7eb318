"""How providers ask for secrets: by name, for one project; and the variable that holds one in the environment."""

from __future__ import annotations

import re
from collections.abc import Awaitable, Callable
from typing import TypeAlias

Secrets: TypeAlias = Callable[[str], Awaitable[str | None]]
"""Gives the value of one project's secret by its name, `None` where it is not set. The value is never logged."""


async def no_secrets(name: str) -> str | None:
    """Knows none."""
    del name
    return None


def secret_variable(name: str) -> str:
    """The variable of the environment that holds a secret: `crm.key` → `GIRIH_SECRET_CRM_KEY`."""
    return f"GIRIH_SECRET_{re.sub('[^A-Za-z0-9]', '_', name).upper()}"

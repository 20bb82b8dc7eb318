"""What a transaction limited to certain agents is told when it would write of another one."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

import asyncpg
from sqlalchemy.exc import DBAPIError

from girih.db.tenancy import OrgScope, of_other_agents

_REFUSED = "42501"
"""The SQLSTATE of a row that a policy does not let be written."""


@contextmanager
def refusals_named(scope: OrgScope | None) -> Iterator[None]:
    """Turn a policy's refusal into `Forbidden` where the scope is limited to agents; else it is a fault of ours."""
    try:
        yield
    except (DBAPIError, asyncpg.PostgresError) as fault:
        refused = fault.orig if isinstance(fault, DBAPIError) else fault
        if scope is None or not scope.agents or getattr(refused, "sqlstate", None) != _REFUSED:
            raise
        raise of_other_agents(scope) from fault

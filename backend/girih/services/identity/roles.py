"""What the roles of an organization may do: the policy as data, and what a custom role may be."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Final, Literal, get_args

from girih.services.identity.schemas import PERMISSIONS, Permission

Role = Literal["viewer", "editor", "publisher", "admin", "owner", "auditor"]
"""The roles that every organization has."""

ROLES: Final[tuple[str, ...]] = get_args(Role)

OWNER: Final = "owner"
"""The role that an organization is never without."""

ORGANIZATION_WIDE: Final = frozenset({"audit:read", "members:read", "members:manage", "organization:manage"})
"""What nobody may do who has a role in some of the projects only."""

_LADDER: Final[tuple[Role, ...]] = ("viewer", "editor", "publisher", "admin", "owner")
"""Each may do what the one before it may, and more."""

_LEAST: Final[Mapping[Role, frozenset[Permission]]] = {
    "viewer": frozenset(
        {
            "agents:read",
            "runs:read",
            "threads:read",
            "schedules:read",
            "events:read",
            "knowledge:read",
            "sources:read",
            "memory:read",
            "store:read",
            "models:read",
            "tools:read",
            "usage:read",
            "traces:read",
            "retention:read",
        }
    ),
    "editor": frozenset(
        {
            "runs:create",
            "runs:cancel",
            "runs:answer",
            "runs:write",
            "threads:write",
            "schedules:write",
            "events:publish",
            "knowledge:write",
            "sources:write",
            "memory:write",
            "store:write",
        }
    ),
    "publisher": frozenset({"agents:publish", "agents:approve", "tools:test"}),
    "admin": frozenset(
        {
            "agents:protect",
            "keys:manage",
            "models:write",
            "budgets:manage",
            "retention:manage",
            "interrupts:all",
            "members:read",
            "members:manage",
            "audit:read",
            "secrets:read",
            "secrets:write",
        }
    ),
    "owner": frozenset({"organization:manage"}),
    "auditor": frozenset(),
}
"""The first role of the ladder that may do it."""

_AUDITED: Final = frozenset({"audit:read", "members:read", "secrets:read"})
"""What an auditor reads besides what a viewer does."""


def _held(role: Role) -> frozenset[str]:
    if role == "auditor":
        return frozenset(_LEAST["viewer"]) | _AUDITED
    steps = _LADDER[: _LADDER.index(role) + 1]
    return frozenset(permission for step in steps for permission in _LEAST[step])


POLICY: Final[Mapping[str, frozenset[str]]] = {role: _held(role) for role in get_args(Role)}
"""Role → its permissions."""


def permissions_of(roles: Iterable[str], custom: Mapping[str, Iterable[str]]) -> frozenset[str]:
    """All that these roles may do together; `custom` holds the organization's own roles. A role nobody knows is none.

    A permission that no longer exists is left out.
    """
    held = (POLICY.get(role) or frozenset(custom.get(role, ())) for role in roles)
    return frozenset(permission for one in held for permission in one) & PERMISSIONS

"""What keys are commonly for: sets of permissions under a name, and what a key for certain agents may do at most."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Final, Literal

from girih.services.identity.roles import POLICY
from girih.services.identity.schemas import Permission

KeyScope = Literal["run", "read", "publish", "ingest", "audit", "admin"]
"""The names of the sets."""

_RUN: Final[frozenset[Permission]] = frozenset(
    {
        "agents:read",
        "models:read",
        "runs:create",
        "runs:read",
        "runs:cancel",
        "runs:answer",
        "threads:read",
        "threads:write",
    }
)
_PUBLISH: Final[frozenset[Permission]] = frozenset(
    {"agents:read", "agents:publish", "models:read", "tools:read", "knowledge:read", "sources:read"}
)
_INGEST: Final[frozenset[Permission]] = frozenset(
    {"knowledge:read", "knowledge:write", "sources:read", "sources:write"}
)

SCOPES: Final[Mapping[KeyScope, frozenset[str]]] = {
    "run": frozenset(_RUN),
    "read": POLICY["viewer"],
    "publish": frozenset(_PUBLISH),
    "ingest": frozenset(_INGEST),
    "audit": POLICY["auditor"],
    "admin": POLICY["admin"],
}
"""Name → the permissions it stands for when a key is made."""

_OF_ALL_AGENTS: Final[frozenset[Permission]] = frozenset(
    {
        "agents:protect",
        "audit:read",
        "budgets:manage",
        "events:publish",
        "events:read",
        "knowledge:write",
        "members:manage",
        "members:read",
        "models:write",
        "organization:manage",
        "retention:manage",
        "retention:read",
        "secrets:read",
        "secrets:write",
        "sources:write",
        "tools:test",
    }
)


def is_of_all_agents(permission: str) -> bool:
    """Whether what it lets do is about the whole project: no key for certain agents has it."""
    return permission in _OF_ALL_AGENTS


def permissions_in(scopes: Iterable[KeyScope], *, of_certain_agents: bool) -> frozenset[str]:
    """What these sets stand for together, of which a key for certain agents gets what is about agents."""
    held = frozenset(permission for scope in scopes for permission in SCOPES[scope])
    return frozenset(one for one in held if not (of_certain_agents and is_of_all_agents(one)))

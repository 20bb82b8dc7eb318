"""Whose memory a node means: a user's own, or the one a project shares, each divided by name."""

from __future__ import annotations

from typing import Literal
from urllib.parse import quote, unquote

from girih.errors import NodeError

MemoryScope = Literal["user", "project"]
DEFAULT = "default"


def namespace_of(scope: MemoryScope, name: str, user: str | None) -> str:
    """`user/USER/NAME` or `project/NAME`. Raises `NodeError` for a user's memory in a run without a user."""
    if scope == "project":
        return f"project/{name}"
    if not user:
        raise NodeError(
            "refused",
            "this run has no user, so there is no user's memory",
            help="start the run with a user, or write scope: project",
            can_pass=False,
        )
    return f"user/{quote(user, safe='')}/{name}"


def parts_of(namespace: str) -> tuple[str | None, str]:
    """The user (`None` for the project's memory) and the name of a namespace."""
    scope, _, rest = namespace.partition("/")
    if scope == "project":
        return None, rest
    user, _, name = rest.partition("/")
    return unquote(user), name

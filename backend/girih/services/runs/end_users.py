"""Runs that users of an app ask for with a token of their own: each is for that user, and for nobody else."""

from __future__ import annotations

from girih.db.tenancy import OrgScope
from girih.errors import Forbidden
from girih.language.spec.tree import JsonObject
from girih.services.runs.asker import GROUPS, ROLES
from girih.services.runs.schemas import RunIn


def for_its_user(scope: OrgScope, body: RunIn) -> RunIn:
    """The run as it is asked for: with a token that names its user, for this user and the groups in the token.

    Raises `Forbidden` where the body says so of somebody else.
    """
    if scope.end_user is None:
        return body
    require_own(scope, body.metadata, body.user)
    groups = {GROUPS: list(scope.end_user.groups)} if scope.end_user.groups else {}
    return body.model_copy(update={"user": scope.end_user.name, "metadata": {**body.metadata, **groups}})


def require_own(scope: OrgScope, metadata: JsonObject | None, user: str | None = None) -> None:
    """Raise `Forbidden` for who says with a token that names its user that it is about others, or of what groups."""
    if scope.end_user is None:
        return
    said = metadata or {}
    others = ROLES in said or said.get(GROUPS, list(scope.end_user.groups)) != list(scope.end_user.groups)
    if others or user not in (None, scope.end_user.name):
        raise Forbidden(
            "for whom this is stands in your token",
            help="leave out `user`, and `groups` and `roles` under `metadata`; or ask with an API key",
        )

"""Whether whoever shows a key or token may do anything now: the organization's state, and whose the key is."""

from __future__ import annotations

import time
from collections import OrderedDict
from dataclasses import dataclass, replace
from datetime import datetime
from uuid import UUID

from girih.db.tenancy import OrgScope
from girih.db.unit_of_work import UnitOfWork, Work
from girih.errors import Unauthorized
from girih.services.identity import member_repository as members
from girih.services.identity import service_account_repository as repository
from girih.services.identity.choosing import require_open
from girih.services.identity.roles import ORGANIZATION_WIDE, permissions_of
from girih.services.identity.sign_ins import SECONDS


@dataclass(frozen=True)
class Standing:
    """What was asked of the database: until when the organization is open, and the program that owns the key."""

    suspended_at: datetime | None
    deletes_at: datetime | None
    service: UUID | None
    permissions: frozenset[str]
    """What the service account may do in the project."""
    holds: bool
    """Neither the organization is gone nor the service account suspended."""


class Callers:
    """Looks at whom keys and tokens stand for, at most every four seconds for each; the oldest go beyond `size`."""

    def __init__(self, uow: UnitOfWork, size: int = 4096) -> None:
        self._uow = uow
        self._size = size
        self._known: OrderedDict[tuple[UUID, UUID, UUID | None], tuple[Standing, float]] = OrderedDict()

    async def admitted(self, scope: OrgScope) -> OrgScope:
        """Whom the caller speaks for now: with a key of a service account for that, with no more than it may do.

        Raises `Forbidden` where nothing happens in the organization, `Unauthorized` for a suspended account's key.
        """
        standing = self._find(scope) or await self._ask(scope)
        require_open(standing.suspended_at, standing.deletes_at)
        if not standing.holds:
            raise Unauthorized("the API key is missing or does not hold", help="send `Authorization: Bearer girih_…`")
        if standing.service is None:
            return scope
        held = scope.permissions & standing.permissions
        return replace(scope, actor=f"service:{standing.service}", permissions=held)

    def forget(self, org_id: UUID) -> None:
        """Look again, since something has changed; other processes see it within five seconds."""
        for gone in [known for known in self._known if known[0] == org_id]:
            del self._known[gone]

    def _find(self, scope: OrgScope) -> Standing | None:
        standing, until = self._known.get(_name(scope), (None, 0.0))
        return standing if time.monotonic() < until else None

    async def _ask(self, scope: OrgScope) -> Standing:
        asked = time.monotonic()
        async with self._uow(OrgScope(scope.org_id, scope.project_id)) as work:
            standing = await _standing(work, scope.key_id)
        self._known[_name(scope)] = (standing, asked + SECONDS)
        self._known.move_to_end(_name(scope))
        while len(self._known) > self._size:
            self._known.popitem(last=False)
        return standing


async def permissions_here(work: Work, service: UUID) -> frozenset[str]:
    """What a service account may do in the transaction's project."""
    here, everywhere = await repository.roles(work, service)
    custom = await members.custom_roles(work)
    return permissions_of(here, custom) - ORGANIZATION_WIDE | permissions_of(everywhere, custom)


async def _standing(work: Work, key_id: UUID | None) -> Standing:
    state = await repository.state(work, key_id)
    if state is None:
        return Standing(None, None, None, frozenset(), holds=False)
    service = state.service_account_id
    held = await permissions_here(work, service) if service is not None else frozenset[str]()
    return Standing(state.suspended_at, state.deletes_at, service, held, holds=not state.is_service_suspended)


def _name(scope: OrgScope) -> tuple[UUID, UUID, UUID | None]:
    return scope.org_id, scope.project_id, scope.key_id

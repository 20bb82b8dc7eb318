"""Organizations, projects and keys: who a request speaks for, and what it may do."""

from __future__ import annotations

import hmac
import time
from collections.abc import Iterable
from datetime import UTC, datetime, timedelta
from typing import Final
from uuid import UUID

from girih.db.base import new_id
from girih.db.tenancy import OrgScope
from girih.db.unit_of_work import UnitOfWork, Work
from girih.errors import Forbidden, InvalidInput, NotFound, Unauthorized
from girih.services.audit.service import record
from girih.services.identity import repository
from girih.services.identity.keys import make_key, read_key
from girih.services.identity.names import name_of
from girih.services.identity.schemas import PERMISSIONS, ApiKeyOut, Bootstrap, NewApiKey
from girih.services.identity.sign_ins import SignIns, expired
from girih.services.identity.tables import ApiKey

BOOTSTRAP_KEY: Final = "bootstrap"
"""The name of the key that `bootstrap` makes."""

USE_NOTED: Final = timedelta(minutes=1)
"""How old the note of a key's last use may be."""


class IdentityService:
    """Knows organizations, their projects, and the keys to them. `env` stands in the keys it makes."""

    def __init__(self, uow: UnitOfWork, *, env: str = "live") -> None:
        self._uow = uow
        self._env = env
        self._sign_ins = SignIns()

    async def bootstrap(self, org: str, project: str, *, renew: bool = False) -> Bootstrap:
        """The organization and project of these names, made where there are none, and a key that may do everything.

        The key is there only when it was made now: the first time, after it was revoked, or with `renew`, which ends
        the one before. For operators; no door offers it.
        """
        org, project = name_of("organization", org), name_of("project", project)
        org_id = await self._organization(org) or await self._make_organization(org)
        scope = OrgScope(org_id, new_id())
        async with self._uow(scope) as work:
            project_id = await repository.put_project(work, scope.project_id, org_id, project)
            scope = OrgScope(org_id, project_id, permissions=PERMISSIONS)
            revoked = await repository.revoke(work, scope, name=BOOTSTRAP_KEY) if renew else ()
            if not renew and await repository.has_live_key(work, scope, BOOTSTRAP_KEY):
                return Bootstrap(scope, None)
            made = await self._add_key(work, scope, BOOTSTRAP_KEY, PERMISSIONS, None)
        for key_id in revoked:
            self._sign_ins.forget(key_id)
        return Bootstrap(scope, made.key)

    async def authenticate(self, key: str) -> OrgScope:
        """Whom a key stands for. Raises `Unauthorized`, with the same words whatever is wrong with it."""
        shown = read_key(key)
        if shown is None:
            raise _refused()
        known = self._sign_ins.find(shown.hash)
        if known is not None:
            return known
        asked = time.monotonic()
        async with self._uow.reading_for("sign_in", row=shown.id) as work:
            row = await repository.key(work, shown.id)
        if row is None or not hmac.compare_digest(row.hash, shown.hash):
            raise _refused()
        if row.revoked_at is not None or expired(row.expires_at):
            raise _refused()
        scope = OrgScope(row.org_id, row.project_id, actor=f"key:{row.id}", permissions=frozenset(row.permissions))
        self._sign_ins.keep(shown.hash, row.id, scope, asked=asked, expires_at=row.expires_at)
        if row.last_used_at is None or row.last_used_at < datetime.now(UTC) - USE_NOTED:
            async with self._uow(scope) as work:
                await repository.note_use(work, row.id)
        return scope

    async def create_key(
        self, scope: OrgScope, name: str, permissions: Iterable[str], *, expires_in: timedelta | None = None
    ) -> NewApiKey:
        """Make a key to the scope's project. It may do nothing that its maker may not (`Forbidden`)."""
        wanted = _permissions(permissions)
        _require_held(wanted, scope)
        if expires_in is not None and expires_in <= timedelta(0):
            raise InvalidInput("a key must be good for some time", help="give a positive `expires_in`")
        async with self._uow(scope) as work:
            made = await self._add_key(work, scope, name_of("key", name), wanted, expires_in)
            await record(work, "key.created", f"key:{made.id}", name=made.name, permissions=made.permissions)
        return made

    async def rotate_key(self, scope: OrgScope, id: UUID, *, overlap: timedelta) -> NewApiKey:
        """Make a key that may do what this one may; this one holds for the `overlap`, and then no more.

        Raises `NotFound` for a key that does not hold, `Forbidden` for one that may do more than the caller.
        """
        async with self._uow(scope) as work:
            row = await repository.live_key(work, scope, id)
            if row is None:
                raise NotFound(f"no key `{id}` that holds", help="list the keys to find its id")
            _require_held(frozenset(row.permissions), scope)
            lifetime = row.expires_at - row.created_at if row.expires_at else None
            made = await self._add_key(work, scope, row.name, frozenset(row.permissions), lifetime)
            end = datetime.now(UTC) + overlap
            row.expires_at = min(end, row.expires_at) if row.expires_at else end
            row.replaced_by = made.id
            until = row.expires_at.isoformat()
            await record(work, "key.rotated", f"key:{id}", replaced_by=str(made.id), holds_until=until)
        self._sign_ins.forget(id)
        return made

    async def keys(self, scope: OrgScope) -> list[ApiKeyOut]:
        """Every key of the project, the newest first, revoked ones too."""
        async with self._uow(scope) as work:
            return [ApiKeyOut.model_validate(row) for row in await repository.keys(work, scope)]

    async def revoke_key(self, scope: OrgScope, id: UUID) -> None:
        """End a key, here at once and everywhere within five seconds. Revoking it again changes nothing."""
        async with self._uow(scope) as work:
            if await repository.revoke(work, scope, id=id):
                await record(work, "key.revoked", f"key:{id}")
            elif not await repository.has_key(work, scope, id):
                raise NotFound(f"no key `{id}`", help="list the keys to find its id")
        self._sign_ins.forget(id)

    async def _organization(self, name: str) -> UUID | None:
        async with self._uow.reading_for("bootstrap") as work:
            return await repository.organization_named(work, name)

    async def _make_organization(self, name: str) -> UUID:
        org_id = new_id()
        async with self._uow(OrgScope(org_id, org_id)) as work:
            made = await repository.put_organization(work, org_id, name)
        if made:
            return org_id
        elsewhere = await self._organization(name)
        if elsewhere is None:
            raise NotFound(f"the organization `{name}` was deleted meanwhile", help="try again")
        return elsewhere

    async def _add_key(
        self, work: Work, scope: OrgScope, name: str, permissions: frozenset[str], expires_in: timedelta | None
    ) -> NewApiKey:
        key = make_key(self._env)
        row = ApiKey(
            id=key.id,
            org_id=scope.org_id,
            project_id=scope.project_id,
            name=name,
            hash=key.hash,
            permissions=sorted(permissions),
            created_by=scope.actor,
            expires_at=datetime.now(UTC) + expires_in if expires_in else None,
            revoked_at=None,
            last_used_at=None,
            replaced_by=None,
        )
        await repository.add_key(work, row)
        return NewApiKey(**ApiKeyOut.model_validate(row).model_dump(), key=key.text)


def _require_held(wanted: frozenset[str], scope: OrgScope) -> None:
    if lacking := wanted - scope.permissions:
        raise Forbidden(
            f"a key cannot be given what its maker may not do: {', '.join(sorted(lacking))}",
            help="use a key that has these permissions to make this one",
        )


def _refused() -> Unauthorized:
    return Unauthorized("the API key is missing or does not hold", help="send `Authorization: Bearer girih_…`")


def _permissions(permissions: Iterable[str]) -> frozenset[str]:
    wanted = frozenset(permissions)
    unknown = wanted - PERMISSIONS
    if unknown or not wanted:
        raise InvalidInput(
            f"unknown permission: {', '.join(sorted(unknown))}" if unknown else "a key needs at least one permission",
            help=f"choose among: {', '.join(sorted(PERMISSIONS))}",
        )
    return wanted

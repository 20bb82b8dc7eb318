"""Organizations, projects and keys: who a request speaks for, and what it may do."""

from __future__ import annotations

import hmac
import time
from collections.abc import Iterable, Sequence
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any, Final
from uuid import UUID

from girih.db.base import new_id
from girih.db.tenancy import OrgScope
from girih.db.unit_of_work import UnitOfWork, Work
from girih.errors import InvalidInput, NotFound, Unauthorized
from girih.services.audit.service import record
from girih.services.identity import key_making as making
from girih.services.identity import repository
from girih.services.identity.key_limits import UNLIMITED, KeyLimits, checked, comes_from, covers, ends_at
from girih.services.identity.key_making import Maker
from girih.services.identity.key_scopes import is_of_all_agents
from girih.services.identity.keys import Key, read_key
from girih.services.identity.names import name_of
from girih.services.identity.schemas import PERMISSIONS, ApiKeyOut, Bootstrap, NewApiKey
from girih.services.identity.sign_ins import Signed, SignIns, expired
from girih.services.identity.tables import ApiKey

BOOTSTRAP_KEY: Final = "bootstrap"
"""The name of the key that `bootstrap` makes."""

USE_NOTED: Final = timedelta(minutes=1)
"""How old the note of a key's last use may be."""

_EVER: Final = timedelta.max


class IdentityService:
    """Knows organizations, their projects, and the keys to them. `env` stands in the keys it makes.

    `longest`: how long a key may hold at most, and does where nothing is said.
    """

    def __init__(self, uow: UnitOfWork, *, env: str = "live", longest: timedelta | None = None) -> None:
        self._uow = uow
        self._env = env
        self._longest = longest
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
            made = await making.add_key(work, scope, self._env, BOOTSTRAP_KEY, PERMISSIONS, None, UNLIMITED)
        for key_id in revoked:
            self._sign_ins.forget(key_id)
        return Bootstrap(scope, made.key)

    async def authenticate(self, key: str, *, project: str | None = None, address: str | None = None) -> OrgScope:
        """Whom a key stands for, in its own project or in another one (name or id) that it is for.

        `address` is where it came from. Raises `Unauthorized`, with the same words whatever is wrong with it, and
        `NotFound` for a project that it is not for, whether there is one or not.
        """
        shown = read_key(key)
        if shown is None:
            raise _refused()
        known = self._sign_ins.find(shown.hash, project) or await self._sign_in(shown, project)
        if not comes_from(address, known.networks):
            raise _refused()
        return known.scope

    async def create_key(
        self,
        scope: OrgScope,
        name: str,
        permissions: Iterable[str],
        *,
        expires_in: timedelta | None = None,
        limits: KeyLimits = UNLIMITED,
        projects: Sequence[str] = (),
        service_account: UUID | None = None,
    ) -> NewApiKey:
        """Make a key to the scope's project, and to other `projects` by name.

        It may do nothing that its maker may not, and is limited by all that limits its maker (`Forbidden`).
        """
        wanted, name = _permissions(permissions), name_of("key", name)
        async with self._uow(scope) as work:
            maker = await making.maker_of(work, scope)
            maker.require(wanted)
            asked = replace(limits, projects=await making.projects_named(work, projects))
            bounds = maker.bound(checked(asked))
            _require_of_agents(wanted, bounds)
            end = ends_at(expires_in, longest=self._longest, maker_ends=maker.ends)
            whose = service_account or maker.service_account
            made = await making.add_key(work, scope, self._env, name, wanted, end, bounds, whose)
            await record(work, "key.created", f"key:{made.id}", **_told(made))
        return made

    async def rotate_key(self, scope: OrgScope, id: UUID, *, overlap: timedelta) -> NewApiKey:
        """Make a key that may do what this one may; this one holds for the `overlap`, and then no more.

        Raises `NotFound` for a key that does not hold, `Forbidden` for one that may do more than the caller.
        """
        async with self._uow(scope) as work:
            maker = await making.maker_of(work, scope)
            row = await repository.live_key(work, scope, id)
            projects = (await repository.more_projects(work, [id])).get(id, {})
            if row is None or not covers(maker.limits, making.limits_of(row, ())):
                raise NotFound(f"no key `{id}` that holds", help="list the keys to find its id")
            held = frozenset(row.permissions)
            maker.require(held)
            bounds = maker.bound(making.limits_of(row, tuple(projects)))
            lifetime = row.expires_at - row.created_at if row.expires_at else None
            # One who ends sooner than the key he replaces gives it his own end.
            latest = min(lifetime or self._longest or _EVER, self._longest or _EVER)
            end = ends_at(None, longest=None if latest == _EVER else latest, maker_ends=_later(maker, id))
            whose = row.service_account_id or maker.service_account
            made = await making.add_key(work, scope, self._env, row.name, held, end, bounds, whose)
            end_of_former = datetime.now(UTC) + overlap
            row.expires_at = min(end_of_former, row.expires_at) if row.expires_at else end_of_former
            row.replaced_by = made.id
            until = row.expires_at.isoformat()
            await record(work, "key.rotated", f"key:{id}", replaced_by=str(made.id), holds_until=until)
        self._sign_ins.forget(id)
        return made

    async def keys(self, scope: OrgScope) -> list[ApiKeyOut]:
        """Every key of the project, the newest first, revoked ones too; to a limited key those that it could make."""
        async with self._uow(scope) as work:
            maker = await making.maker_of(work, scope)
            rows = await repository.keys(work, scope)
            seen = [row for row in rows if _is_shown(maker, row)]
            return await making.shown(work, seen)

    async def revoke_key(self, scope: OrgScope, id: UUID) -> None:
        """End a key, here at once and everywhere within five seconds. Revoking it again changes nothing."""
        async with self._uow(scope) as work:
            row = await repository.key(work, id)
            maker = await making.maker_of(work, scope)
            if row is None or row.project_id != scope.project_id or not _is_shown(maker, row):
                raise NotFound(f"no key `{id}`", help="list the keys to find its id")
            if await repository.revoke(work, scope, id=id):
                await record(work, "key.revoked", f"key:{id}")
        self._sign_ins.forget(id)

    async def _sign_in(self, shown: Key, project: str | None) -> Signed:
        """Ask the database for the key that was shown."""
        asked = time.monotonic()
        async with self._uow.reading_for("sign_in", row=shown.id) as work:
            row = await repository.key(work, shown.id)
        if row is None or not hmac.compare_digest(row.hash, shown.hash):
            raise _refused()
        if row.revoked_at is not None or expired(row.expires_at):
            raise _refused()
        scope = _scope_of(row)
        if project is not None or row.last_used_at is None or row.last_used_at < datetime.now(UTC) - USE_NOTED:
            async with self._uow(scope) as work:
                await repository.note_use(work, row.id)
                if project is not None:
                    scope = replace(scope, project_id=await _project(work, row, project))
        signed = Signed(scope, tuple(row.networks))
        self._sign_ins.keep(shown.hash, row.id, signed, asked=asked, expires_at=row.expires_at, project=project)
        return signed

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


async def _project(work: Work, row: ApiKey, asked: str) -> UUID:
    """The one of the key's projects that is meant, by name or id. Raises `NotFound`."""
    known = (await repository.more_projects(work, [row.id])).get(row.id, {})
    own = await repository.project_name(work, row.project_id)
    for project_id, name in {row.project_id: own, **known}.items():
        if asked in (name, str(project_id)):
            return project_id
    raise NotFound(f"no project `{asked[:100]}`", help="name a project that the key is for")


def _scope_of(row: ApiKey) -> OrgScope:
    return OrgScope(
        row.org_id,
        row.project_id,
        actor=f"key:{row.id}",
        permissions=frozenset(row.permissions),
        key_id=row.id,
        agents=tuple(row.agents),
        requests_per_minute=row.requests_per_minute,
        runs_at_once=row.runs_at_once,
    )


def _is_shown(maker: Maker, row: ApiKey) -> bool:
    """Whether a key is any business of whoever asks: those of other agents are none of a key for certain ones."""
    return row.id == maker.scope.key_id or covers(maker.limits, making.limits_of(row, ()))


def _later(maker: Maker, replaced: UUID) -> datetime | None:
    """Until when a key that replaces that one may hold: one that replaces itself is not bound by its own end."""
    return None if maker.scope.key_id == replaced else maker.ends


def _require_of_agents(wanted: frozenset[str], limits: KeyLimits) -> None:
    if limits.agents and (too_much := sorted(filter(is_of_all_agents, wanted))):
        raise InvalidInput(
            f"a key for certain agents cannot have what is about the whole project: {', '.join(too_much)}",
            help="leave these permissions out, or make a key for all agents",
        )


def _told(made: NewApiKey) -> dict[str, Any]:
    """What the audit log has of a new key: its limits as far as it has any."""
    limits = made.model_dump(mode="json", include={*KeyLimits.__dataclass_fields__})
    return {"name": made.name, "permissions": made.permissions, **{name: one for name, one in limits.items() if one}}


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

"""Secrets by name: stored by projects and encrypted, or set by the operator in the environment."""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from functools import partial
from uuid import UUID

from girih.db.base import new_id
from girih.db.tenancy import OrgScope
from girih.db.unit_of_work import UnitOfWork, Work
from girih.errors import Conflict, InvalidInput, NotFound
from girih.providers.credentials import Destination, Secrets, require_host, sound_hosts
from girih.services.audit.service import record
from girih.services.secrets import repository
from girih.services.secrets.keyring import KeyRing
from girih.services.secrets.schemas import SecretOut, UseOut
from girih.services.secrets.sealing import DataKey, Place
from girih.services.secrets.short_memory import ShortMemory
from girih.services.secrets.tables import Secret

KEPT = 3.0
"""Seconds that a decrypted value is kept: one that is deleted is gone everywhere within five."""
_NAME = re.compile(r"[a-z][a-z0-9]*([-._][a-z0-9]+)*\Z")
LONGEST_NAME = 100


@dataclass(frozen=True)
class Kept:
    """A value, if there is one, and the hosts that it is for (see `require_host`)."""

    value: str | None = field(default=None, repr=False)
    hosts: Sequence[str] | None = ()


NOT_KEPT = Kept()


class SecretService:
    """Keeps secrets, and gives their values to what acts for a project; see `SecretValues`.

    `environment` knows what the operator has set, for all projects.
    """

    def __init__(self, uow: UnitOfWork, ring: KeyRing, environment: Callable[[str], Kept]) -> None:
        self._uow = uow
        self._ring = ring
        self._environment = environment
        self._values: ShortMemory[tuple[UUID, UUID, str], Kept] = ShortMemory(KEPT, 512)

    async def value(self, scope: OrgScope, name: str, to: Destination) -> str | None:
        """See `SecretValues`. Raises `Unavailable` where it is stored and cannot be decrypted."""
        place = scope.org_id, scope.project_id, name
        known = self._values.get(place)
        if known is None:
            known = await self._stored(scope, name)
            self._values.keep(place, known)
        if known.value is None:
            known = self._environment(name)
        if known.value is not None:
            require_host(name, known.hosts, to)
        return known.value

    def of(self, scope: OrgScope) -> Secrets:
        """The secrets of the scope's project, as providers ask for them."""
        return partial(self.value, scope)

    async def put(self, scope: OrgScope, name: str, value: str, hosts: Sequence[str] | None = None) -> SecretOut:
        """Store a value under a name, in place of the one before, for `hosts`; without, for those that it was for.

        Hosts come with a value only: who does not know it cannot have it sent anywhere. Raises `InvalidInput`,
        `Unavailable`.
        """
        _check(name, value)
        bound = None if hosts is None else sound_hosts(hosts)

        async def write(work: Work, key: DataKey) -> SecretOut:
            row = await repository.lock(work, scope, name)
            if row is None:
                made = new_id()
                sealed = key.seal(Place(scope.org_id, "secrets", "value", made), value)
                if await repository.add(work, scope, name, made, sealed, bound or ()):
                    return await _told(work, scope, name)
                row = await repository.lock(work, scope, name)
            if row is None:
                raise Conflict("the secret was deleted just now", help="set it again")
            await repository.change(work, row, key.seal(repository.place_of(row), value), bound, scope.actor)
            return await _told(work, scope, name)

        shown = await self._ring.writing(scope, write)
        self._values.forget((scope.org_id, scope.project_id, name))
        return shown

    async def secrets(self, scope: OrgScope) -> list[SecretOut]:
        """The project's secrets by name, and what names them; never a value."""
        async with self._uow(scope) as work:
            return await _all(work, scope)

    async def delete(self, scope: OrgScope, name: str, *, force: bool) -> None:
        """Delete a secret. Raises `NotFound`, and `Conflict` where something published names it, unless `force`."""
        async with self._uow(scope) as work:
            if await repository.lock(work, scope, name) is None:
                raise _absent()
            users = (await repository.uses(work, scope)).get(name, []) if not force else []
            if users:
                kind, user = users[0]
                more = f" and {len(users) - 1} more" if len(users) > 1 else ""
                raise Conflict(
                    f"the secret '{name}' is named by the {kind.replace('_', ' ')} '{user}'{more}",
                    help="publish these without it first, or force the deletion: their calls fail from then on",
                    used_by=[{"kind": kind, "name": user} for kind, user in users],
                )
            await repository.remove(work, scope, name)
            await record(work, "secret.deleted", f"secret:{name}", forced=force)
        self._values.forget((scope.org_id, scope.project_id, name))

    async def _stored(self, scope: OrgScope, name: str) -> Kept:
        if len(name) > LONGEST_NAME or not _NAME.match(name):
            return NOT_KEPT
        async with self._uow(scope) as work:
            found = await repository.used(work, scope, name)
        if found is None:
            return NOT_KEPT
        place, sealed, hosts = found
        return Kept(await self._ring.open(scope, place, sealed), hosts)


def _check(name: str, value: str) -> None:
    if len(name) > LONGEST_NAME or not _NAME.match(name):
        raise InvalidInput(
            "a secret's name is made of lower-case letters and digits, with `-`, `.` or `_` between them",
            help="such as `crm.key`; specs name it as secret://crm.key",
        )
    if not value.strip():
        raise InvalidInput(f"the value of '{name}' is empty", help="delete the secret if it is not needed any more")


async def _all(work: Work, scope: OrgScope) -> list[SecretOut]:
    uses = await repository.uses(work, scope)
    return [_out(row, uses.get(row.name, [])) for row in await repository.listed(work, scope)]


async def _shown(work: Work, scope: OrgScope, name: str) -> SecretOut:
    return next(one for one in await _all(work, scope) if one.name == name)


async def _told(work: Work, scope: OrgScope, name: str) -> SecretOut:
    shown = await _shown(work, scope, name)
    await record(work, "secret.set", f"secret:{name}", version=shown.version, hosts=shown.hosts)
    return shown


def _out(row: Secret, users: Sequence[tuple[str, str]]) -> SecretOut:
    return SecretOut.model_validate(
        {name: getattr(row, name) for name in SecretOut.model_fields if name != "used_by"}
        | {"used_by": [UseOut.model_validate({"kind": kind, "name": name}) for kind, name in users]}
    )


def _absent() -> NotFound:
    return NotFound("there is no such secret", help="`girih secrets list` shows those of the project")

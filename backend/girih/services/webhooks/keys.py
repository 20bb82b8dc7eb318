"""The secrets that projects' webhooks and feedback links are signed with: made, sealed, opened, replaced."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from functools import partial
from uuid import UUID

from girih.db.tenancy import OrgScope
from girih.db.unit_of_work import UnitOfWork, Work
from girih.errors import Conflict
from girih.services.audit.service import record
from girih.services.secrets.columns import SealedColumn
from girih.services.secrets.keyring import KeyRing
from girih.services.secrets.sealing import DataKey, Place, is_sealed
from girih.services.secrets.short_memory import ShortMemory
from girih.services.webhooks import repository
from girih.services.webhooks.signing import new_secret
from girih.services.webhooks.tables import WebhookSecret

_TABLE = "webhook_secrets"
SEALED = SealedColumn(_TABLE, "secret", "project_id"), SealedColumn(_TABLE, "before", "project_id")
_KEPT = 3.0
"""Seconds that an opened secret is kept. Signatures of the one before hold for a day."""


@dataclass(frozen=True)
class SigningSecret:
    """A project's secret, and the one before with the moment until which it is used as well. It shows neither."""

    secret: str = field(repr=False)
    before: str | None = field(repr=False)
    made_at: datetime
    before_until: datetime | None

    def both(self, now: datetime) -> tuple[str, ...]:
        """The secrets to sign with, and to know signatures by: for a while also the one before."""
        is_both = self.before is not None and self.before_until is not None and self.before_until > now
        return (self.secret, self.before) if is_both and self.before is not None else (self.secret,)


class SigningKeys:
    """Keeps them under the organizations' keys; where there is no master key, as they are."""

    def __init__(self, uow: UnitOfWork, ring: KeyRing) -> None:
        self._uow = uow
        self._ring = ring
        self._opened: ShortMemory[tuple[UUID, UUID], SigningSecret] = ShortMemory(_KEPT, 512)

    async def of(self, scope: OrgScope) -> SigningSecret:
        """The project's secret, made now if it had none. Raises `Unavailable`."""
        found = await self.known(scope)
        if found is not None:
            return found
        fresh = new_secret()
        if self._ring.can_seal:
            row = await self._ring.writing(scope, lambda work, key: self._add(work, scope, key, fresh))
        else:
            async with self._uow(scope) as work:
                row = await self._add(work, scope, None, fresh)
        return await self._kept(scope, row)

    async def known(self, scope: OrgScope) -> SigningSecret | None:
        """The project's secret, if it has one. Raises `Unavailable`."""
        opened = self._opened.get((scope.org_id, scope.project_id))
        if opened is not None:
            return opened
        async with self._uow(scope) as work:
            row = await repository.known_secret(work, scope)
            if row is not None:
                work.session.expunge(row)
        return None if row is None else await self._kept(scope, row)

    async def rotate(self, scope: OrgScope, *, overlap: timedelta) -> SigningSecret:
        """Give the project another secret; the one before is used as well for so long.

        Raises `Unavailable`, and `Conflict` where somebody else does the same just now.
        """
        await self.of(scope)
        self._opened.forget((scope.org_id, scope.project_id))
        before = await self.of(scope)
        fresh, until = new_secret(), datetime.now(UTC) + overlap
        if self._ring.can_seal:
            row = await self._ring.writing(scope, lambda work, key: self._swap(work, scope, key, fresh, before, until))
        else:
            async with self._uow(scope) as work:
                row = await self._swap(work, scope, None, fresh, before, until)
        return await self._kept(scope, row)

    async def seal_plain(self) -> int:
        """Seal what was kept before there was a master key, of all organizations; returns how many projects had one."""
        if not self._ring.can_seal:
            return 0
        async with self._uow.reading_for("keys") as work:
            plain = await repository.of_plain_secrets(work)
        for scope in plain:
            await self._ring.writing(scope, partial(_seal, scope))
        return len(plain)

    async def _add(self, work: Work, scope: OrgScope, key: DataKey | None, fresh: str) -> WebhookSecret:
        row = await repository.secret(work, scope, _kept(scope, key, "secret", fresh))
        work.session.expunge(row)
        return row

    async def _swap(
        self,
        work: Work,
        scope: OrgScope,
        key: DataKey | None,
        fresh: str,
        before: SigningSecret,
        until: datetime,
    ) -> WebhookSecret:
        held = await repository.known_secret(work, scope, lock=True)
        if held is None or held.made_at != before.made_at:
            raise Conflict("somebody else has just replaced the secret", help="look at it, and try again")
        row = await repository.replace(
            work,
            scope,
            secret=_kept(scope, key, "secret", fresh),
            before=_kept(scope, key, "before", before.secret),
            before_until=until,
        )
        await record(work, "webhook_secret.rotated", f"project:{scope.project_id}")
        work.session.expunge(row)
        return row

    async def _kept(self, scope: OrgScope, row: WebhookSecret) -> SigningSecret:
        secret = await self._ring.open(scope, _place(scope, "secret"), row.secret)
        before = None if row.before is None else await self._ring.open(scope, _place(scope, "before"), row.before)
        opened = SigningSecret(secret, before, row.made_at, row.before_until)
        self._opened.keep((scope.org_id, scope.project_id), opened)
        return opened


async def _seal(scope: OrgScope, work: Work, key: DataKey) -> None:
    row = await repository.known_secret(work, scope, lock=True)
    if row is not None and not is_sealed(row.secret):
        row.secret = key.seal(_place(scope, "secret"), row.secret)
        if row.before is not None and not is_sealed(row.before):
            row.before = key.seal(_place(scope, "before"), row.before)
        await work.session.flush()


def _kept(scope: OrgScope, key: DataKey | None, column: str, text: str) -> str:
    return text if key is None else key.seal(_place(scope, column), text)


def _place(scope: OrgScope, column: str) -> Place:
    return Place(scope.org_id, _TABLE, column, scope.project_id)

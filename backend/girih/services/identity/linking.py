"""Who people are at identity providers: known again there, linked by hand or by a verified address, and unlinked."""

from __future__ import annotations

from datetime import UTC, datetime
from uuid import UUID

from girih.db.base import new_id
from girih.db.unit_of_work import UnitOfWork, Work
from girih.errors import Conflict, NotFound, Unauthorized
from girih.providers.oidc.provider import Identity
from girih.services.identity import account_repository
from girih.services.identity import outside_repository as repository
from girih.services.identity.account_audit import record_for
from girih.services.identity.accounts import AccountService
from girih.services.identity.addresses import email_of
from girih.services.identity.outside import OutsideSignIns, Shown
from girih.services.identity.people_schemas import IdentityOut, SignedIn
from girih.services.identity.tables import Account
from girih.services.identity.tokens import Holder, refused


class LinkService:
    """Knows whose account belongs to whom elsewhere."""

    def __init__(self, uow: UnitOfWork, accounts: AccountService, sign_ins: OutsideSignIns) -> None:
        self._uow = uow
        self._accounts = accounts
        self._sign_ins = sign_ins

    async def sign_in(self, code: str, verifier: str | None, client: str) -> SignedIn:
        """Begin a session of whom the code's sign-in has shown; a new person gets an account.

        An account that has the address already is taken only if both sides have verified it. Raises `Unauthorized`.
        """
        shown = await self._sign_ins.shown(code, verifier)
        account_id = await self._known(shown) or await self._first(shown)
        return await self._accounts.begin(account_id, client)

    async def link(self, holder: Holder, code: str, verifier: str | None) -> IdentityOut:
        """Let the person sign in as whom the code's sign-in has shown. Raises `Conflict` for somebody else's."""
        shown = await self._sign_ins.shown(code, verifier)
        async with self._uow.of_account(holder.account_id) as work:
            owner = await _require(work, holder.account_id)
            if await repository.add_identity(work, owner.id, shown.provider, shown.identity):
                _note_address(owner, shown.identity)
                await _record(work, owner.id, shown)
            mine = await repository.identities(work, owner.id)
        for row in mine:
            if (row.issuer, row.subject) == (shown.identity.issuer, shown.identity.subject):
                return IdentityOut.model_validate(row)
        raise Conflict("somebody else signs in as this already", help="unlink it there, or sign in as somebody else")

    async def identities(self, holder: Holder) -> list[IdentityOut]:
        """Who the person is elsewhere."""
        async with self._uow.of_account(holder.account_id) as work:
            return [IdentityOut.model_validate(row) for row in await repository.identities(work, holder.account_id)]

    async def unlink(self, holder: Holder, id: UUID) -> None:
        """End a link. Raises `Conflict` for the last one of a person without a password."""
        async with self._uow.of_account(holder.account_id) as work:
            owner = await _require(work, holder.account_id)
            mine = {row.id: row for row in await repository.identities(work, owner.id)}
            if id not in mine or not await repository.remove_identity(work, owner.id, id):
                raise NotFound(f"you have no identity `{id}`", help="list your identities to find its id")
            if owner.password is None and len(mine) == 1:
                raise Conflict("you could not sign in any more", help="link another identity or get a password first")
            await record_for(work, owner.id, "account.identity_unlinked", **_told(mine[id].provider, mine[id].issuer))

    async def _known(self, shown: Shown) -> UUID | None:
        """Whoever is linked to this identity."""
        identity = shown.identity
        async with self._uow.reading_for(f"identity:{identity.issuer} {identity.subject}") as work:
            account_id = await repository.owner(work, identity)
        if account_id is None:
            return None
        async with self._uow.of_account(account_id) as work:
            owner = await _require(work, account_id)
            _note_address(owner, identity)
            await repository.note_use(work, identity, datetime.now(UTC))
        return account_id

    async def _first(self, shown: Shown) -> UUID:
        """The account of somebody who comes from there first: made now, or the one with the same verified address."""
        if shown.identity.email is None:
            raise Unauthorized(
                "the provider does not say that your e-mail address is verified",
                help="verify it there; or sign in here as before, and link the identity to your account",
            )
        email = email_of(shown.identity.email)
        async with self._uow.reading_for(f"address:{email}") as work:
            known = await account_repository.account_at(work, email)
        if known is not None and known.email_verified_at is None:
            raise Unauthorized(
                "there is an account with this address, which nobody has verified here",
                help="sign in to it as before, and link the identity to it",
            )
        account_id = known.id if known else new_id()
        async with self._uow.of_account(account_id) as work:
            is_made = known is None and await account_repository.add_account(
                work, account_id, email, shown.identity.name, None, verified_at=datetime.now(UTC)
            )
            if not is_made:
                await _require(work, account_id)
            if not await repository.add_identity(work, account_id, shown.provider, shown.identity):
                raise Conflict("you are signing in twice at once", help="sign in again")
            await _record(work, account_id, shown)
        return account_id


async def _require(work: Work, account_id: UUID) -> Account:
    """The person, held, who may sign in. Raises `Unauthorized`."""
    found = await account_repository.account(work, account_id, held=True)
    if found is None or found.suspended_at is not None:
        raise refused()
    return found


async def _record(work: Work, account_id: UUID, shown: Shown) -> None:
    told = _told(shown.provider, shown.identity.issuer)
    await record_for(work, account_id, "account.identity_linked", **told)


def _told(provider: str, issuer: str) -> dict[str, str]:
    return {"provider": provider, "issuer": issuer}


def _note_address(owner: Account, identity: Identity) -> None:
    """A provider that has verified the person's address has done so for us."""
    if identity.email == owner.email:
        owner.email_verified_at = datetime.now(UTC)

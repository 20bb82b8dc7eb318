"""What people do by mail when they cannot do it by password, and the first set-up of an installation."""

from __future__ import annotations

from typing import Annotated

from pydantic import BaseModel, Field

from girih.api.attempts import Attempt
from girih.api.auth import Client, Secret
from girih.api.deps import GuardedRoute, Person, Wired, public
from girih.api.routers import Router
from girih.api.shapes import Body
from girih.services.identity.people_schemas import SignedIn
from girih.services.identity.setup import Founder

router = Router(tags=["people"], route_class=GuardedRoute)

Email = Annotated[str, Field(min_length=3, max_length=254)]
Name = Annotated[str, Field(min_length=1, max_length=100)]


class ForgotIn(Body):
    """Who has forgotten the password."""

    email: Email


class ResetIn(Body):
    """The token that was mailed, and another password."""

    token: Secret
    password: Secret


class ConfirmIn(Body):
    """The token that was mailed."""

    token: Secret


class EmailIn(Body):
    """Another address, and the password once more."""

    email: Email
    password: Secret


class SetupIn(Body):
    """The set-up token, the first organization with its project, and its owner."""

    token: Secret
    organization: Name
    project: Name = "main"
    email: Email
    name: Name
    password: Secret


class MailedOut(BaseModel):
    """What happens next, in words."""

    message: str


_FORGOT = "if there is an account with this address, a mail is on its way to it"
_WRITTEN = "a mail is on its way; it has the token to confirm with"


@router.post("/auth/password/forgot", operation_id="forgot_password", status_code=202, dependencies=[public])
async def forgot_password(girih: Wired, attempt: Attempt, body: ForgotIn) -> MailedOut:
    """Have a token mailed to choose another password with. The answer is the same whether the address is known."""
    await attempt("forgot", body.email)
    await girih.people.recovery.forgot(body.email)
    return MailedOut(message=_FORGOT)


@router.post("/auth/password/reset", operation_id="reset_password", status_code=204, dependencies=[public])
async def reset_password(girih: Wired, attempt: Attempt, body: ResetIn) -> None:
    """Take another password by a mailed token, which holds for 30 minutes and once. Every session ends."""
    token = body.token.get_secret_value()
    await attempt("reset", token)
    await girih.people.recovery.reset(token, body.password.get_secret_value())


@router.post("/auth/email/confirm", operation_id="confirm_email", status_code=204, dependencies=[public])
async def confirm_email(girih: Wired, attempt: Attempt, body: ConfirmIn) -> None:
    """Confirm an address by the token that was mailed to it: the present one, or the one it shall be from now on."""
    token = body.token.get_secret_value()
    await attempt("confirm", token)
    await girih.people.recovery.confirm(token)


@router.put("/account/email", operation_id="change_email", status_code=202)
async def change_email(girih: Wired, person: Person, attempt: Attempt, body: EmailIn) -> MailedOut:
    """Ask for another address. Both are written to; it changes once the new one is confirmed."""
    await attempt("password", person.account_id)
    await girih.people.recovery.change_email(person, body.email, body.password.get_secret_value())
    return MailedOut(message=_WRITTEN)


@router.post("/account/email/verification", operation_id="verify_email", status_code=202)
async def verify_email(girih: Wired, person: Person, attempt: Attempt) -> MailedOut:
    """Have the mail sent once more that a new account's address is confirmed by."""
    await attempt("verify", person.account_id)
    await girih.people.recovery.verify(person)
    return MailedOut(message=_WRITTEN)


@router.post("/setup", operation_id="set_up", status_code=201, dependencies=[public])
async def set_up(girih: Wired, attempt: Attempt, body: SetupIn, client: Client = "") -> SignedIn:
    """Make the first organization of a fresh installation, with its owner, by the token in the server's log."""
    token = body.token.get_secret_value()
    await attempt("setup", "setup")
    founder = Founder(body.email, body.name, body.password.get_secret_value())
    return await girih.people.setup.set_up(token, body.organization, body.project, founder, client)

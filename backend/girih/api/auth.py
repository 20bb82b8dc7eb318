"""People sign in, stay signed in, and look after their sessions."""

from __future__ import annotations

from typing import Annotated, Any
from uuid import UUID

from fastapi import Header
from pydantic import Field, SecretStr

from girih.api.attempts import Attempt
from girih.api.deps import GuardedRoute, Person, Wired, public
from girih.api.routers import Router
from girih.api.shapes import Body, Page
from girih.services.identity.people_schemas import AccountOut, SessionOut, SignedIn

router = Router(tags=["people"], route_class=GuardedRoute)
well_known = Router(prefix="/.well-known", tags=["people"], route_class=GuardedRoute)

Client = Annotated[str, Header(alias="User-Agent", include_in_schema=False)]
Secret = Annotated[SecretStr, Field(min_length=1, max_length=1000)]


class SignInIn(Body):
    """Who signs in."""

    email: Annotated[str, Field(min_length=3, max_length=254)]
    password: Secret


class RefreshIn(Body):
    """The session to go on with."""

    refresh_token: Secret


class AcceptIn(Body):
    """An invitation, and the person it is for: new here, or with the password that he has already."""

    token: Secret
    name: Annotated[str, Field(min_length=1, max_length=100)]
    password: Secret


class PasswordIn(Body):
    """Another password."""

    current: Secret
    new: Secret


@router.post("/auth/sign-in", operation_id="sign_in", dependencies=[public])
async def sign_in(girih: Wired, attempt: Attempt, body: SignInIn, client: Client = "") -> SignedIn:
    """Begin a session. The access token goes where API keys go; the refresh token is good for one refresh."""
    await attempt("sign_in", body.email)
    return await girih.people.accounts.sign_in(body.email, body.password.get_secret_value(), client)


@router.post("/auth/refresh", operation_id="refresh_session", dependencies=[public])
async def refresh_session(girih: Wired, attempt: Attempt, body: RefreshIn) -> SignedIn:
    """New tokens for a refresh token. One that was used before ends its session."""
    token = body.refresh_token.get_secret_value()
    await attempt("refresh", token, often=True)
    return await girih.people.accounts.refresh(token)


@router.post("/auth/accept", operation_id="accept_invitation", status_code=201, dependencies=[public])
async def accept_invitation(girih: Wired, attempt: Attempt, body: AcceptIn, client: Client = "") -> SignedIn:
    """Become a member of the organization that an invitation is for, and sign in."""
    token, password = body.token.get_secret_value(), body.password.get_secret_value()
    await attempt("accept", token)
    return await girih.people.members.accept(token, body.name, password, client)


@router.post("/auth/sign-out", operation_id="sign_out", status_code=204)
async def sign_out(girih: Wired, person: Person) -> None:
    """End the session that asks, here at once and everywhere within five seconds."""
    await girih.people.accounts.end_session(person)


@router.get("/account", operation_id="get_account")
async def get_account(girih: Wired, person: Person) -> AccountOut:
    """Who calls, and where he may do what."""
    return await girih.people.accounts.me(person)


@router.put("/account/password", operation_id="change_password", status_code=204)
async def change_password(girih: Wired, person: Person, attempt: Attempt, body: PasswordIn) -> None:
    """Take another password. Every other session ends."""
    await attempt("password", person.account_id)
    await girih.people.accounts.change_password(person, body.current.get_secret_value(), body.new.get_secret_value())


@router.get("/account/sessions", operation_id="list_sessions")
async def list_sessions(girih: Wired, person: Person) -> Page[SessionOut]:
    """The sessions of the person who calls, the newest first."""
    return Page(items=await girih.people.accounts.sessions(person))


@router.delete("/account/sessions/{session_id}", operation_id="end_session", status_code=204)
async def end_session(girih: Wired, person: Person, session_id: UUID) -> None:
    """End a session of the person who calls."""
    await girih.people.accounts.end_session(person, session_id)


@well_known.get("/jwks.json", operation_id="get_token_keys", dependencies=[public])
async def get_token_keys(girih: Wired) -> dict[str, Any]:
    """The public keys that access tokens are signed with, as a JSON Web Key Set (RFC 7517)."""
    return girih.people.accounts.tokens.public()

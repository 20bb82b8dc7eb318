"""People sign in at identity providers: sent there and back by the browser, and known again by who they are there."""

from __future__ import annotations

from typing import Annotated
from uuid import UUID

from fastapi import Cookie, Query, Response
from fastapi.responses import RedirectResponse
from pydantic import Field, SecretStr

from girih.api.attempts import Attempt
from girih.api.auth import Client, Secret
from girih.api.deps import GuardedRoute, Person, Wired, public
from girih.api.routers import Router
from girih.api.shapes import Body, Page
from girih.services.identity.outside import OPEN, Returned
from girih.services.identity.people_schemas import AccountOut, IdentityOut, IdentityProviderOut, SignedIn


class ComingBack(GuardedRoute):
    """Providers add to the address what they like."""

    any_parameters = True


router = Router(tags=["people"], route_class=GuardedRoute)
back = Router(tags=["people"], route_class=ComingBack)

COOKIE = "__Host-girih-sign-in"
"""Kept by the browser while somebody signs in elsewhere: only over TLS (or on this machine), only for this host."""

Said = Annotated[str | None, Query(max_length=4000)]
Challenge = Annotated[
    str | None,
    Query(
        pattern="^[A-Za-z0-9_-]{43}$",
        description="The app's own challenge (RFC 7636, `S256`): the code is then good with its verifier only.",
    ),
]


class CodeIn(Body):
    """The code that an app was given, and the verifier of its challenge, if it gave one."""

    code: Secret
    verifier: Annotated[SecretStr, Field(min_length=43, max_length=128)] | None = None

    @property
    def shown(self) -> tuple[str, str | None]:
        """Both, in the clear."""
        return self.code.get_secret_value(), self.verifier.get_secret_value() if self.verifier else None


class InvitedIn(Body):
    """An invitation."""

    token: Secret


@router.get("/auth/oidc", operation_id="list_identity_providers", dependencies=[public])
async def list_identity_providers(girih: Wired) -> Page[IdentityProviderOut]:
    """Where people may sign in."""
    return Page(items=girih.people.outside.providers())


@router.get(
    "/auth/oidc/{provider}/start",
    operation_id="start_outside_sign_in",
    status_code=303,
    response_class=RedirectResponse,
    dependencies=[public],
)
async def start_outside_sign_in(
    girih: Wired,
    provider: str,
    return_to: Annotated[str, Query(min_length=1, max_length=2000, description="An address of the app.")],
    challenge: Challenge = None,
) -> Response:
    """Send the browser to the provider. It comes back to `return_to` with a `code`, or an `error`."""
    begun = await girih.people.outside.begin(provider, return_to, challenge)
    answer = RedirectResponse(begun.address, 303)
    age = int(OPEN.total_seconds())
    answer.set_cookie(COOKIE, begun.cookie, max_age=age, secure=True, httponly=True, samesite="lax")
    return answer


@back.get(
    "/auth/oidc/{provider}/callback",
    operation_id="finish_outside_sign_in",
    status_code=303,
    response_class=RedirectResponse,
    dependencies=[public],
)
async def finish_outside_sign_in(
    girih: Wired,
    provider: str,
    cookie: Annotated[str, Cookie(alias=COOKIE, include_in_schema=False)] = "",
    state: Said = None,
    code: Said = None,
    error: Said = None,
    iss: Said = None,
) -> Response:
    """Where providers send browsers back to."""
    address = await girih.people.outside.come_back(provider, cookie, Returned(state or "", code, error, iss))
    answer = RedirectResponse(address, 303)
    answer.delete_cookie(COOKIE, secure=True, httponly=True, samesite="lax")
    return answer


@router.post("/auth/oidc/token", operation_id="exchange_sign_in_code", dependencies=[public])
async def exchange_sign_in_code(girih: Wired, attempt: Attempt, body: CodeIn, client: Client = "") -> SignedIn:
    """Begin a session with the code that a sign-in elsewhere ended with. It is good once, for a minute."""
    code, verifier = body.shown
    await attempt("code", code, often=True)
    return await girih.people.links.sign_in(code, verifier, client)


@router.post("/account/invitations", operation_id="join_by_invitation")
async def join_by_invitation(girih: Wired, person: Person, attempt: Attempt, body: InvitedIn) -> AccountOut:
    """Become a member by an invitation to the address of the person who calls, who needs no password for it."""
    token = body.token.get_secret_value()
    await attempt("accept", token)
    return await girih.people.members.join(person, token)


@router.get("/account/identities", operation_id="list_identities")
async def list_identities(girih: Wired, person: Person) -> Page[IdentityOut]:
    """Who the person who calls is at identity providers."""
    return Page(items=await girih.people.links.identities(person))


@router.post("/account/identities", operation_id="link_identity", status_code=201)
async def link_identity(girih: Wired, person: Person, attempt: Attempt, body: CodeIn) -> IdentityOut:
    """Let the person who calls sign in as whom the code's sign-in has shown."""
    code, verifier = body.shown
    await attempt("code", code)
    return await girih.people.links.link(person, code, verifier)


@router.delete("/account/identities/{identity_id}", operation_id="unlink_identity", status_code=204)
async def unlink_identity(girih: Wired, person: Person, identity_id: UUID) -> None:
    """End a link. The last one of a person without a password stays."""
    await girih.people.links.unlink(person, identity_id)

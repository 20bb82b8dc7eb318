"""What the services of people take and give."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import datetime
from uuid import UUID

from pydantic import BaseModel, ConfigDict

from girih.services.mail.tables import MailState


class SignedIn(BaseModel):
    """Tokens of a session. Both are secrets; the refresh token is good for one refresh."""

    access_token: str
    token_type: str = "Bearer"  # noqa: S105 - the kind of token, as OAuth 2 names it
    expires_in: int
    """Seconds that the access token holds."""
    refresh_token: str


class IdentityProviderOut(BaseModel):
    """A provider that people may sign in at: its name in addresses, and its title for people."""

    name: str
    title: str


class IdentityOut(BaseModel):
    """Who a person is at an identity provider; `email` as it is verified there."""

    model_config = ConfigDict(from_attributes=True)

    id: UUID
    provider: str
    issuer: str
    subject: str
    email: str | None
    created_at: datetime
    used_at: datetime


class SessionOut(BaseModel):
    """One sign-in of a person; `current`: the one that asks."""

    model_config = ConfigDict(from_attributes=True)

    id: UUID
    client: str
    created_at: datetime
    refreshed_at: datetime
    expires_at: datetime
    current: bool


class PlaceOut(BaseModel):
    """A project that a person may speak for, and what he may do there."""

    organization: str
    organization_id: UUID
    project: str
    project_id: UUID
    roles: list[str]
    permissions: list[str]
    suspended_at: datetime | None = None
    """Since when the operator lets nothing happen in the organization."""
    deletes_at: datetime | None = None
    """When the organization is removed with everything in it; until then nothing happens there."""


class AccountOut(BaseModel):
    """A person, and where he may do what."""

    id: UUID
    email: str
    email_verified_at: datetime | None
    """When it was shown last that the address is the person's own."""
    name: str
    places: list[PlaceOut]


class GrantOut(BaseModel):
    """A role, in one project, in all projects of a unit, or (both null) in the whole organization."""

    role: str
    project: str | None
    unit: UUID | None = None


class MemberOut(BaseModel):
    """A member of an organization."""

    id: UUID
    email: str
    name: str
    since: datetime
    suspended_at: datetime | None
    roles: list[GrantOut]


class InvitationOut(BaseModel):
    """An invitation as it is listed: everything but its token."""

    model_config = ConfigDict(from_attributes=True)

    id: UUID
    email: str
    role: str
    project_id: UUID | None
    created_at: datetime
    created_by: str
    expires_at: datetime
    accepted_at: datetime | None
    revoked_at: datetime | None
    mail_state: MailState
    """Whether it was mailed: `none` on a server that sends no mail, else `pending`, `sent` or `failed`."""
    mail_error: str | None
    """Why the last try to send it was none that counts."""


class NewInvitation(InvitationOut):
    """An invitation that was just made, with its token: it is shown this once."""

    token: str


class RoleOut(BaseModel):
    """A role, and what it may do; `custom`: the organization has made it itself."""

    name: str
    permissions: list[str]
    custom: bool


@dataclass(frozen=True)
class Standing:
    """Where a person stands: what a transaction that speaks for this person has read."""

    account_id: UUID
    is_live: bool
    """Neither the person nor the session is suspended, revoked or over."""
    places: tuple[PlaceOut, ...] = field(default=())

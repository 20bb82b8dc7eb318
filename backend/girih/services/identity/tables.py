"""The keys to projects, and the people of organizations: accounts, sessions, memberships, roles, invitations."""

from __future__ import annotations

from datetime import datetime
from uuid import UUID

from sqlalchemy import (
    ARRAY,
    CheckConstraint,
    ForeignKey,
    ForeignKeyConstraint,
    Index,
    Text,
    UniqueConstraint,
    Uuid,
    text,
)
from sqlalchemy.orm import Mapped, mapped_column

from girih.db.base import Base, Identified, OrgOwned, ProjectOwned, project_key
from girih.services.mail.tables import Mailed, mail_rules


def _unit_key() -> ForeignKeyConstraint:
    return ForeignKeyConstraint(["org_id", "unit_id"], ["units.org_id", "units.id"], ondelete="CASCADE")


def _service_key() -> ForeignKeyConstraint:
    return ForeignKeyConstraint(
        ["org_id", "service_account_id"], ["service_accounts.org_id", "service_accounts.id"], ondelete="CASCADE"
    )


class ApiKey(ProjectOwned, Base):
    """A key to one project. Only its SHA-256 is kept; a revoked key stays listed."""

    __tablename__ = "api_keys"
    __table_args__ = (
        project_key(),
        _service_key(),
        UniqueConstraint("org_id", "id"),
        Index(None, "org_id", "project_id"),
        Index(None, "org_id", "service_account_id"),
    )

    name: Mapped[str] = mapped_column(Text)
    hash: Mapped[bytes]
    permissions: Mapped[list[str]] = mapped_column(ARRAY(Text))
    created_by: Mapped[str] = mapped_column(Text)
    expires_at: Mapped[datetime | None]
    revoked_at: Mapped[datetime | None]
    last_used_at: Mapped[datetime | None]
    """To the minute."""
    replaced_by: Mapped[UUID | None] = mapped_column(Uuid)
    """The key that was made in its place."""
    agents: Mapped[list[str]] = mapped_column(ARRAY(Text), server_default="{}")
    """The agents it is for, by name or as `name*`; none: all of them."""
    networks: Mapped[list[str]] = mapped_column(ARRAY(Text), server_default="{}")
    """Where it may come from, as CIDR; none: anywhere."""
    requests_per_minute: Mapped[int | None]
    runs_at_once: Mapped[int | None]
    service_account_id: Mapped[UUID | None] = mapped_column(Uuid)
    """Whose key it is; null for one of the project's own."""


class ApiKeyProject(Base):
    """A project that a key is for besides its own."""

    __tablename__ = "api_key_projects"
    __table_args__ = (
        ForeignKeyConstraint(["org_id", "key_id"], ["api_keys.org_id", "api_keys.id"], ondelete="CASCADE"),
        project_key(),
        Index(None, "org_id", "project_id"),
    )

    org_id: Mapped[UUID] = mapped_column(Uuid, ForeignKey("organizations.id", ondelete="CASCADE"), primary_key=True)
    key_id: Mapped[UUID] = mapped_column(Uuid, primary_key=True)
    project_id: Mapped[UUID] = mapped_column(Uuid, primary_key=True)


class Account(Identified, Base):
    """A person who can sign in. Belongs to no organization: one person may be a member of several."""

    __tablename__ = "accounts"
    __table_args__ = (UniqueConstraint("email"),)

    email: Mapped[str] = mapped_column(Text)
    """In lower case."""
    name: Mapped[str] = mapped_column(Text)
    password: Mapped[str | None] = mapped_column(Text)
    """As `pwdlib` writes an Argon2id hash; null for who signs in elsewhere only."""
    email_verified_at: Mapped[datetime | None]
    """When it was shown last that the address is the person's own."""
    failures: Mapped[int] = mapped_column(server_default="0")
    """Wrong passwords since the last right one."""
    locked_until: Mapped[datetime | None]
    suspended_at: Mapped[datetime | None]


class AccountSession(Identified, Base):
    """One sign-in of a person: what a refresh token belongs to. Only the token's SHA-256 is kept."""

    __tablename__ = "account_sessions"
    __table_args__ = (Index(None, "account_id"),)

    account_id: Mapped[UUID] = mapped_column(Uuid, ForeignKey("accounts.id", ondelete="CASCADE"))
    client: Mapped[str] = mapped_column(Text)
    """What the client called itself (`User-Agent`)."""
    hash: Mapped[bytes]
    former_hash: Mapped[bytes | None]
    """Of the token that `hash` took the place of."""
    rotated_at: Mapped[datetime]
    expires_at: Mapped[datetime]
    revoked_at: Mapped[datetime | None]
    reason: Mapped[str | None] = mapped_column(Text)
    """Why it was revoked: `signed_out`, `revoked`, `reused` or `password_changed`."""


class AccountIdentity(Identified, Base):
    """Who a person is at an identity provider. The issuer names the provider, whatever it is called here."""

    __tablename__ = "account_identities"
    __table_args__ = (UniqueConstraint("issuer", "subject"), Index(None, "account_id"))

    account_id: Mapped[UUID] = mapped_column(Uuid, ForeignKey("accounts.id", ondelete="CASCADE"))
    provider: Mapped[str] = mapped_column(Text)
    """What it was called here when this was linked."""
    issuer: Mapped[str] = mapped_column(Text)
    subject: Mapped[str] = mapped_column(Text)
    email: Mapped[str | None] = mapped_column(Text)
    used_at: Mapped[datetime]


class OutsideSignIn(Identified, Base):
    """A sign-in at an identity provider that has begun here. What its browser and its app hold is kept as hashes."""

    __tablename__ = "outside_sign_ins"
    __table_args__ = (Index(None, "expires_at"),)

    provider: Mapped[str] = mapped_column(Text)
    hash: Mapped[bytes]
    """Of what the browser's cookie holds."""
    return_to: Mapped[str] = mapped_column(Text)
    challenge: Mapped[str | None] = mapped_column(Text)
    """What the app's verifier has to hash to, where it gave a challenge."""
    expires_at: Mapped[datetime]
    returned_at: Mapped[datetime | None]
    code_hash: Mapped[bytes | None]
    issuer: Mapped[str | None] = mapped_column(Text)
    subject: Mapped[str | None] = mapped_column(Text)
    email: Mapped[str | None] = mapped_column(Text)
    """As the provider has verified it."""
    name: Mapped[str | None] = mapped_column(Text)


class TrustedIssuer(ProjectOwned, Base):
    """An issuer whose tokens a project takes, and what may be done with them."""

    __tablename__ = "trusted_issuers"
    __table_args__ = (
        project_key(),
        UniqueConstraint(
            "org_id",
            "project_id",
            "issuer",
            "audience_claim",
            "audience",
            name="uq_trusted_issuers_org_id_project_id_issuer_audience",
        ),
        Index(None, "issuer"),
    )

    issuer: Mapped[str] = mapped_column(Text)
    audience: Mapped[str] = mapped_column(Text)
    audience_claim: Mapped[str] = mapped_column(Text)
    """Where the token says for whom it is: `aud` or `azp`."""
    user_claim: Mapped[str] = mapped_column(Text)
    groups_claim: Mapped[str | None] = mapped_column(Text)
    role: Mapped[str] = mapped_column(Text)
    created_by: Mapped[str] = mapped_column(Text)


class Membership(OrgOwned, Base):
    """A person in an organization."""

    __tablename__ = "memberships"
    __table_args__ = (UniqueConstraint("org_id", "account_id"), Index(None, "account_id"))

    account_id: Mapped[UUID] = mapped_column(Uuid, ForeignKey("accounts.id", ondelete="CASCADE"))
    created_by: Mapped[str] = mapped_column(Text)
    suspended_at: Mapped[datetime | None]


class RoleGrant(OrgOwned, Base):
    """A role that a member has: in one project, in all projects of a unit, or (both null) in the organization."""

    __tablename__ = "role_grants"
    __table_args__ = (
        ForeignKeyConstraint(
            ["org_id", "account_id"], ["memberships.org_id", "memberships.account_id"], ondelete="CASCADE"
        ),
        project_key(),
        _unit_key(),
        CheckConstraint("project_id IS NULL OR unit_id IS NULL", name="place"),
        UniqueConstraint("org_id", "account_id", "project_id", "unit_id", postgresql_nulls_not_distinct=True),
        Index(None, "account_id"),
    )

    account_id: Mapped[UUID] = mapped_column(Uuid)
    project_id: Mapped[UUID | None] = mapped_column(Uuid)
    unit_id: Mapped[UUID | None] = mapped_column(Uuid)
    role: Mapped[str] = mapped_column(Text)
    created_by: Mapped[str] = mapped_column(Text)


class ServiceAccount(OrgOwned, Base):
    """A program that has roles as members do, of the organization or (`project_id`) for one project only."""

    __tablename__ = "service_accounts"
    __table_args__ = (project_key(), UniqueConstraint("org_id", "id"), UniqueConstraint("org_id", "name"))

    project_id: Mapped[UUID | None] = mapped_column(Uuid)
    name: Mapped[str] = mapped_column(Text)
    created_by: Mapped[str] = mapped_column(Text)
    suspended_at: Mapped[datetime | None]


class ServiceGrant(OrgOwned, Base):
    """A role that a service account has, at a place as `RoleGrant` has it."""

    __tablename__ = "service_grants"
    __table_args__ = (
        _service_key(),
        project_key(),
        _unit_key(),
        CheckConstraint("project_id IS NULL OR unit_id IS NULL", name="place"),
        UniqueConstraint("org_id", "service_account_id", "project_id", "unit_id", postgresql_nulls_not_distinct=True),
    )

    service_account_id: Mapped[UUID] = mapped_column(Uuid)
    project_id: Mapped[UUID | None] = mapped_column(Uuid)
    unit_id: Mapped[UUID | None] = mapped_column(Uuid)
    role: Mapped[str] = mapped_column(Text)
    created_by: Mapped[str] = mapped_column(Text)


class CustomRole(OrgOwned, Base):
    """A set of permissions that an organization has given a name."""

    __tablename__ = "roles"
    __table_args__ = (UniqueConstraint("org_id", "name"),)

    name: Mapped[str] = mapped_column(Text)
    permissions: Mapped[list[str]] = mapped_column(ARRAY(Text))


class Invitation(Mailed, OrgOwned, Base):
    """An invitation into an organization, for whoever holds its token. Only the token's SHA-256 is kept."""

    __tablename__ = "invitations"
    __table_args__ = (project_key(), Index(None, "org_id", "created_at"), *mail_rules("invitations"))

    email: Mapped[str] = mapped_column(Text)
    role: Mapped[str] = mapped_column(Text)
    project_id: Mapped[UUID | None] = mapped_column(Uuid)
    hash: Mapped[bytes]
    created_by: Mapped[str] = mapped_column(Text)
    expires_at: Mapped[datetime]
    accepted_at: Mapped[datetime | None]
    revoked_at: Mapped[datetime | None]


class Setup(Base):
    """The one-time token that a fresh installation is set up with: one row at most. Only its SHA-256 is kept."""

    __tablename__ = "setup"
    __table_args__ = (CheckConstraint("sole", name="sole"),)

    sole: Mapped[bool] = mapped_column(primary_key=True, server_default=text("true"))
    id: Mapped[UUID] = mapped_column(Uuid)
    hash: Mapped[bytes]
    expires_at: Mapped[datetime]
    used_at: Mapped[datetime | None]

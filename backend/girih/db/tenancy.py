"""Row-level security: who a transaction speaks for, and the policies that hold it to that."""

from __future__ import annotations

from dataclasses import dataclass, field
from uuid import UUID

APP_ROLE = "girih_app"
"""The database role the application works as. It owns nothing and cannot bypass row-level security."""

SETTING = "app.org_id"
_ORG = f"nullif(current_setting('{SETTING}', true), '')::uuid"


@dataclass(frozen=True)
class OrgScope:
    """Whom a request speaks for: the organization, the project in it, the key it came with, and what it may do."""

    org_id: UUID
    project_id: UUID
    actor: str = "system"
    permissions: frozenset[str] = field(default_factory=frozenset)


def guard(table: str) -> list[str]:
    """Statements that put a table with `org_id` under forced row-level security and let the app's role use it."""
    return [
        f"ALTER TABLE {table} ENABLE ROW LEVEL SECURITY",
        f"ALTER TABLE {table} FORCE ROW LEVEL SECURITY",
        f"CREATE POLICY {table}_org ON {table} USING (org_id = {_ORG}) WITH CHECK (org_id = {_ORG})",
        f"GRANT SELECT, INSERT, UPDATE, DELETE ON {table} TO {APP_ROLE}",
    ]


def guard_root(table: str) -> list[str]:
    """As `guard`, for the table of organizations itself, whose own id is the organization."""
    return [statement.replace("(org_id =", "(id =") for statement in guard(table)]


def readable_by(table: str, purpose: str, condition: str) -> str:
    """An extra policy that lets rows be *read* across organizations for one purpose (`reconcile`, `sign_in`)."""
    return f"CREATE POLICY {table}_{purpose} ON {table} FOR SELECT USING ({condition})"


def speaking_for(purpose: str) -> str:
    """The condition of a transaction opened for a purpose instead of an organization."""
    return f"current_setting('app.purpose', true) = '{purpose}'"


def speaking_for_row(purpose: str) -> str:
    """The condition of a transaction opened for a purpose that names the one row it is about, by its `id`."""
    return f"current_setting('app.purpose', true) = '{purpose}:' || id::text"

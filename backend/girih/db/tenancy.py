"""Row-level security: who a transaction speaks for, and the policies that hold it to that."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from uuid import UUID

from girih.errors import Forbidden

APP_ROLE = "girih_app"
"""The database role the application works as. It owns nothing and cannot bypass row-level security."""

SETTING = "app.org_id"
AGENTS = "app.agents"
"""The setting of a transaction that is limited to certain agents: a regular expression of their names."""
_ORG = f"nullif(current_setting('{SETTING}', true), '')::uuid"


@dataclass(frozen=True)
class EndUser:
    """A user of an app, as a token says that was made for the app: what is said of others does not count beside it."""

    name: str
    groups: tuple[str, ...] = ()


@dataclass(frozen=True)
class OrgScope:
    """Whom a request speaks for: the organization, the project in it, the key it came with, and what it may do."""

    org_id: UUID
    project_id: UUID
    actor: str = "system"
    permissions: frozenset[str] = field(default_factory=frozenset)
    key_id: UUID | None = None
    """The API key that it came with, if it came with one."""
    agents: tuple[str, ...] = ()
    """The agents it is limited to, by name or as `name*`; none: all of them. The database holds it to that."""
    requests_per_minute: int | None = None
    """Its own rate, where it has one besides those of the settings."""
    runs_at_once: int | None = None
    """Its own bound of runs at once, where it has one besides those of the settings."""
    end_user: EndUser | None = None
    """For whom it asks, where its credential says so: then it asks for nobody else."""

    @property
    def agents_pattern(self) -> str:
        """The names of the agents it is limited to as a regular expression of PostgreSQL; empty: all of them."""
        return pattern_of(self.agents)

    def reaches(self, agent: str) -> bool:
        """Whether it may have to do with the agent of that name."""
        return not self.agents or re.search(self.agents_pattern, agent) is not None

    def require_agent(self, agent: str) -> None:
        """Raise `Forbidden` for an agent that it may have nothing to do with, whether there is one or not."""
        if not self.reaches(agent):
            raise of_other_agents(self)

    def whole(self) -> OrgScope:
        """The same for what girih itself does on its behalf: counting for all agents, calling one from another."""
        return replace(self, agents=()) if self.agents else self


def pattern_of(agents: Sequence[str]) -> str:
    """Names of agents, of which a `*` at the end stands for any rest, as one regular expression."""
    one_each = (re.escape(name.removesuffix("*")) + (".*" if name.endswith("*") else "") for name in agents)
    return f"^({'|'.join(one_each)})$" if agents else ""


def of_other_agents(scope: OrgScope) -> Forbidden:
    """The answer to whoever would touch an agent that the scope is not for."""
    return Forbidden(
        f"this key is for {', '.join(scope.agents)} only, and this is about another agent",
        help="use a key that is not limited to these agents",
    )


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


FREE = f"(SELECT coalesce(current_setting('{AGENTS}', true), '') = '')"
"""Whether the transaction is limited to no agents; asked once for a statement, not for each row."""


def named(column: str) -> str:
    """The condition that the agent a column names is one that the transaction may have to do with."""
    return f"{column} ~ current_setting('{AGENTS}', true)"


def beside(table: str, of: str, **columns: str) -> str:
    """The condition that the row of another table, which this one's row belongs to, is to be seen itself."""
    joined = " AND ".join(f"o.{theirs} = {table}.{ours}" for ours, theirs in {"org_id": "org_id", **columns}.items())
    return f"EXISTS (SELECT FROM {of} o WHERE {joined})"


def limited_to_agents(table: str, condition: str) -> str:
    """A policy that takes from a transaction limited to certain agents all rows but those that fit the condition."""
    return f"CREATE POLICY {table}_agents ON {table} AS RESTRICTIVE USING ({FREE} OR {condition})"


def readable_by(table: str, purpose: str, condition: str) -> str:
    """An extra policy that lets rows be *read* across organizations for one purpose (`reconcile`, `sign_in`)."""
    return f"CREATE POLICY {table}_{purpose} ON {table} FOR SELECT USING ({condition})"


def speaking_for(purpose: str) -> str:
    """The condition of a transaction opened for a purpose instead of an organization."""
    return f"current_setting('app.purpose', true) = '{purpose}'"


def speaking_for_row(purpose: str) -> str:
    """The condition of a transaction opened for a purpose that names the one row it is about, by its `id`."""
    return f"current_setting('app.purpose', true) = '{purpose}:' || id::text"

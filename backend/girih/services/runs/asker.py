"""For whom a run searches: its user, and the groups and roles that its caller states in its metadata.

Both are said with the key that asks for the run. Inputs, messages and what models write never come near it.
"""

from __future__ import annotations

from uuid import UUID

from girih.db.tenancy import OrgScope
from girih.db.unit_of_work import UnitOfWork
from girih.language.nodes.ports import NOBODY, Asker
from girih.language.spec.tree import JsonValue
from girih.services.runs import repository

GROUPS, ROLES = "groups", "roles"
"""The names under `metadata` of a run; each holds a list of names."""


class RunAsker:
    """The asker of one run, looked up when the run searches for the first time."""

    def __init__(self, uow: UnitOfWork, scope: OrgScope, run_id: UUID) -> None:
        self._uow = uow
        self._scope = scope
        self._run_id = run_id
        self._known: Asker | None = None

    async def __call__(self) -> Asker:
        """For whom the run searches; for nobody in particular if it is gone."""
        if self._known is None:
            async with self._uow(self._scope) as work:
                row = await repository.run(work, self._scope, self._run_id)
                metadata = row.run_metadata if row is not None else {}
                user = row.end_user if row is not None else None
            self._known = (
                NOBODY if row is None else Asker(user, _names(metadata.get(GROUPS)), _names(metadata.get(ROLES)))
            )
        return self._known


def _names(value: JsonValue) -> tuple[str, ...]:
    """The names of a list; what is none names nobody."""
    return tuple(name for name in value if isinstance(name, str)) if isinstance(value, list) else ()

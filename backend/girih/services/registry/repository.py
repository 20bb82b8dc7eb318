"""The rows of models and tools."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from typing import TypeAlias

from sqlalchemy import delete, func, select
from sqlalchemy.dialects.postgresql import insert

from girih.db.base import new_id
from girih.db.tenancy import OrgScope
from girih.db.unit_of_work import Work
from girih.language.compiler.workspace import OtherSpec
from girih.language.spec.tree import JsonObject
from girih.services.registry.tables import Model, Tool

Table: TypeAlias = type[Model] | type[Tool]


async def documents(work: Work, scope: OrgScope, table: Table) -> dict[str, JsonObject]:
    """Every document of the project by name."""
    query = select(table.name, table.document).where(table.org_id == scope.org_id, table.project_id == scope.project_id)
    return dict((await work.session.execute(query.order_by(table.name))).all())


async def digests(work: Work, scope: OrgScope, table: Table) -> Mapping[str, str]:
    """The digest of every document of the project by name."""
    query = select(table.name, table.digest).where(table.org_id == scope.org_id, table.project_id == scope.project_id)
    return dict((await work.session.execute(query)).all())


async def remove(work: Work, scope: OrgScope, table: Table, names: Collection[str]) -> None:
    """Delete the documents of these names."""
    mine = (table.org_id == scope.org_id, table.project_id == scope.project_id)
    await work.session.execute(delete(table).where(*mine, table.name.in_(names)))


async def put(work: Work, scope: OrgScope, table: Table, specs: Sequence[OtherSpec]) -> None:
    """Store the documents, each in place of the one that had its name."""
    rows = [
        {
            "id": new_id(),
            "org_id": scope.org_id,
            "project_id": scope.project_id,
            "name": spec.name,
            "document": spec.document,
            "digest": spec.digest,
        }
        for spec in specs
    ]
    statement = insert(table).values(rows)
    await work.session.execute(
        statement.on_conflict_do_update(
            index_elements=["org_id", "project_id", "name"],
            set_={
                "document": statement.excluded.document,
                "digest": statement.excluded.digest,
                "updated_at": func.now(),
            },
        )
    )

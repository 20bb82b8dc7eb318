"""The columns that hold sealed texts, as far as a rotation has to find and rewrite them."""

from __future__ import annotations

from dataclasses import dataclass
from uuid import UUID

from sqlalchemy import text

from girih.db.unit_of_work import Work
from girih.services.secrets.sealing import PREFIX


@dataclass(frozen=True)
class SealedColumn:
    """A column, and the one whose id its texts are bound to. Names of our own, never of a caller."""

    table: str
    column: str
    row: str = "id"


SECRET_VALUES = SealedColumn("secrets", "value")


async def of_other_keys(work: Work, column: SealedColumn, version: int, *, limit: int) -> list[tuple[UUID, str]]:
    """Texts that are sealed with another key than that of this version, with their rows, which nobody else changes."""
    statement = text(
        f"SELECT {column.row} AS row, {column.column} AS sealed FROM {column.table} "  # noqa: S608 - names of our own
        f"WHERE org_id = :org_id AND {column.column} LIKE :sealed AND {column.column} NOT LIKE :current "
        f"ORDER BY {column.row} LIMIT :limit FOR UPDATE"
    )
    values = {"sealed": f"{PREFIX}%", "current": f"{PREFIX}{version}:%", "limit": limit}
    rows = await work.session.execute(statement, {"org_id": work.speaks_for.org_id, **values})
    return [(row.row, row.sealed) for row in rows]


async def write(work: Work, column: SealedColumn, row: UUID, sealed: str) -> None:
    """Put a text in place of the one before."""
    statement = text(
        f"UPDATE {column.table} SET {column.column} = :sealed "  # noqa: S608 - names of our own
        f"WHERE org_id = :org_id AND {column.row} = :row"
    )
    await work.session.execute(statement, {"sealed": sealed, "org_id": work.speaks_for.org_id, "row": row})


async def uses(work: Work, column: SealedColumn, version: int) -> bool:
    """Whether a text is sealed with the key of that version."""
    statement = text(
        f"SELECT EXISTS (SELECT FROM {column.table} "  # noqa: S608 - names of our own
        f"WHERE org_id = :org_id AND {column.column} LIKE :sealed)"
    )
    values = {"org_id": work.speaks_for.org_id, "sealed": f"{PREFIX}{version}:%"}
    return bool(await work.session.scalar(statement, values))

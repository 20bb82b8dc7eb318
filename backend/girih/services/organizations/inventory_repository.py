"""Every table with rows of organizations, asked of the database's own catalog, and the removal of rows from each."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final, NamedTuple

from sqlalchemy import text
from sqlalchemy.exc import IntegrityError

from girih.db.unit_of_work import Work

PURGING: Final = 4713022644
"""The number of the lock that lets one process remove organizations at a time."""

_TABLES = text("""
SELECT n.nspname AS schema, c.relname AS name, c.relispartition AS is_part, c.relkind = 'r' AS has_rows,
  c.oid::bigint AS oid,
  ARRAY(SELECT a.attname::text FROM pg_attribute a
        WHERE a.attrelid = c.oid AND a.attnum > 0 AND NOT a.attisdropped ORDER BY a.attnum) AS columns
FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace
WHERE n.nspname IN ('public', 'shelves') AND c.relkind IN ('r', 'p')
AND EXISTS (SELECT FROM pg_attribute a WHERE a.attrelid = c.oid AND a.attname = 'org_id' AND NOT a.attisdropped)
ORDER BY 1, 2
""")

_REFERENCES = text("""
SELECT conrelid::bigint, confrelid::bigint FROM pg_constraint WHERE contype = 'f' AND conrelid <> confrelid
""")

_ALONE = text("SELECT pg_try_advisory_xact_lock(:number)")
_BEGIN = text("SELECT begin_purge()")
_REMOVE = text("SELECT purge_rows(:schema, :table, :limit)")
_END = text("SELECT end_purge()")
_LOOSE = text("SELECT EXISTS (SELECT FROM loose_points WHERE org_id = :org)")


class Table(NamedTuple):
    """A table whose rows belong to organizations."""

    schema: str
    name: str
    columns: Sequence[str]


async def tables(work: Work) -> list[Table]:
    """All of them as they are read: a table of several parts once, under its own name."""
    rows = (await work.session.execute(_TABLES)).mappings()
    return [Table(row["schema"], row["name"], row["columns"]) for row in rows if not row["is_part"]]


async def removal_order(work: Work) -> list[Table]:
    """All that hold rows themselves, parts among them: what refers to a table stands before it."""
    rows = {row["oid"]: row for row in (await work.session.execute(_TABLES)).mappings()}
    above: dict[int, set[int]] = {oid: set() for oid in rows}
    for referring, referred in (await work.session.execute(_REFERENCES)).all():
        if referring in rows and referred in rows:
            above[referred].add(referring)
    order: list[int] = []
    seen: set[int] = set()
    for oid in rows:
        _visit(oid, above, seen, order)
    return [
        Table(rows[oid]["schema"], rows[oid]["name"], rows[oid]["columns"]) for oid in order if rows[oid]["has_rows"]
    ]


async def is_alone(work: Work) -> bool:
    """Whether no other process removes organizations now; until this transaction ends none will."""
    return bool(await work.session.scalar(_ALONE, {"number": PURGING}))


async def begin(work: Work) -> bool:
    """Whether the transaction's organization is being removed from now on: its time is over, or it was begun before."""
    return bool(await work.session.scalar(_BEGIN))


async def remove(work: Work, table: Table, limit: int) -> int | None:
    """Remove rows of the organization; how many. `None` where other rows still refer to them."""
    try:
        async with work.session.begin_nested():
            values = {"schema": table.schema, "table": table.name, "limit": limit}
            return int(await work.session.scalar(_REMOVE, values) or 0)
    except IntegrityError:
        return None


async def has_loose_points(work: Work) -> bool:
    """Whether something of the organization is still to be removed from stores outside of the database."""
    return bool(await work.session.scalar(_LOOSE, {"org": work.speaks_for.org_id}))


async def end(work: Work) -> None:
    """Note that nothing is left but the organization's own row, which keeps its id and no name."""
    await work.session.execute(_END)


def _visit(oid: int, above: dict[int, set[int]], seen: set[int], order: list[int]) -> None:
    """Put whatever refers to a table before it, as far as there is no circle."""
    if oid in seen:
        return
    seen.add(oid)
    for referring in sorted(above[oid]):
        _visit(referring, above, seen, order)
    order.append(oid)

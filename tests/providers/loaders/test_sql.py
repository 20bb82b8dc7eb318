"""Queries of a real PostgreSQL, an SQLite file and, where one runs, MySQL: rows, groups, cursors, and no writing."""

from __future__ import annotations

import os
import sqlite3
from collections.abc import AsyncIterator, Awaitable, Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit
from uuid import uuid4

import asyncpg
import pytest
from tests.conftest import Logins
from tests.providers.loaders.listing import fetched, listed, loader, reach, state_of

from girih.providers.loaders.base import ItemFault, Loader, SourceFault
from girih.providers.loaders.reach import Reach

ROWS = [
    (1, "tea", "Green tea", "Steep at 80 °C, 100 % leaves.", 10),
    (2, "tea", "Black tea", "Steep at 95 °C.", 20),
    (3, "cup", "Cup", "It's porcelain.", 20),
]


@dataclass
class Place:
    """A database with the table `things`, and how a source names it."""

    reach: Reach
    options: dict[str, Any]
    execute: Callable[[str], Awaitable[object]]
    table: str

    def source(self, *, state: dict[str, str] | None = None, whole: bool = False, **options: Any) -> Loader:
        given = {"statement": f"SELECT * FROM {self.table};", "key": "id", "title": "title", "content": ["body"]}
        return loader(self.reach, state=state, whole=whole, kind="sql", **(self.options | given | options))


async def filled(execute: Callable[[str], Awaitable[object]], table: str) -> None:
    await execute(
        f"CREATE TABLE {table} (id integer PRIMARY KEY, kind varchar(20), title varchar(99), body text, at integer)"
    )
    for row in ROWS:
        values = ", ".join(
            str(value) if isinstance(value, int) else "'" + value.replace("'", "''") + "'" for value in row
        )
        await execute(f"INSERT INTO {table} VALUES ({values})")


@pytest.fixture(params=["postgresql", "sqlite", "mysql"])
async def place(request: pytest.FixtureRequest, tmp_path: Path, postgres_server: Logins) -> AsyncIterator[Place]:
    table = f"things_{uuid4().hex[:8]}"
    if request.param == "sqlite":
        file = tmp_path / "things.db"

        async def run(statement: str) -> object:
            with sqlite3.connect(file, isolation_level=None) as connection:
                connection.execute(statement)
            connection.close()
            return None

        await filled(run, table)
        yield Place(reach(folders=[tmp_path]), {"file": str(file)}, run, table)
    elif request.param == "postgresql":
        url = postgres_server.owner.replace("+asyncpg", "")
        connection = await asyncpg.connect(url)
        await filled(connection.execute, table)
        parts = urlsplit(url)
        address = parts._replace(netloc=parts.netloc.rpartition("@")[2]).geturl()
        at = reach({"shop": address}, secrets={"shop.password": parts.password or "none"})
        options = {"endpoint": "shop", "user": parts.username, "password": "secret://shop.password"}
        yield Place(at, options, connection.execute, table)
        await connection.execute(f"DROP TABLE {table}")
        await connection.close()
    else:
        async for found in mysql(table):
            yield found


async def mysql(table: str) -> AsyncIterator[Place]:
    """A server that GIRIH_TEST_MYSQL_URL names, as `mysql://user:password@host:port/database`."""
    given = os.environ.get("GIRIH_TEST_MYSQL_URL")
    if not given:
        pytest.skip("no MySQL server was given (GIRIH_TEST_MYSQL_URL)")
    import aiomysql

    parts = urlsplit(given)
    login = {"user": parts.username, "password": parts.password}
    connection = await aiomysql.connect(
        host=parts.hostname, port=parts.port, db=parts.path.strip("/"), autocommit=True, charset="utf8mb4", **login
    )

    async def run(statement: str) -> object:
        async with connection.cursor() as cursor:
            return await cursor.execute(statement)

    await filled(run, table)
    address = parts._replace(netloc=parts.netloc.rpartition("@")[2]).geturl()
    at = reach({"shop": address}, secrets={"shop.password": parts.password or ""})
    yield Place(at, {"endpoint": "shop", "user": parts.username, "password": "secret://shop.password"}, run, table)
    await run(f"DROP TABLE {table}")
    connection.close()


async def test_each_row_is_a_document(place: Place) -> None:
    source = place.source(metadata=["kind"])
    items = await listed(source)
    assert [item.ref for item in items] == ["1", "2", "3"]
    assert items[0].name == "1.md"
    assert items[0].metadata == {"kind": "tea"}
    assert await fetched(source, items[2]) == b"# Cup\n\nIt's porcelain."
    assert [item.ref for item in await listed(source, '["plain", 2]')] == ["3"]
    assert [item.mark for item in await listed(place.source(metadata=["kind"]))] == [item.mark for item in items]


async def test_rows_with_one_key_are_one_document(place: Place) -> None:
    source = place.source(key="kind", grouped=True, title=None, content=["title", "body"])
    cup, tea = await listed(source)
    assert (cup.ref, tea.ref) == ("cup", "tea")
    body = (await fetched(source, tea)).decode()
    assert "Green tea" in body
    assert "Black tea" in body


async def test_a_statement_keeps_its_own_signs(place: Place) -> None:
    statement = f"SELECT * FROM {place.table} WHERE body LIKE '%100 \\%%' OR body LIKE '%porcelain%' -- :x $1 %s ?"
    assert "3" in {item.ref for item in await listed(place.source(statement=statement))}


async def test_only_what_is_new_is_read_and_whole_groups_of_it(place: Place) -> None:
    first = place.source(key="kind", grouped=True, cursor="at")
    state = await state_of(first)
    assert first.is_whole
    await place.execute(f"INSERT INTO {place.table} VALUES (4, 'pot', 'Pot', 'Clay.', 30)")
    await place.execute(f"UPDATE {place.table} SET at = 31, body = 'Steep at 70' WHERE id = 1")
    then = place.source(state=state, key="kind", grouped=True, cursor="at")
    assert not then.is_whole
    found = {item.ref: item for item in await listed(then)}
    assert set(found) == {"cup", "pot", "tea"}  # `cup` is of the cursor's own moment
    assert "Steep at 95" in (await fetched(then, found["tea"])).decode()
    latest = place.source(state=await state_of(then), key="kind", grouped=True, cursor="at")
    assert {item.ref for item in await listed(latest)} == {"tea"}
    assert len(await listed(place.source(state=state, whole=True, cursor="at"))) == 4


@pytest.mark.parametrize(
    "statement",
    [
        "WITH gone AS (DELETE FROM {0} RETURNING *) SELECT * FROM gone",
        "SELECT 1; DROP TABLE {0}",
        "SELECT 1 AS id) AS x; COMMIT; DELETE FROM {0}; SELECT * FROM (SELECT 1 AS id",
    ],
)
async def test_nothing_is_written(place: Place, statement: str) -> None:
    with pytest.raises(SourceFault, match="the query fails"):
        await listed(place.source(statement=statement.format(place.table)))
    assert len(await listed(place.source())) == 3


async def test_what_is_wrong_is_said(place: Place) -> None:
    with pytest.raises(SourceFault, match="no column 'colour'"):
        await listed(place.source(content=["colour"]))
    with pytest.raises(SourceFault, match="the query fails"):
        await listed(place.source(statement="SELECT id, title, body FROM nowhere"))
    with pytest.raises(SourceFault, match="more than 2 rows"):
        await listed(place.source(max_rows=2))
    place.reach = Reach(place.reach.client, place.reach.endpoints, place.reach.folders, place.reach.secrets, 20)
    source = place.source()
    with pytest.raises(ItemFault, match="larger than"):
        await fetched(source, (await listed(source))[0])


async def test_a_statement_that_takes_too_long_is_ended(place: Place) -> None:
    endless = (
        "WITH RECURSIVE n AS (SELECT 1 AS id UNION ALL SELECT id + 1 FROM n) SELECT id, '' AS title, '' AS body FROM n"
    )
    if "mysql" in str(place.reach.endpoints):
        endless = "SELECT SLEEP(30) AS id, '' AS title, '' AS body"
    with pytest.raises(SourceFault, match="the query fails"):
        await listed(place.source(statement=endless, timeout=1, max_rows=10_000_000))


async def test_a_wrong_password_and_no_server(postgres_server: Logins) -> None:
    parts = urlsplit(postgres_server.owner.replace("+asyncpg", ""))
    address = parts._replace(netloc=parts.netloc.rpartition("@")[2]).geturl()
    options = {"kind": "sql", "statement": "SELECT 1 AS id", "key": "id", "user": parts.username}
    at = reach({"shop": address, "gone": "postgresql://127.0.0.1:1/x"}, secrets={"p": "w3 do not say this"})
    with pytest.raises(SourceFault, match="refuses the user") as fault:
        await listed(loader(at, endpoint="shop", password="secret://p", **options))
    assert "w3" not in str(fault.value)
    with pytest.raises(SourceFault, match="does not answer") as fault:
        await listed(loader(at, endpoint="gone", password="secret://p", **options))
    assert fault.value.can_pass
    with pytest.raises(SourceFault, match="is not set"):
        loader(at, endpoint="nobody", **options)
    with pytest.raises(SourceFault, match="does not lie below"):
        loader(
            at if at.folders else reach(folders=[Path("/srv")]),
            kind="sql",
            file="/etc/passwd",
            statement="SELECT 1",
            key="id",
        )


async def test_sqlite_reads_no_other_file(tmp_path: Path) -> None:
    other = tmp_path / "other.db"
    sqlite3.connect(other).close()
    (tmp_path / "in").mkdir()
    file = tmp_path / "in" / "a.db"
    sqlite3.connect(file).close()
    at = reach(folders=[tmp_path / "in"])
    for statement in ("SELECT load_extension('x') AS id", "SELECT readfile('/etc/passwd') AS id"):
        with pytest.raises(SourceFault, match="the query fails"):
            await listed(loader(at, kind="sql", file=str(file), statement=statement, key="id"))

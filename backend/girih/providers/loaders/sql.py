"""Rows of a query as documents: one read-only transaction, ordered by key, newer rows only where a cursor is known."""

from __future__ import annotations

from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import AbstractAsyncContextManager
from dataclasses import dataclass
from typing import Any, Protocol

from girih.providers.loaders.base import PAGE, PAGE_BYTES, Content, Item, Page, SourceFault
from girih.providers.loaders.options import SqlSource
from girih.providers.loaders.records import Record, content_of, item_of, require_columns, shown, tagged, untagged


class Database(Protocol):
    """A database of one kind; each call of `rows` is a read-only transaction of its own."""

    @property
    def quote(self) -> str:
        """The sign around a column's name."""
        ...

    def place(self, number: int) -> str:
        """Where the value of that number, from 1, is bound."""
        ...

    def rows(self, query: str, values: Sequence[Any]) -> AsyncIterator[Record]:
        """What the query gives, row by row. Raises `SourceFault`."""
        ...


@dataclass
class _Group:
    """The rows of one key as they come."""

    key: Any
    rows: list[Record]
    size: int = 0


class SqlLoader:
    """Lists rows with their text. With a cursor a listing is not whole: what was deleted shows in a whole one only."""

    def __init__(
        self, options: SqlSource, database: Database, state: Mapping[str, str], *, whole: bool, max_bytes: int
    ) -> None:
        self._options = options
        self._database = database
        self._since = None if whole or options.cursor is None else state.get("cursor")
        self._newest: Any = untagged(self._since)
        self._max_bytes = max_bytes

    @property
    def is_whole(self) -> bool:
        """See `Loader`."""
        return self._since is None

    async def pages(self, after: str | None) -> AsyncIterator[Page]:
        """See `Loader`."""
        items: list[Item] = []
        size = 0
        last: Any = None
        async for group in self._groups(after):
            item = item_of(self._options, shown(group.key), group.rows, self._max_bytes)
            items.append(item)
            last, size = group.key, size + len(item.body or b"")
            if len(items) >= PAGE or size >= PAGE_BYTES:
                yield Page(tuple(items), tagged(last))
                items, size = [], 0
        # Only now is the newest row of all known.
        state = {} if self._newest is None else {"cursor": tagged(self._newest)}
        yield Page(tuple(items), tagged(last) if items else after, state)

    def fetch(self, item: Item, known: str | None) -> AbstractAsyncContextManager[Content]:
        """See `Loader`."""
        del known
        return content_of(item, self._max_bytes)

    async def _groups(self, after: str | None) -> AsyncIterator[_Group]:
        query, values = self._query(after)
        group: _Group | None = None
        count = 0
        async for row in self._database.rows(query, values):
            count += 1
            self._check(row, count)
            key = row[self._options.key]
            if group is not None and self._options.grouped and key == group.key:
                self._add(group, row)
                continue
            if group is not None:
                yield group
            group = _Group(key, [row])
        if group is not None:
            yield group

    def _add(self, group: _Group, row: Record) -> None:
        group.size += sum(len(str(value)) for value in row.values())
        # What will not fit is not kept either; one row too many makes the item too large.
        if group.size <= 2 * self._max_bytes:
            group.rows.append(row)

    def _check(self, row: Record, count: int) -> None:
        if count == 1:
            require_columns(self._options, self._options.key, row)
        if count > self._options.max_rows:
            raise SourceFault(f"the statement gives more than {self._options.max_rows} rows", help="raise `max_rows`")
        if self._options.cursor is not None and (found := row[self._options.cursor]) is not None:
            try:
                self._newest = found if self._newest is None else max(self._newest, found)
            except TypeError as fault:
                raise SourceFault("the cursor's column holds values of several types") from fault

    def _query(self, after: str | None) -> tuple[str, list[Any]]:
        """The statement inside of one that orders and bounds it. Names are quoted, values are bound."""
        inner = self._options.statement.strip().rstrip(";").rstrip()
        key, values = self._quoted(self._options.key), []
        conditions = [f"{key} IS NOT NULL"]
        if self._since is not None and self._options.cursor is not None:
            values.append(untagged(self._since))
            # Rows at the cursor come again: others may have been written in the same moment. Their marks are equal.
            newer = f"{self._quoted(self._options.cursor)} >= {self._database.place(len(values))}"
            conditions.append(f"{key} IN (SELECT {key} FROM (\n{inner}\n) AS girih_newer WHERE {newer})")  # noqa: S608 - the statement is the author's own, names are quoted
        if after is not None:
            values.append(untagged(after))
            conditions.append(f"{key} > {self._database.place(len(values))}")
        where = " AND ".join(conditions)
        return f"SELECT * FROM (\n{inner}\n) AS girih_rows WHERE {where} ORDER BY {key}", values  # noqa: S608 - see above

    def _quoted(self, name: str) -> str:
        sign = self._database.quote
        return f"{sign}{name.replace(sign, sign * 2)}{sign}"

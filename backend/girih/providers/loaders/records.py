"""How rows and records become documents: readable text, chosen metadata, a name and a mark."""

from __future__ import annotations

import hashlib
import json
from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import asynccontextmanager
from datetime import date, datetime, time
from decimal import Decimal
from typing import Any
from uuid import UUID

from girih.language.spec.tree import JsonObject
from girih.providers.loaders.base import Content, Item, ItemFault, SourceFault
from girih.providers.loaders.options import MongoSource, SqlSource

_LONGEST_NAME = 200
Record = Mapping[str, Any]


def item_of(options: SqlSource | MongoSource, key: str, records: Sequence[Record], max_bytes: int) -> Item:
    """One document of all records with a key. Without a body where it would be larger than `max_bytes`."""
    first = records[0]
    title = shown(first[options.title]) if options.title and first.get(options.title) is not None else None
    texts = [_text(options, record) for record in records]
    text = "\n\n".join([f"# {title}"] * bool(title) + [each for each in texts if each])
    metadata: JsonObject = {name: _fact(first[name]) for name in options.metadata if first.get(name) is not None}
    body = text.encode("utf-8", "replace")
    mark = hashlib.sha256(body + json.dumps(metadata, sort_keys=True).encode()).hexdigest()
    fits = len(body) <= max_bytes
    name = "".join(char if char.isprintable() and char not in "/\\" else "_" for char in key).strip()
    name = f"{name[:_LONGEST_NAME] or '_'}.md"
    return Item(key, name, mark if fits else None, len(body), "text/markdown", metadata, body if fits else None)


def require_columns(options: SqlSource | MongoSource, key: str, record: Record) -> None:
    """Raise `SourceFault` for a column that the options name and the record lacks."""
    wanted = [key, options.title, options.cursor, *options.content, *options.metadata]
    missing = next((name for name in wanted if name is not None and name not in record), None)
    if missing is not None:
        have = ", ".join(list(record)[:20])
        raise SourceFault(f"the statement gives no column '{missing}'", help=f"it gives: {have}")


@asynccontextmanager
async def content_of(item: Item, max_bytes: int) -> AsyncIterator[Content]:
    """The bytes that the listing gave already. Raises `ItemFault` where they were too many."""
    if item.body is None:
        raise ItemFault(f"the record is larger than {max_bytes // 2**20} MB")
    body = item.body

    async def pieces() -> AsyncIterator[bytes]:
        yield body

    yield Content(pieces())


def shown(value: Any) -> str:
    """A value as people read it."""
    found = plain(value)
    return found if isinstance(found, str) else json.dumps(found, ensure_ascii=False)


def plain(value: Any) -> Any:
    """A value as JSON has it; what has no form there becomes text, and bytes become their number."""
    if value is None or isinstance(value, bool | int | str):
        return value.replace("\x00", "") if isinstance(value, str) else value
    if isinstance(value, float):
        return value if value == value and abs(value) != float("inf") else str(value)
    if isinstance(value, datetime | date | time):
        return value.isoformat()
    if isinstance(value, Mapping):
        return {str(name): plain(inner) for name, inner in value.items()}
    if isinstance(value, list | tuple | set | frozenset):
        return [plain(inner) for inner in value]
    if isinstance(value, bytes | bytearray | memoryview):
        return f"({len(bytes(value))} bytes)"
    return str(value)


_TAGS: Mapping[str, type] = {"datetime": datetime, "date": date, "decimal": Decimal, "uuid": UUID}


def tagged(value: Any) -> str:
    """A value of a key or cursor as text that `untagged` reads back. Raises `SourceFault` for a type without order."""
    if isinstance(value, bool) or not isinstance(value, int | float | str | datetime | date | Decimal | UUID):
        raise SourceFault(
            f"a key or cursor cannot be of the type {type(value).__name__}", help="cast it to text, number or time"
        )
    for name, kind in _TAGS.items():
        if isinstance(value, kind):
            return json.dumps([name, value.isoformat() if isinstance(value, date) else str(value)])
    return json.dumps(["plain", value])


def untagged(text: str | None) -> Any:
    """What `tagged` wrote; `None` for `None`."""
    if text is None:
        return None
    name, value = json.loads(text)
    if name == "plain":
        return value
    kind: Any = _TAGS[name]
    return kind.fromisoformat(value) if name in ("datetime", "date") else kind(value)


def _fact(value: Any) -> Any:
    """A value as metadata holds it: a scalar, or a list of scalars; what has more depth becomes text."""
    found = plain(value)
    is_flat = not isinstance(found, list) or not any(isinstance(inner, dict | list) for inner in found)
    return found if is_flat and not isinstance(found, dict) else json.dumps(found, ensure_ascii=False)


def _text(options: SqlSource | MongoSource, record: Record) -> str:
    if len(options.content) == 1:
        return shown(record[options.content[0]]) if record.get(options.content[0]) is not None else ""
    left_out = {options.title, *options.metadata}
    names = options.content or [name for name in record if name not in left_out]
    return "\n".join(f"{name}: {shown(record[name])}" for name in names if record.get(name) is not None)

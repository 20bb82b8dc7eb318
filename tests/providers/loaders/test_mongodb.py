"""MongoDB through the official driver, against a server of ours that speaks its protocol."""

from __future__ import annotations

from collections.abc import AsyncIterator
from datetime import UTC, datetime
from typing import Any

import bson
import pytest
from pydantic import ValidationError
from tests.providers.loaders.listing import fetched, listed, loader, reach, state_of
from tests.providers.loaders.mongo import Mongo, mongo

from girih.providers.loaders.base import Loader, SourceFault


@pytest.fixture
async def server() -> AsyncIterator[Mongo]:
    async with mongo() as found:
        for number in range(5):
            found.documents.append(
                {
                    "_id": bson.ObjectId(f"{number:024x}"),
                    "name": f"Tea {number}",
                    "kind": "tea" if number else "cup",
                    "text": {"long": ["a", number]},
                    "at": datetime(2026, 1, 1 + number, tzinfo=UTC),
                }
            )
        yield found


def opened(server: Mongo, state: dict[str, str] | None = None, **options: Any) -> Loader:
    given = {"kind": "mongodb", "endpoint": "m", "database": "shop", "collection": "teas", "title": "name"}
    return loader(reach({"m": server.url}), state=state, **given | options)


async def test_documents_come_in_batches_and_go_on_after_any(server: Mongo) -> None:
    source = opened(server, content=["text"], metadata=["kind", "at"])
    items = await listed(source)
    assert [item.ref for item in items] == [f"{number:024x}" for number in range(5)]
    assert await fetched(source, items[1]) == b'# Tea 1\n\n{"long": ["a", 1]}'
    assert items[1].metadata == {"kind": "tea", "at": "2026-01-02T00:00:00+00:00"}
    assert [next(iter(command)) for command in server.commands] == ["find", "getMore", "getMore"]
    assert server.commands[0]["maxTimeMS"] == 60_000
    after = '{"$oid": "' + f"{2:024x}" + '"}'
    assert [item.ref for item in await listed(source, after)] == [f"{number:024x}" for number in (3, 4)]


async def test_a_filter_in_extended_json_and_a_cursor(server: Mongo) -> None:
    options = {"filter": {"at": {"$gte": {"$date": "2026-01-03T00:00:00Z"}}}, "cursor": "at"}
    source = opened(server, **options)
    assert len(await listed(source)) == 3
    state = await state_of(opened(server, cursor="at"))
    then = opened(server, state, cursor="at")
    assert not then.is_whole
    assert len(await listed(then)) == 1  # of the cursor's own moment
    server.documents.append(
        server.documents[0] | {"_id": bson.ObjectId("f" * 24), "at": datetime(2027, 1, 1, tzinfo=UTC)}
    )
    assert [item.ref for item in await listed(opened(server, state, cursor="at"))][-1] == "f" * 24


async def test_code_on_the_server_is_refused(server: Mongo) -> None:
    for bad in ({"$where": "sleep(1000)"}, {"$or": [{"$expr": {"$function": {"body": "x"}}}]}):
        with pytest.raises(ValidationError, match="must not run code"):
            opened(server, filter=bad)


async def test_faults_in_words(server: Mongo) -> None:
    server.error = "not authorized on shop"
    with pytest.raises(SourceFault, match="not authorized on shop"):
        await listed(opened(server))
    server.error = None
    with pytest.raises(SourceFault, match="more than 2"):
        await listed(opened(server, max_rows=2))
    with pytest.raises(SourceFault, match="is no MongoDB"):
        loader(reach({"m": "http://127.0.0.1:1"}), kind="mongodb", endpoint="m", database="a", collection="b")


async def test_no_server_is_a_fault_that_can_pass(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("girih.providers.loaders.mongodb._CONNECT_MS", 300)
    away = loader(reach({"m": "mongodb://127.0.0.1:1"}), kind="mongodb", endpoint="m", database="a", collection="b")
    with pytest.raises(SourceFault, match="does not answer") as fault:
        await listed(away)
    assert fault.value.can_pass

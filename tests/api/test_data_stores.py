"""Data stores over the API: what is refused at its field, what is told, and what strangers see."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest
from tests.api.conftest import SHELF, Client, ClientMaker, is_problem

from girih.cli.stream import frames
from girih.db.tenancy import OrgScope

WEB = {"kind": "web", "urls": ["https://pages.example/a"]}
STORE = {"name": "pages", "collection": "shelf", "source": WEB}


@pytest.fixture
async def shelf(client: Client) -> Client:
    applied = await client.post("/v1/workspace/apply", json={"files": {"shelf.yaml": SHELF}})
    assert applied.is_success, applied.text
    return client


async def made(client: Client, **body: Any) -> dict[str, Any]:
    answer = await client.post("/v1/data-stores", json=STORE | body)
    assert answer.status_code == 201, answer.text
    assert answer.headers["location"] == f"/v1/data-stores/{answer.json()['id']}"
    return dict(answer.json())


@pytest.mark.parametrize(
    ("source", "field"),
    [
        ({"kind": "webs"}, "body.source"),
        ({"kind": "web", "urls": ["ftp://x/y"]}, "body.source.web.urls.0"),
        ({"kind": "web", "urls": ["http://me:word@x/y"]}, "body.source.web.urls.0"),
        ({"kind": "web"}, "body.source.web"),
        ({"kind": "web", "urls": ["https://x.example"], "token": "secret://t"}, "body.source.web"),
        ({"kind": "web", "urls": ["https://x.example"], "token": "hunter2"}, "body.source.web.token"),
        ({"kind": "web", "urls": ["https://x.example"], "depth": 3}, "body.source.web.depth"),
        ({"kind": "folder", "path": "relative"}, "body.source.folder.path"),
        ({"kind": "s3", "bucket": "UPPER"}, "body.source.s3.bucket"),
        ({"kind": "git", "url": "https://x.example/{ref}", "ref": "a b"}, "body.source.git.ref"),
        (
            {"kind": "sql", "endpoint": "a", "user": "u", "statement": "DROP TABLE x", "key": "k"},
            "body.source.sql.statement",
        ),
        ({"kind": "sql", "endpoint": "a", "statement": "SELECT 1", "key": "k"}, "body.source.sql"),
        (
            {"kind": "mongodb", "endpoint": "m", "database": "a", "collection": "b", "filter": {"$where": "1"}},
            "body.source.mongodb",
        ),
    ],
)
async def test_a_source_is_refused_at_its_field(shelf: Client, source: dict[str, Any], field: str) -> None:
    answer = await shelf.post("/v1/data-stores", json=STORE | {"source": source})
    problem = is_problem(answer, 422, "invalid_input")
    assert any(error["path"].startswith(field) for error in problem["errors"]), problem["errors"]
    assert "hunter2" not in answer.text
    assert "word" not in answer.text.replace("password", "")


@pytest.mark.parametrize(
    ("body", "status", "said"),
    [
        ({"collection": "nobody"}, 404, "no collection"),
        ({"source": {"kind": "folder", "path": "/etc"}}, 422, "allows no folder"),
        ({"source": {"kind": "mongodb", "endpoint": "m", "database": "a", "collection": "b"}}, 422, "'m' is not set"),
        ({"cron": "0 3 * *  "}, 422, "is not a cron expression"),
        ({"timezone": "Europe/Atlantis"}, 422, "no time zone"),
    ],
)
async def test_what_this_installation_cannot_do_is_said(
    shelf: Client, body: dict[str, Any], status: int, said: str
) -> None:
    answer = await shelf.post("/v1/data-stores", json=STORE | body)
    assert answer.status_code == status
    assert said in answer.json()["detail"]


async def test_a_data_store_from_its_making_to_its_end(shelf: Client) -> None:
    store = await made(shelf, cron="0 3 * * *", readers=["group:staff"])
    assert store["next_at"]
    assert store["source"]["max_pages"] == 1000
    place = f"/v1/data-stores/{store['id']}"
    is_problem(await shelf.post("/v1/data-stores", json=STORE), 409, "conflict")
    changed = (await shelf.patch(place, json={"cron": None, "most_removed": 5})).json()
    assert (changed["cron"], changed["next_at"], changed["most_removed"]) == (None, None, 5)
    assert changed["readers"] == ["group:staff"]
    assert [one["id"] for one in (await shelf.get("/v1/data-stores")).json()["items"]] == [store["id"]]
    begun = await shelf.post(f"{place}/syncs", json={"dry_run": True})
    assert (begun.status_code, begun.json()["status"], begun.json()["dry_run"]) == (202, "queued", True)
    is_problem(await shelf.post(f"{place}/syncs"), 409, "conflict")
    sync = f"{place}/syncs/{begun.json()['id']}"
    assert (await shelf.post(f"{sync}/cancel")).json()["status"] == "cancelled"
    assert (await shelf.get(f"{sync}/changes")).json()["items"] == []
    assert (await shelf.get(f"{place}/items", params={"status": "failed"})).json()["items"] == []
    assert [one["status"] for one in (await shelf.get(f"{place}/syncs")).json()["items"]] == ["cancelled"]
    removing = await shelf.delete(place, params={"documents": "delete"})
    assert (removing.status_code, removing.json()["stage"]) == (202, "remove")
    assert (await shelf.get(place)).json()["deleting"]
    assert (await shelf.delete(place)).status_code == 204
    is_problem(await shelf.get(place), 404, "not_found")


async def test_pages_of_lists(shelf: Client) -> None:
    names = [(await made(shelf, name=f"pages {number}"))["name"] for number in range(3)]
    first = (await shelf.get("/v1/data-stores", params={"limit": 2})).json()
    second = (await shelf.get("/v1/data-stores", params={"limit": 2, "cursor": first["next"]})).json()
    assert [one["name"] for one in first["items"] + second["items"]] == names[::-1]
    assert second["next"] is None
    is_problem(await shelf.get("/v1/data-stores", params={"cursor": "x"}), 400, "bad_cursor")


async def test_a_key_that_may_read_may_not_sync(shelf: Client, client_for: ClientMaker, scope: OrgScope) -> None:
    store = await made(shelf)
    reader = await client_for(scope, frozenset({"sources:read"}))
    assert (await reader.get(f"/v1/data-stores/{store['id']}")).is_success
    for path in ("test", "syncs"):
        is_problem(await reader.post(f"/v1/data-stores/{store['id']}/{path}"), 403, "forbidden")


async def test_a_sync_is_followed_to_its_end(shelf: Client, client_for: ClientMaker, other_scope: OrgScope) -> None:
    store = await made(shelf)
    syncs = f"/v1/data-stores/{store['id']}/syncs"
    sync = (await shelf.post(syncs)).json()
    path = f"{syncs}/{sync['id']}/events"
    following = asyncio.create_task(shelf.get(path))
    await asyncio.sleep(0.3)
    assert (await shelf.post(f"{syncs}/{sync['id']}/cancel")).is_success
    answer = await asyncio.wait_for(following, 60)
    events = list(frames([answer.content]))
    assert [event["type"] for event in events] == ["sync.queued", "sync.cancelled"]
    assert events[-1]["data"] == (await shelf.get(f"{syncs}/{sync['id']}")).json()
    rest = await shelf.get(path, headers={"last-event-id": str(events[0]["seq"])})
    assert [event["type"] for event in frames([rest.content])] == ["sync.cancelled"]
    is_problem(await (await client_for(other_scope)).get(path), 404)

"""What agents remember, through the door: listed, filtered, and deleted for good."""

from __future__ import annotations

from tests.api.conftest import Client, is_problem

from girih.db.tenancy import OrgScope
from girih.language.nodes.namespaces import namespace_of
from girih.wiring.server import Girih


async def test_a_users_memories_are_listed_and_deleted(client: Client, girih: Girih, scope: OrgScope) -> None:
    memory = girih.memory.of(scope)
    await memory.put(namespace_of("user", "notes", "anna"), "likes tea", {"n": 1}, key="drink", ttl=None)
    await memory.put(namespace_of("project", "notes", None), "open on Sundays", {}, key=None, ttl=60)
    everything = (await client.get("/v1/memories")).json()["items"]
    assert [(item["scope"], item["user"], item["text"]) for item in everything] == [
        ("project", None, "open on Sundays"),
        ("user", "anna", "likes tea"),
    ]
    (hers,) = (await client.get("/v1/memories", params={"user": "anna"})).json()["items"]
    assert (hers["key"], hers["namespace"], hers["data"], hers["expires_at"]) == ("drink", "notes", {"n": 1}, None)
    assert (await client.delete("/v1/memories", params={"user": "anna"})).json() == {"deleted": 1}
    assert (await client.get("/v1/memories", params={"user": "anna"})).json() == {"items": [], "next": None}
    assert len((await client.get("/v1/memories", params={"namespace": "notes"})).json()["items"]) == 1


async def test_nothing_is_deleted_by_accident(client: Client) -> None:
    is_problem(await client.delete("/v1/memories"), 422, "invalid_input")
    is_problem(await client.delete("/v1/memories", params={"key": "x"}), 422, "invalid_input")
    is_problem(await client.get("/v1/memories", params={"cursor": "x"}), 400, "bad_cursor")
    is_problem(await client.get("/v1/memories", params={"usr": "x"}), 422, "invalid_input")

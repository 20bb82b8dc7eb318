"""The store, through the door: items by namespace and key, found by filter and by meaning."""

from __future__ import annotations

from typing import Any

from tests.api.conftest import Client, is_problem


def item(key: str, **value: Any) -> dict[str, Any]:
    return {"namespace": ["users", "anna"], "key": key, "value": value}


async def test_items_are_kept_found_and_deleted(client: Client) -> None:
    for body in (item("drink", text="black coffee", n=1), item("way", text="a red bicycle", n=2) | {"ttl": 60}):
        assert (await client.put("/v1/store/items", json=body)).status_code == 204
    named = {"namespace": ["users", "anna"], "key": "way"}
    found = (await client.get("/v1/store/items", params=named)).json()
    assert (found["value"], found["namespace"]) == ({"text": "a red bicycle", "n": 2}, ["users", "anna"])
    assert found["expires_at"] is not None
    near = (await client.post("/v1/store/search", json={"query": "black coffee", "limit": 1})).json()
    assert [one["key"] for one in near["items"]] == ["drink"]
    more = (await client.post("/v1/store/search", json={"filter": {"n": {"$gt": 1}}})).json()
    assert [one["key"] for one in more["items"]] == ["way"]
    listed = (await client.post("/v1/store/namespaces", json={"max_depth": 1})).json()
    assert listed == {"namespaces": [["users"]]}
    assert (await client.delete("/v1/store/items", params=named)).status_code == 204
    is_problem(await client.get("/v1/store/items", params=named), 404, "not_found")


async def test_what_is_no_item_is_refused(client: Client) -> None:
    for wrong in ({"namespace": []}, {"namespace": ["a.b"]}, {"key": ""}, {"ttl": 0}, {"index": True}, {"x": 1}):
        is_problem(await client.put("/v1/store/items", json=item("k") | wrong), 422, "invalid_input")
    for params in ({"key": "k"}, {"namespace": "a.b", "key": "k"}, {"namespace": "a", "key": "k\x00"}):
        is_problem(await client.get("/v1/store/items", params=params), 422, "invalid_input")

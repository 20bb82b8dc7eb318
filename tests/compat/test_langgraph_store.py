"""The store of the LangGraph server protocol, seen by LangGraph's own clients."""

from __future__ import annotations

import asyncio
import uuid
from typing import Any

import httpx
import pytest
from langgraph_sdk.client import LangGraphClient, SyncLangGraphClient
from langgraph_sdk.errors import UnprocessableEntityError
from tests.compat.conftest import Served


@pytest.fixture
def place() -> list[str]:
    return ["test", uuid.uuid4().hex]


def keys(found: Any) -> list[str]:
    return [item["key"] for item in found["items"]]


def test_an_item_is_kept_replaced_and_deleted(lang: SyncLangGraphClient, place: list[str]) -> None:
    lang.store.put_item(place, key="a", value={"n": 1, "deep": {"list": [1, None, "x"]}})
    item = lang.store.get_item(place, key="a")
    assert item["namespace"] == place
    assert (item["key"], item["value"]) == ("a", {"n": 1, "deep": {"list": [1, None, "x"]}})
    lang.store.put_item(place, "a", {"n": 2})
    again = lang.store.get_item(place, "a")
    assert again["value"] == {"n": 2}
    assert again["created_at"] == item["created_at"]
    assert again["updated_at"] > item["updated_at"]
    lang.store.delete_item(place, key="a")
    assert lang.store.get_item(place, key="a") is None
    lang.store.delete_item(place, key="a")


def test_items_of_others_are_not_there(
    lang: SyncLangGraphClient, strange: SyncLangGraphClient, place: list[str]
) -> None:
    lang.store.put_item(place, "a", {"secret": "violet elephants"})
    assert strange.store.get_item(place, "a") is None
    assert strange.store.search_items(place)["items"] == []
    assert strange.store.search_items([], query="violet elephants")["items"] == []
    assert strange.store.list_namespaces(prefix=place)["namespaces"] == []
    strange.store.delete_item(place, "a")
    strange.store.put_item(place, "a", {"mine": True})
    assert lang.store.get_item(place, "a")["value"] == {"secret": "violet elephants"}
    strange.store.delete_item(place, "a")


def test_what_is_below_a_namespace_is_found(lang: SyncLangGraphClient, place: list[str]) -> None:
    for number, labels in enumerate(([], ["x"], ["x", "y"], ["z"])):
        lang.store.put_item([*place, *labels], f"k{number}", {"n": number}, index=False)
    assert keys(lang.store.search_items(place)) == ["k3", "k2", "k1", "k0"]
    assert keys(lang.store.search_items([*place, "x"])) == ["k2", "k1"]
    assert keys(lang.store.search_items([*place, "x", "y", "w"])) == []
    assert keys(lang.store.search_items(place, limit=2, offset=1)) == ["k2", "k1"]
    # A label is taken as a whole: what only begins alike is another one.
    assert keys(lang.store.search_items([place[0], place[1][:-1]])) == []


@pytest.mark.parametrize(
    ("filter", "found"),
    [
        ({"n": 2}, ["k2"]),
        ({"n": {"$eq": 2}}, ["k2"]),
        ({"n": {"$ne": 2}}, ["text", "k3", "k1"]),
        ({"n": {"$gt": 1}}, ["k3", "k2"]),
        ({"n": {"$gte": 2, "$lt": 3}}, ["k2"]),
        ({"n": {"$lte": 2.5}}, ["k2", "k1"]),
        ({"n": {"$gt": "a"}}, ["text"]),
        ({"odd": True}, ["k3", "k1"]),
        ({"odd": True, "n": {"$gt": 1}}, ["k3"]),
        ({"deep": {"a": [1]}}, ["k1"]),
        ({"missing": None}, []),
        ({"missing": {"$ne": 1}}, ["text", "k3", "k2", "k1"]),
        ({"nothing": None}, ["text"]),
    ],
)
def test_values_are_filtered(
    lang: SyncLangGraphClient, place: list[str], filter: dict[str, Any], found: list[str]
) -> None:
    for n in (1, 2, 3):
        more = {"deep": {"a": [1]}} if n == 1 else {}
        lang.store.put_item(place, f"k{n}", {"n": n, "odd": n % 2 == 1, **more}, index=False)
    lang.store.put_item(place, "text", {"n": "b", "nothing": None}, index=False)
    assert keys(lang.store.search_items(place, filter=filter)) == found


def test_items_are_found_by_meaning(lang: SyncLangGraphClient, place: list[str]) -> None:
    lang.store.put_item(place, "coffee", {"text": "The user drinks black coffee in the morning"})
    lang.store.put_item(place, "bike", {"text": "The user rides a red bicycle to work"})
    found = lang.store.search_items(place, query="black coffee morning")
    assert keys(found)[0] == "coffee"
    scores = [item["score"] for item in found["items"]]
    assert scores == sorted(scores, reverse=True)
    assert scores[0] is not None and scores[0] <= 1.000001
    lang.store.put_item(place, "coffee", {"text": "Tea only, since last spring"})
    assert keys(lang.store.search_items(place, query="red bicycle work", limit=1)) == ["bike"]
    assert keys(lang.store.search_items(place, query="tea spring", limit=1)) == ["coffee"]
    assert lang.store.search_items(place)["items"][0]["score"] is None


def test_an_item_says_what_it_is_found_by(lang: SyncLangGraphClient, place: list[str]) -> None:
    value = {"title": "zebra crossing", "notes": [{"text": "quantum violin"}, {"text": "paper lantern"}], "n": 1}
    lang.store.put_item(place, "none", value, index=False)
    lang.store.put_item(place, "title", value, index=["title"])
    lang.store.put_item(place, "notes", value, index=["notes[*].text", "not.there"])
    assert set(keys(lang.store.search_items(place, query="quantum violin"))) == {"title", "notes"}
    assert keys(lang.store.search_items(place, query="quantum violin", limit=1)) == ["notes"]
    assert keys(lang.store.search_items(place, query="zebra crossing", limit=1)) == ["title"]
    assert keys(lang.store.search_items(place, query="paper lantern", filter={"n": 2})) == []
    with pytest.raises(UnprocessableEntityError, match="index"):
        lang.store.put_item(place, "wrong", value, index=["a..b"])


async def test_time_to_live_is_in_minutes_and_begins_anew_when_read(alang: LangGraphClient, place: list[str]) -> None:
    soon: Any = 1.5 / 60  # seconds, in minutes
    for key in ("read", "looked at", "found", "left"):
        await alang.store.put_item(place, key, {"a": 1}, index=False, ttl=soon)
    for _ in range(4):
        await asyncio.sleep(0.6)
        assert await alang.store.get_item(place, "read") is not None
        await alang.store.get_item(place, "looked at", refresh_ttl=False)
        await alang.store.search_items(place, filter={"a": 1}, refresh_ttl=False)
    assert await alang.store.get_item(place, "looked at") is None
    assert await alang.store.get_item(place, "left") is None
    assert keys(await alang.store.search_items(place)) == ["read"]
    await alang.store.put_item(place, "left", {"b": 2}, index=False)
    assert (await alang.store.get_item(place, "left"))["value"] == {"b": 2}


def test_namespaces_are_listed(lang: SyncLangGraphClient, place: list[str]) -> None:
    for labels in (["a", "x"], ["a", "y"], ["b", "x", "deep"], ["b", "x"]):
        lang.store.put_item([*place, *labels], "k", {}, index=False)

    def listed(**more: Any) -> list[list[str]]:
        prefix = [*place, *more.pop("below", [])]
        return [one[2:] for one in lang.store.list_namespaces(prefix=prefix, **more)["namespaces"]]

    assert listed() == [["a", "x"], ["a", "y"], ["b", "x"], ["b", "x", "deep"]]
    assert listed(below=["b"]) == [["b", "x"], ["b", "x", "deep"]]
    assert listed(suffix=["x"]) == [["a", "x"], ["b", "x"]]
    assert listed(below=["*", "x"]) == [["a", "x"], ["b", "x"], ["b", "x", "deep"]]
    assert listed(max_depth=3) == [["a"], ["b"]]
    assert listed(limit=2, offset=1) == [["a", "y"], ["b", "x"]]


@pytest.mark.parametrize(
    "wrong",
    [
        {"namespace": [], "key": "k", "value": {}},
        {"namespace": ["a.b"], "key": "k", "value": {}},
        {"namespace": [""], "key": "k", "value": {}},
        {"namespace": ["a"], "key": "", "value": {}},
        {"namespace": ["a"], "key": "k", "value": [1]},
        {"namespace": ["a"], "key": "k", "value": {}, "ttl": 0},
        {"namespace": ["a"], "key": "k", "value": {}, "ttl": -1},
        {"namespace": ["a"], "key": "k", "value": {}, "index": True},
        {"namespace": ["a"], "key": "k", "value": {"a": "x\x00y"}},
        {"namespace": ["a"], "key": "k\x00", "value": {}},
        {"namespace": ["a"], "key": "k", "value": {}, "colour": "red"},
    ],
)
def test_what_is_no_item_is_refused(plain: httpx.Client, wrong: dict[str, Any]) -> None:
    answer = plain.put("/langgraph/store/items", json=wrong)
    assert answer.status_code == 422, answer.text
    assert isinstance(answer.json()["detail"], str)


def test_wrong_filters_say_what_is_wrong(lang: SyncLangGraphClient, place: list[str]) -> None:
    with pytest.raises(UnprocessableEntityError, match=r"no operator `\$like`"):
        lang.store.search_items(place, filter={"a": {"$like": "x"}})
    with pytest.raises(UnprocessableEntityError, match="have an order"):
        lang.store.search_items(place, filter={"a": {"$gt": [1]}})
    with pytest.raises(UnprocessableEntityError, match="limit"):
        lang.store.search_items(place, limit=0)


def test_backslashes_are_kept(lang: SyncLangGraphClient, place: list[str]) -> None:
    lang.store.put_item(place, "a", {"text": "a \\u0000 b", "sign": "naïve ☂ 𝄞"})
    assert lang.store.get_item(place, "a")["value"] == {"text": "a \\u0000 b", "sign": "naïve ☂ 𝄞"}


async def test_many_may_write_the_same_item_at_once(alang: LangGraphClient, place: list[str]) -> None:
    await asyncio.gather(*(alang.store.put_item(place, "a", {"text": f"number {n}"}) for n in range(12)))
    (found,) = (await alang.store.search_items(place, query="number"))["items"]
    assert found["value"] == (await alang.store.get_item(place, "a"))["value"]


def test_a_permission_is_asked_for(served: Served) -> None:
    with served.client() as client:
        made = client.post("/v1/keys", json={"name": "reader", "permissions": ["store:read"]}).json()
        headers = {"x-api-key": made["key"]}
        body = {"namespace": ["a"], "key": "k", "value": {}}
        refused = httpx.put(f"{served.url}/langgraph/store/items", json=body, headers=headers, trust_env=False)
        assert (refused.status_code, "store:write" in refused.json()["detail"]) == (403, True)
        found = httpx.post(f"{served.url}/langgraph/store/items/search", json={}, headers=headers, trust_env=False)
        assert found.status_code == 200

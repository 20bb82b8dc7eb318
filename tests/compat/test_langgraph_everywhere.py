"""The LangGraph server protocol from JavaScript, and from two server processes that are one to their clients."""

from __future__ import annotations

import uuid

import httpx
import pytest
from langgraph_sdk.client import SyncLangGraphClient
from tests.api.process import api_process
from tests.compat.clients import node
from tests.compat.conftest import Served
from tests.compat.langgraph_clients import opened, run_on


def test_the_javascript_client_sees_the_same(served: Served) -> None:
    seen = node("langgraph_resources.mjs", served.url, served.key)
    assert "girih publish" in seen.pop("refused")
    assert seen == {
        "assistant": "lgr-steps",
        "byId": "lgr-steps",
        "nodes": ["__start__", "first", "second", "__end__"],
        "schemas": ["said"],
        "subgraphs": ["inner"],
        "versions": 1,
        "taken": 409,
        "history": [["b"], ["a"]],
        "past": ["a"],
        "back": ["a"],
        "found": 1,
        "status": "idle",
        "pruned": 1,
        "gone": 404,
        "item": 1,
        "filtered": ["b"],
        "nearest": "a",
        "namespaces": 1,
        "missing": None,
        "crons": True,
    }


def test_a_second_process_knows_all_of_it(
    served: Served, lang: SyncLangGraphClient, plain: httpx.Client, tmp_path_factory: pytest.TempPathFactory
) -> None:
    thread = str(uuid.uuid4())
    with (
        api_process(served.database_url, tmp_path_factory.mktemp("second")) as second,
        opened(second.url, served.key) as other,
    ):
        lang.threads.create(thread_id=thread, metadata={"a": 1})
        other.threads.update(thread, metadata={"b": 2})
        run_on(plain, thread, "lgr-steps", word="x")
        here, there = lang.threads.get_history(thread), other.threads.get_history(thread)
        assert here == there
        assert lang.threads.get(thread) == other.threads.get(thread)
        old = there[-1]["checkpoint"]["checkpoint_id"]
        made = other.threads.update_state(thread, {"seen": ["y"]}, checkpoint_id=old)
        assert lang.threads.get_state(thread)["checkpoint"] == made["checkpoint"]
        other.store.put_item(["two", thread], "k", {"text": "violet elephants"})
        assert [i["key"] for i in lang.store.search_items(["two", thread], query="violet")["items"]] == ["k"]
        assert [one["graph_id"] for one in other.assistants.search(graph_id="lgr-steps")] == ["lgr-steps"]
        steps = lang.assistants.get("lgr-steps")["assistant_id"]
        assert other.assistants.get(steps) == lang.assistants.get(steps)
        cron = lang.crons.create("lgr-steps", schedule="0 9 * * *")
        other.crons.delete(dict(cron)["cron_id"])
        assert lang.crons.search(metadata={"gone": 1}) == []

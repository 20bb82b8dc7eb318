"""Every option of LangGraph's Python client besides those of runs and crons is looked at by some test of this door.

Which options there are says the client itself. One that a newer client has fails here until it is decided.
"""

from __future__ import annotations

import ast
import asyncio
import re
from functools import cache
from pathlib import Path
from typing import Any

import httpx
import pytest
from langgraph_sdk.client import LangGraphClient
from langgraph_sdk.errors import NotFoundError, UnprocessableEntityError
from tests.compat.langgraph_clients import methods, options

STARTING = {("runs", "create"), ("runs", "stream"), ("runs", "wait")}
STARTING |= {("crons", "create"), ("crons", "create_for_thread"), ("crons", "update")}
"""Their options are looked at one by one, in files of their own."""
OTHERS = [
    (resource, method)
    for resource in ("assistants", "threads", "runs", "crons", "store")
    for method in methods(resource)
    if (resource, method) not in STARTING
]


@cache
def texts() -> tuple[str, ...]:
    """The tests of this door, each as it is written."""
    found: list[str] = []
    for path in sorted(Path(__file__).parent.glob("test_langgraph_*.py")):
        text = path.read_text()
        tests = [node for node in ast.walk(ast.parse(text)) if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef)]
        found += [ast.get_source_segment(text, node) or "" for node in tests if node.name.startswith("test_")]
    return tuple(found)


@pytest.mark.parametrize(("resource", "method"), OTHERS)
def test_some_test_gives_each_option(resource: str, method: str) -> None:
    calling = [text for text in texts() if re.search(rf"\b{method}\(", text)]
    assert calling, f"no test calls {resource}.{method}"
    # The first one says what it is about, and goes without a name.
    for option in options(resource, method)[1:]:
        assert any(re.search(rf"\b{option}\b", text) for text in calling), f"no test gives {option} to {method}"


async def test_what_an_assistant_would_be_made_of_is_refused(alang: LangGraphClient) -> None:
    given: dict[str, Any] = {"context": {"a": 1}, "description": "mine", "config": {}}
    with pytest.raises(UnprocessableEntityError, match="girih publish"):
        await alang.assistants.create("lgr-steps", **given)
    with pytest.raises(UnprocessableEntityError, match="girih publish"):
        await alang.assistants.update("lgr-steps", **given)


async def test_the_graphs_inside_are_found_by_their_namespace(alang: LangGraphClient) -> None:
    found = await alang.assistants.get_subgraphs("lgr-outer", namespace="inner", recurse=False)
    assert list(found) == ["inner"]


async def test_a_thread_is_streamed_by_server_sent_events(alang: LangGraphClient) -> None:
    given: dict[str, Any] = {"transport": "sse", "run_start_timeout": 20}
    async with alang.threads.stream(assistant_id="lgr-steps", **given) as thread, asyncio.timeout(60):
        await thread.run.start(input={"word": "x"})
        assert (await thread.output)["said"] == ["x!"]


async def test_what_many_runs_did_is_removed(alang: LangGraphClient) -> None:
    thread = (await alang.threads.create())["thread_id"]
    kept = await alang.runs.create(thread, "lg-patient", input={"n": 1})
    await alang.runs.cancel_many(thread_id=thread, run_ids=[kept["run_id"]], action="interrupt")
    gone = await alang.runs.create(thread, "lg-patient", input={"n": 2}, multitask_strategy="interrupt")
    await alang.runs.cancel_many(thread_id=thread, run_ids=[gone["run_id"]], action="rollback")
    assert (await alang.runs.get(thread, kept["run_id"]))["status"] == "interrupted"
    with pytest.raises(NotFoundError):
        await alang.runs.get(thread, gone["run_id"])


async def test_whoever_joins_and_leaves_may_end_the_run(alang: LangGraphClient) -> None:
    stays, ends = [await alang.runs.create(await other(alang), "lg-patient", input={}) for _ in range(2)]
    for run, is_ended in ((stays, False), (ends, True)):
        joined: Any = alang.runs.join_stream(
            run["thread_id"], run["run_id"], cancel_on_disconnect=is_ended, stream_mode=["updates"]
        )
        await anext(joined)
        await joined.aclose()
    async with asyncio.timeout(20):
        while (await alang.runs.get(ends["thread_id"], ends["run_id"]))["status"] != "interrupted":
            await asyncio.sleep(0.05)
    assert (await alang.runs.get(stays["thread_id"], stays["run_id"]))["status"] == "running"


async def other(client: LangGraphClient) -> str:
    return str((await client.threads.create())["thread_id"])


async def test_a_run_that_waits_for_an_event_is_under_way(alang: LangGraphClient, plain: httpx.Client) -> None:
    """Nobody has interrupted it, and nobody can answer it: that is what the protocol calls busy."""
    thread = await other(alang)
    run = await alang.runs.create(thread, "lg-patient", input={"n": 1}, metadata={"of": thread})
    async with asyncio.timeout(20):
        while plain.get(f"/v1/runs/{run['run_id']}").json()["status"] != "interrupted":
            await asyncio.sleep(0.05)
    assert (await alang.threads.get(thread))["status"] == "busy"
    assert (await alang.threads.get(thread))["interrupts"] == {}
    assert (await alang.runs.get(thread, run["run_id"]))["status"] == "running"
    assert [one["status"] for one in await alang.runs.list(thread, status="running")] == ["running"]
    assert await alang.runs.list(thread, status="interrupted") == []
    assert [one["thread_id"] for one in await alang.threads.search(ids=[thread], status="busy")] == [thread]
    assert await alang.threads.search(ids=[thread], status="interrupted") == []
    await alang.runs.cancel(thread, run["run_id"])

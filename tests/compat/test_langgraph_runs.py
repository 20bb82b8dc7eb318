"""Runs and streams as LangGraph's own Python client reads them: modes, values, interrupts, cancelling, refusals."""

from __future__ import annotations

import asyncio
import uuid
from collections.abc import AsyncIterator
from itertools import pairwise
from typing import Any

import httpx
import pytest
from langgraph_sdk import get_client
from langgraph_sdk.client import LangGraphClient
from langgraph_sdk.errors import (
    AuthenticationError,
    ConflictError,
    NotFoundError,
    UnprocessableEntityError,
)
from tests.compat.conftest import Served

MODES: list[Any] = [
    "values",
    "updates",
    "messages",
    "messages-tuple",
    "custom",
    "events",
    "tasks",
    "checkpoints",
    "debug",
    "tools",
]


@pytest.fixture
async def client(served: Served) -> AsyncIterator[LangGraphClient]:
    async with get_client(url=f"{served.url}/langgraph", api_key=served.key) as made:
        yield made


def new_thread() -> str:
    return str(uuid.uuid4())


def held(served: Served, thread: str) -> dict[str, Any]:
    with served.client() as plain:
        return dict(plain.get(f"/v1/threads/{thread}/state").json()["state"])


async def streamed(
    client: LangGraphClient, thread: str | None, agent: str, given: Any, modes: Any = "values", **more: Any
) -> list[Any]:
    made = {"if_not_exists": "create"} if thread is not None else {}
    return [
        part
        async for part in client.runs.stream(
            thread,  # type: ignore[arg-type] # - None is a run without a thread
            agent,
            input=given,
            stream_mode=modes,
            **made,
            **more,
        )
    ]


async def test_final_values_are_what_the_thread_holds(client: LangGraphClient, served: Served) -> None:
    thread = new_thread()
    parts = await streamed(client, thread, "lg-notes", {"n": 3, "word": "x"})
    values = [part.data for part in parts if part.event == "values"]
    assert values[0] == {"total": 0, "seen": [], "last": ""}
    assert values[-1] == {"total": 13, "seen": ["x", "left", "right"], "last": "done"} == held(served, thread)
    again = await streamed(client, thread, "lg-notes", {"n": 1, "word": "y"})
    values = [part.data for part in again if part.event == "values"]
    assert values[0] == {"total": 13, "seen": ["x", "left", "right"], "last": "done"}
    assert values[-1] == {"total": 24, "seen": ["x", "left", "right", "y", "left", "right"], "last": "done"}
    assert values[-1] == held(served, thread)


async def test_values_are_exact_with_branches_of_every_kind(client: LangGraphClient, served: Served) -> None:
    thread = new_thread()
    for words in (["a", "b", "c"], [], ["d"]):
        parts = await streamed(client, thread, "lg-forks", {"words": words}, stream_subgraphs=True)
        values = [part.data for part in parts if part.event == "values"]
        final = {name: value for name, value in values[-1].items() if name != "n"}
        assert final == held(served, thread)
        assert values[-1]["n"] == len(final["seen"])
    assert final["ids"] == ["x", "y", "z"]
    assert "slow" not in final["seen"]


async def test_outputs_stand_among_the_values(client: LangGraphClient) -> None:
    assert await client.runs.wait(None, "lg-outer", input={"word": "z"}) == {"total": 12}


async def test_a_stream_begins_with_metadata_and_ends_with_end(client: LangGraphClient) -> None:
    made: list[Any] = []
    thread = new_thread()
    parts = await streamed(client, thread, "lg-notes", {}, on_run_created=made.append)
    assert parts[0].event == "metadata"
    assert made == [{"run_id": parts[0].data["run_id"], "thread_id": thread}]
    assert parts[-1].event == "end"
    assert parts[-1].data == {"run_id": parts[0].data["run_id"], "status": "success"}
    assert len({part.id for part in parts}) == len(parts)


async def test_a_run_without_a_thread_is_addressed_as_its_own(client: LangGraphClient) -> None:
    made: list[Any] = []
    parts = await streamed(client, None, "lg-notes", {}, on_run_created=made.append)
    run = parts[0].data["run_id"]
    assert made == [{"run_id": run, "thread_id": run}]
    assert (await client.runs.get(run, run))["status"] == "success"
    assert (await client.runs.join(run, run))["total"] == 11


async def test_pieces_of_messages_have_the_id_of_the_message(client: LangGraphClient, served: Served) -> None:
    thread = new_thread()
    given = {"messages": [{"role": "user", "content": "hello", "id": "mine"}]}
    parts = await streamed(client, thread, "echo", given, ["messages-tuple", "messages", "values"])
    final = [part.data for part in parts if part.event == "values"][-1]
    assert [message["type"] for message in final["messages"]] == ["human", "ai"]
    assert [message["id"] for message in final["messages"]] == [
        message["id"] for message in held(served, thread)["messages"]
    ]
    answer = final["messages"][-1]
    chunks = [part.data for part in parts if part.event == "messages"]
    assert {chunk["id"] for chunk, _ in chunks} == {answer["id"]}
    assert "".join(chunk["content"] for chunk, _ in chunks) == answer["content"]
    assert {metadata["langgraph_node"] for _, metadata in chunks} == {"answer"}
    partial = [part.data[0] for part in parts if part.event == "messages/partial"]
    assert partial[-1]["content"] == answer["content"]
    assert all(later["content"].startswith(earlier["content"]) for earlier, later in pairwise(partial))
    (complete,) = [part.data[0] for part in parts if part.event == "messages/complete"]
    assert (complete["id"], complete["content"], complete["type"]) == (answer["id"], answer["content"], "ai")
    (metadata,) = [part.data for part in parts if part.event == "messages/metadata"]
    assert list(metadata) == [answer["id"]]


@pytest.mark.parametrize(
    "messages",
    [
        [{"type": "human", "content": "hello"}],
        [("user", "hello")],
        ["hello"],
        {"role": "user", "content": [{"type": "text", "text": "hello"}]},
        [
            {
                "lc": 1,
                "type": "constructor",
                "id": ["langchain_core", "messages", "HumanMessage"],
                "kwargs": {"content": "hello"},
            }
        ],
        [{"type": "human", "data": {"content": "hello"}}],
    ],
)
async def test_messages_come_in_every_form(client: LangGraphClient, messages: Any) -> None:
    values = await client.runs.wait(None, "echo", input={"messages": messages})
    assert [message["type"] for message in values["messages"]] == ["human", "ai"]  # type: ignore[call-overload]
    assert values["messages"][-1]["content"].endswith("hello")  # type: ignore[call-overload]


async def test_a_thread_goes_on_with_what_was_said(client: LangGraphClient) -> None:
    thread = new_thread()
    for number in range(2):
        values = await client.runs.wait(
            thread, "echo", input={"messages": [{"role": "user", "content": f"m{number}"}]}, if_not_exists="create"
        )
    assert [message["type"] for message in values["messages"]] == ["human", "ai", "human", "ai"]  # type: ignore[call-overload]


async def test_updates_name_the_node(client: LangGraphClient) -> None:
    parts = await streamed(client, new_thread(), "lg-notes", {"n": 3, "word": "x"}, "updates")
    updates = [part.data for part in parts if part.event == "updates"]
    assert updates[0] == {"first": {"n": 3, "me": ["x"], "total": 3, "seen": ["x"]}}
    assert [next(iter(update)) for update in updates if update][:1] == ["first"]
    assert {"left", "right", "both", "done"} <= {name for update in updates for name in update}


async def test_tasks_begin_and_end(client: LangGraphClient) -> None:
    parts = await streamed(client, new_thread(), "lg-notes", {}, ["tasks", "debug", "checkpoints", "events"])
    tasks = [part.data for part in parts if part.event == "tasks"]
    begun = {task["id"]: task["name"] for task in tasks if "triggers" in task}
    ended = {task["id"]: task["name"] for task in tasks if "result" in task}
    assert set(ended) <= set(begun)
    assert set(ended.values()) == {"first", "both", "left", "right", "pause", "done"}
    checkpoints = [part.data for part in parts if part.event == "checkpoints"]
    assert checkpoints[0]["next"] == ["first"]
    assert (checkpoints[-1]["next"], checkpoints[-1]["values"]["last"]) == ([], "done")
    steps = [one["metadata"]["step"] for one in checkpoints]
    assert steps == list(range(-1, len(steps) - 1))
    assert {part.data["type"] for part in parts if part.event == "debug"} == {"checkpoint", "task", "task_result"}
    assert {"on_chain_start", "on_chain_end"} <= {part.data["event"] for part in parts if part.event == "events"}


async def test_graphs_inside_are_told_in_their_namespace(client: LangGraphClient) -> None:
    modes = ["updates", "tasks"]
    without = await streamed(client, None, "lg-outer", {}, modes)
    assert not [part.event for part in without if "|" in part.event]
    within = await streamed(client, None, "lg-outer", {}, modes, stream_subgraphs=True)
    named = {part.event for part in within if "|" in part.event}
    (task,) = {
        part.data["id"]
        for part in within
        if part.event == "tasks" and part.data["name"] == "inner" and "triggers" in part.data
    }
    assert named == {f"updates|inner:{task}", f"tasks|inner:{task}"}
    assert [part.event for part in within if "|" not in part.event] == [part.event for part in without]


async def test_the_typed_stream_parts_of_version_2(client: LangGraphClient) -> None:
    parts = [
        part
        async for part in client.runs.stream(
            None, "lg-notes", input={}, stream_mode=["values", "updates"], version="v2"
        )
    ]
    assert {part["type"] for part in parts} == {"metadata", "values", "updates"}
    assert all(part["ns"] == [] for part in parts)


async def test_what_a_run_waits_for_is_an_interrupt(client: LangGraphClient) -> None:
    thread = new_thread()
    parts = await streamed(client, thread, "lg-questions", {"topic": "tea"}, ["values", "updates", "tasks"])
    asked = [part.data["__interrupt__"] for part in parts if part.event == "values" and "__interrupt__" in part.data]
    assert [
        part.data["__interrupt__"] for part in parts if part.event == "updates" and "__interrupt__" in part.data
    ] == asked
    (interrupts,) = asked
    assert {one["value"]["message"] for one in interrupts} == {"One about tea?", "Two about tea?"}
    assert parts[-1].data["status"] == "interrupted"
    ends = [part.data["interrupts"] for part in parts if part.event == "tasks" and part.data.get("interrupts")]
    assert sorted(one["id"] for (one,) in ends) == sorted(one["id"] for one in interrupts)
    run = parts[0].data["run_id"]
    assert (await client.runs.get(thread, run))["status"] == "interrupted"
    by_message = {one["value"]["message"][:3]: one["id"] for one in interrupts}
    answers = {by_message["One"]: {"answer": "green"}, by_message["Two"]: {"choice": "yes"}}
    rest = await streamed(client, thread, "lg-questions", None, command={"resume": answers})
    assert rest[0].data["run_id"] == run
    assert rest[-1].data["status"] == "success"
    assert [part.data for part in rest if part.event == "values"][-1] == {
        "answers": ["green", "yes"],
        "text": "green yes",
    }


async def test_several_questions_have_to_be_named(client: LangGraphClient) -> None:
    thread = new_thread()
    values = await client.runs.wait(thread, "lg-questions", input={"topic": "tea"}, if_not_exists="create")
    with pytest.raises(httpx.HTTPStatusError) as refused:
        await client.runs.wait(thread, "lg-questions", command={"resume": {"choice": "yes"}})
    assert refused.value.response.status_code == 422
    one = next(one for one in values["__interrupt__"] if one["value"]["message"].startswith("Two"))  # type: ignore[call-overload]
    left = await client.runs.wait(thread, "lg-questions", command={"resume": {one["id"]: {"choice": "no"}}})
    assert len(left["__interrupt__"]) == 1  # type: ignore[call-overload]
    done = await client.runs.wait(thread, "lg-questions", command={"resume": {"answer": "black"}})
    assert done["text"] == "black no"  # type: ignore[call-overload]


async def test_an_answer_of_the_wrong_form_is_refused_with_its_path(client: LangGraphClient) -> None:
    thread = new_thread()
    await client.runs.wait(thread, "lg-ask", input={"question": "hm"}, if_not_exists="create")
    with pytest.raises(UnprocessableEntityError, match="choice"):
        await client.runs.create(thread, "lg-ask", command={"resume": {"choice": "perhaps"}})
    values = await client.runs.wait(thread, "lg-ask", command={"resume": {"choice": "yes"}})
    assert values["messages"][-1]["type"] == "ai"  # type: ignore[call-overload]
    with pytest.raises(ConflictError):
        await client.runs.create(thread, "lg-ask", command={"resume": {"choice": "yes"}})


async def test_a_new_input_takes_the_place_of_a_run_that_waits(client: LangGraphClient) -> None:
    thread = new_thread()
    first = await streamed(client, thread, "lg-ask", {"question": "one"})
    again = await streamed(client, thread, "lg-ask", {"question": "two"})
    assert (await client.runs.get(thread, first[0].data["run_id"]))["status"] == "interrupted"
    values = [part.data for part in again if part.event == "values"][-1]
    assert [message["content"] for message in values["messages"]] == ["one", "two"]


async def test_breakpoints_stop_a_run_until_it_is_told_to_go_on(client: LangGraphClient) -> None:
    thread = new_thread()
    parts = await streamed(client, thread, "lg-notes", {}, ["values", "updates"], interrupt_before=["done"])
    assert parts[-1].data["status"] == "interrupted"
    assert [part.data for part in parts if part.event == "updates"][-1] == {"__interrupt__": []}
    rest = await streamed(client, thread, "lg-notes", None)
    assert rest[-1].data["status"] == "success"
    assert [part.data for part in rest if part.event == "values"][-1]["last"] == "done"


async def test_joining_gives_the_values(client: LangGraphClient) -> None:
    thread = new_thread()
    run = await client.runs.create(thread, "lg-notes", input={"n": 2}, if_not_exists="create")
    assert run["status"] in ("pending", "running")
    assert (await client.runs.join(thread, run["run_id"]))["total"] == 12
    assert (await client.runs.join(thread, run["run_id"]))["total"] == 12
    parts = [part async for part in client.runs.join_stream(thread, run["run_id"], stream_mode=["values", "updates"])]
    assert parts[0].event == "metadata"
    assert parts[-1].data["status"] == "success"


async def test_joining_a_run_that_was_resumed_tells_what_came_since(client: LangGraphClient) -> None:
    thread = new_thread()
    await client.runs.wait(thread, "lg-ask", input={"question": "hm"}, if_not_exists="create")
    rest = await streamed(client, thread, "lg-ask", None, command={"resume": {"choice": "yes"}})
    run = rest[0].data["run_id"]
    joined = [part async for part in client.runs.join_stream(thread, run)]
    assert [(part.event, part.id) for part in joined] == [(part.event, part.id) for part in rest]


async def test_a_cancelled_run_ends_its_streams(client: LangGraphClient, served: Served) -> None:
    thread = new_thread()
    run = await client.runs.create(thread, "lg-patient", input={"n": 1}, if_not_exists="create")
    reading = asyncio.create_task(_all(client, thread, run["run_id"]))
    await client.runs.cancel(thread, run["run_id"], wait=True)
    assert (await reading)[-1].data["status"] == "interrupted"
    assert (await client.runs.get(thread, run["run_id"]))["status"] == "interrupted"
    assert held(served, thread) == {"seen": [1]}


async def test_a_rolled_back_run_leaves_nothing(client: LangGraphClient, served: Served) -> None:
    thread = new_thread()
    run = await client.runs.create(thread, "lg-patient", input={"n": 1}, if_not_exists="create")
    await client.runs.cancel(thread, run["run_id"], wait=True, action="rollback")
    with pytest.raises(NotFoundError):
        await client.runs.get(thread, run["run_id"])
    assert held(served, thread) == {}


async def _all(client: LangGraphClient, thread: str, run: str) -> list[Any]:
    return [part async for part in client.runs.join_stream(thread, run)]


async def test_many_are_cancelled_at_once(client: LangGraphClient) -> None:
    thread = new_thread()
    runs = [
        await client.runs.create(
            thread, "lg-patient", input={"n": n}, if_not_exists="create", multitask_strategy="enqueue"
        )
        for n in range(3)
    ]
    await client.runs.cancel_many(thread_id=thread, run_ids=[runs[2]["run_id"]])
    await client.runs.cancel_many(thread_id=thread, status="all")
    for run in runs:
        await client.runs.join(thread, run["run_id"])
    assert {one["status"] for one in await client.runs.list(thread)} == {"interrupted"}


async def test_a_client_that_leaves_may_end_its_run(client: LangGraphClient) -> None:
    thread = new_thread()
    asked = client.runs.stream(
        thread, "lg-patient", input={}, stream_mode="updates", on_disconnect="cancel", if_not_exists="create"
    )
    run = (await anext(asked)).data["run_id"]  # type: ignore[call-overload]
    await asked.aclose()  # type: ignore[attr-defined]
    async with asyncio.timeout(20):
        while (await client.runs.get(thread, run))["status"] != "interrupted":
            await asyncio.sleep(0.05)
        await client.runs.join(thread, run)


async def test_runs_are_listed_by_status_and_page(client: LangGraphClient) -> None:
    thread = new_thread()
    for n in range(3):
        await client.runs.wait(thread, "lg-notes", input={"n": n}, if_not_exists="create")
    await client.runs.wait(thread, "lg-broken", input={}, raise_error=False)
    runs = await client.runs.list(thread)
    assert [run["status"] for run in runs] == ["error", "success", "success", "success"]
    assert await client.runs.list(thread, limit=2, offset=1) == runs[1:3]
    assert await client.runs.list(thread, status="error") == runs[:1]
    assert await client.runs.list(thread, select=["run_id", "status"], limit=1) == [
        {"run_id": runs[0]["run_id"], "status": "error"}
    ]
    await client.runs.delete(thread, runs[3]["run_id"])
    assert await client.runs.list(thread) == runs[:3]
    with pytest.raises(NotFoundError):
        await client.runs.list(new_thread())


async def test_a_failure_is_an_error_frame(client: LangGraphClient) -> None:
    parts = await streamed(client, new_thread(), "lg-broken", {}, ["values", "tasks"])
    assert parts[-1].event == "error"
    assert set(parts[-1].data) == {"error", "message"}
    assert [part.data["error"] for part in parts if part.event == "tasks" and part.data.get("error")]
    with pytest.raises(Exception, match=parts[-1].data["error"]):
        await client.runs.wait(None, "lg-broken", input={})
    told = await client.runs.wait(None, "lg-broken", input={}, raise_error=False)
    assert told == {"__error__": parts[-1].data}


async def test_without_an_input_a_failed_run_goes_on_from_its_failure(client: LangGraphClient) -> None:
    thread = new_thread()
    failed = await streamed(client, thread, "lg-broken", {"n": 1})
    again = await streamed(client, thread, "lg-broken", None, ["values", "updates"])
    assert again[0].data["run_id"] != failed[0].data["run_id"]
    assert again[-1].event == "error"
    assert "first" not in {name for part in again if part.event == "updates" for name in part.data}


async def test_a_batch_of_runs(client: LangGraphClient) -> None:
    runs = await client.runs.create_batch(
        [{"assistant_id": "lg-notes", "input": {"n": n}} for n in range(3)]  # type: ignore[typeddict-item]
    )
    totals = [(await client.runs.join(run["thread_id"], run["run_id"]))["total"] for run in runs]
    assert totals == [10, 11, 12]


async def test_metadata_tags_and_the_user_arrive(client: LangGraphClient, served: Served) -> None:
    run = await client.runs.create(
        None,
        "lg-notes",
        input={},
        metadata={"a": 1},
        config={"tags": ["blue"], "configurable": {"user_id": "u1"}, "metadata": {"b": 2}},  # type: ignore[typeddict-unknown-key]
    )
    assert run["metadata"] == {"a": 1, "b": 2}
    with served.client() as plain:
        found = plain.get(f"/v1/runs/{run['run_id']}").json()
    assert (found["tags"], found["user"], found["metadata"]) == (["blue"], "u1", {"a": 1, "b": 2})


@pytest.mark.parametrize(
    ("named", "given"),
    [
        ("context", {"context": {"model": "x"}}),
        ("config.configurable.model", {"config": {"configurable": {"model": "x"}}}),
        ("strict_resume", {"strict_resume": False}),
        ("on_completion", {"on_completion": "delete"}),
        ("checkpoint_ns", {"config": {"configurable": {"checkpoint_ns": "inner:1"}}}),
        ("recursion_limit", {"config": {"recursion_limit": 0}}),
        ("langsmith_tracer", {"langsmith_tracing": {"project_name": "x"}}),
        ("durability", {"durability": "exit"}),
        ("command.goto", {"command": {"goto": "done"}}),
        ("command.update", {"command": {"update": {"total": 1}, "resume": "yes"}}),
        ("nothing", {"interrupt_before": ["nothing"]}),
    ],
)
async def test_what_is_not_served_is_refused_by_name(client: LangGraphClient, named: str, given: Any) -> None:
    with pytest.raises(UnprocessableEntityError) as refused:
        await streamed(client, new_thread(), "lg-notes", None if "command" in given else {}, **given)
    assert named in refused.value.message


async def test_a_wrong_input_is_refused_with_its_path(client: LangGraphClient) -> None:
    with pytest.raises(UnprocessableEntityError, match="n"):
        await client.runs.create(None, "lg-notes", input={"n": "three"})
    with pytest.raises(UnprocessableEntityError, match=r"input\.messages\[0\]\.type"):
        await client.runs.create(None, "echo", input={"messages": [{"type": "remove", "content": ""}]})
    with pytest.raises(UnprocessableEntityError, match="chat"):
        await client.runs.create(None, "lg-notes", input={"messages": ["hello"]})
    with pytest.raises(UnprocessableEntityError, match="stream_mode"):
        await streamed(client, None, "lg-notes", {}, "lifecycle")


async def test_what_is_not_there_is_not_found(client: LangGraphClient, served: Served) -> None:
    with pytest.raises(NotFoundError):
        await client.runs.create(None, "no-such-agent", input={})
    with pytest.raises(NotFoundError):
        await client.runs.create(new_thread(), "lg-notes", input={})
    run = await client.runs.create(None, "lg-notes", input={})
    with pytest.raises(NotFoundError):
        await client.runs.get(new_thread(), run["run_id"])
    async with get_client(url=f"{served.url}/langgraph", api_key="girih_no") as stranger:
        with pytest.raises(AuthenticationError):
            await stranger.runs.get(run["run_id"], run["run_id"])


async def test_a_run_can_begin_later(client: LangGraphClient) -> None:
    run = await client.runs.create(None, "lg-notes", input={}, after_seconds=3600)
    assert run["status"] == "pending"
    await client.runs.cancel(run["run_id"], run["run_id"])


async def test_a_run_begins_at_an_earlier_state(client: LangGraphClient) -> None:
    thread = (await client.threads.create())["thread_id"]
    for word in ("a", "b"):
        await client.runs.wait(thread, "lg-notes", input={"word": word})
    history = await client.threads.get_history(thread, limit=50)
    first = next(one for one in history if not one["next"] and one["values"]["seen"][-3:] == ["a", "left", "right"])  # type: ignore[call-overload]
    forked = await client.runs.wait(
        thread, "lg-notes", input={"word": "c"}, checkpoint_id=first["checkpoint"]["checkpoint_id"]
    )
    assert forked["seen"] == ["a", "left", "right", "c", "left", "right"]  # type: ignore[call-overload]
    done = next(one for one in history if list(one["next"]) == ["done"])
    parts = [
        part
        async for part in client.runs.stream(
            thread, "lg-notes", stream_mode=["updates", "values"], checkpoint=done["checkpoint"]
        )
    ]
    # It is replayed from there: only the nodes behind it run once more.
    assert {name for part in parts if part.event == "updates" for name in part.data} == {"done"}
    assert [part.data for part in parts if part.event == "values"][-1]["last"] == "done"
    with pytest.raises(NotFoundError):
        await client.runs.create(thread, "lg-notes", input={}, checkpoint_id=str(uuid.uuid4()))


async def test_a_message_is_asked_anew_from_before_it(client: LangGraphClient) -> None:
    thread = (await client.threads.create())["thread_id"]
    for words in ("one", "two"):
        await client.runs.wait(thread, "echo", input={"messages": [{"type": "human", "content": words}]})
    history = await client.threads.get_history(thread, limit=50)
    before = next(one for one in history if not one["next"] and len(one["values"]["messages"]) == 2)  # type: ignore[call-overload]
    values = await client.runs.wait(
        thread, "echo", input={"messages": [{"type": "human", "content": "other"}]}, checkpoint=before["checkpoint"]
    )
    assert [one["content"] for one in values["messages"] if one["type"] == "human"] == ["one", "other"]  # type: ignore[call-overload]

"""Options of runs as LangGraph's Python client sends them: each does what it says, or is refused by its name."""

from __future__ import annotations

import uuid
from collections.abc import Iterator
from typing import Any

import httpx
import pytest
from langgraph_sdk.client import LangGraphClient
from langgraph_sdk.errors import ConflictError, UnprocessableEntityError
from tests.compat.conftest import Served


async def streamed(client: LangGraphClient, thread: str | None, agent: str, given: Any, **more: Any) -> list[Any]:
    asked: Any = client.runs.stream(thread, agent, input=given, **more)  # type: ignore[call-overload] - None is no thread
    return [part async for part in asked]


async def new_thread(client: LangGraphClient) -> str:
    return str((await client.threads.create())["thread_id"])


async def test_a_recursion_limit_bounds_the_steps(alang: LangGraphClient, plain: httpx.Client) -> None:
    thread = await new_thread(alang)
    parts = await streamed(alang, thread, "lgc-loop", {"n": 5}, config={"recursion_limit": 3})
    assert parts[-1].event == "error"
    assert parts[-1].data["error"] == "budget"
    assert "3 steps" in parts[-1].data["message"]
    found = plain.get(f"/v1/runs/{parts[0].data['run_id']}").json()
    assert (found["max_steps"], found["error"]["kind"]) == (3, "budget")
    # Without an input the failed run goes on where it failed, with the limit of the new request.
    again = await streamed(alang, thread, "lgc-loop", None, config={"recursion_limit": 30})
    assert (again[-1].event, again[-1].data["status"]) == ("end", "interrupted")


async def test_a_recursion_limit_counts_anew_when_a_run_is_resumed(alang: LangGraphClient) -> None:
    thread = await new_thread(alang)
    await alang.runs.wait(thread, "lgc-loop", input={"n": 2}, config={"recursion_limit": 3})
    resume: Any = {"resume": {"answer": "yes"}}
    failed: Any = await alang.runs.wait(thread, "lgc-loop", command=resume, raise_error=False)
    assert failed["__error__"]["error"] == "budget"
    other = await new_thread(alang)
    await alang.runs.wait(other, "lgc-loop", input={"n": 2}, config={"recursion_limit": 3})
    done: Any = await alang.runs.wait(other, "lgc-loop", command=resume, config={"recursion_limit": 10_007})
    assert done["total"] == 2


async def test_a_recursion_limit_holds_inside_of_graphs(alang: LangGraphClient) -> None:
    parts = await streamed(alang, None, "lg-outer", {"word": "x"}, config={"recursion_limit": 1})
    assert parts[-1].data["error"] == "budget"


async def test_what_is_noted_when_a_run_goes_on_is_added(alang: LangGraphClient, plain: httpx.Client) -> None:
    thread = await new_thread(alang)
    await alang.runs.wait(
        thread, "lgc-loop", input={"n": 1}, metadata={"a": 1}, config={"tags": ["one"], "configurable": {}}
    )
    resume: Any = {"resume": {"answer": "yes"}}
    await alang.runs.wait(thread, "lgc-loop", command=resume, metadata={"b": 2}, config={"tags": ["two", "one"]})
    (listed,) = await alang.runs.list(thread)
    run = plain.get(f"/v1/runs/{listed['run_id']}").json()
    assert (run["metadata"], run["tags"]) == ({"a": 1, "b": 2}, ["one", "two"])


AGAIN: list[tuple[str, dict[str, Any]]] = [
    ("webhook", {"webhook": "https://example.com/hook"}),
    ("after_seconds", {"after_seconds": 5}),
    ("interrupt_before", {"interrupt_before": ["last"]}),
    ("interrupt_after", {"interrupt_after": ["last"]}),
    ("config.configurable.user_id", {"config": {"configurable": {"user_id": "u"}}}),
]


@pytest.mark.parametrize(("named", "given"), AGAIN)
async def test_what_only_new_runs_take_is_refused_where_one_goes_on(
    alang: LangGraphClient, named: str, given: dict[str, Any]
) -> None:
    waits, failed = await new_thread(alang), await new_thread(alang)
    await alang.runs.wait(waits, "lgc-loop", input={"n": 1})
    await alang.runs.wait(failed, "lg-broken", input={}, raise_error=False)
    for thread, agent, more in (
        (waits, "lgc-loop", {"command": {"resume": {"answer": "yes"}}}),
        (waits, "lgc-loop", {}),
        (failed, "lg-broken", {}),
    ):
        with pytest.raises(UnprocessableEntityError, match=named):
            await streamed(alang, thread, agent, None, **given, **more)


async def test_an_answer_that_nothing_waits_for_is_refused(alang: LangGraphClient) -> None:
    thread = await new_thread(alang)
    asked: Any = await alang.runs.wait(thread, "lgc-loop", input={"n": 1})
    answer: Any = {"resume": {asked["__interrupt__"][0]["id"]: {"answer": "yes"}}}
    await alang.runs.wait(thread, "lgc-loop", command=answer, strict_resume=True)
    with pytest.raises(ConflictError):
        await alang.runs.create(thread, "lgc-loop", command=answer, strict_resume=True)
    with pytest.raises(UnprocessableEntityError, match="strict_resume"):
        await alang.runs.create(thread, "lgc-loop", command=answer, strict_resume=False)


async def test_runs_of_a_batch_begin_together_or_not_at_all(alang: LangGraphClient, plain: httpx.Client) -> None:
    mark = uuid.uuid4().hex
    good: Any = {"assistant_id": "lg-notes", "input": {"n": 1}, "metadata": {"mark": mark}}
    for wrong in (
        {"input": {"n": "three"}},
        {"interrupt_before": ["nowhere"]},
        {"context": {"a": 1}},
        {"webhook": "http://127.0.0.1:1/x"},
    ):
        with pytest.raises(UnprocessableEntityError):
            await alang.runs.create_batch([good, good | wrong])
    with pytest.raises(Exception, match="no-such-agent"):
        await alang.runs.create_batch([good, good | {"assistant_id": "no-such-agent"}])
    assert [one for one in _runs(plain) if one["metadata"].get("mark") == mark] == []
    made = await alang.runs.create_batch([good, good])
    assert {one["run_id"] for one in made} == {one["id"] for one in _runs(plain) if one["metadata"].get("mark") == mark}


def _runs(plain: httpx.Client) -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = plain.get("/v1/runs", params={"agent": "lg-notes", "limit": 200}).json()["items"]
    return found


@pytest.fixture
def anybody() -> Iterator[httpx.Client]:
    """A client without a key."""
    with httpx.Client(trust_env=False, timeout=60) as client:
        yield client


async def test_streams_tell_where_feedback_is_given(
    alang: LangGraphClient, plain: httpx.Client, anybody: httpx.Client
) -> None:
    thread = await new_thread(alang)
    parts = await streamed(alang, thread, "lg-notes", {}, feedback_keys=["helpful", "tone"])
    assert [part.event for part in parts[-2:]] == ["feedback", "end"]
    run, links = parts[0].data["run_id"], parts[-2].data
    assert set(links) == {"helpful", "tone"}
    assert plain.get(f"/v1/runs/{run}/feedback").json() == {"items": []}
    for said in ({"score": 0}, {"score": 1.0, "value": "up", "comment": "Right on."}):
        assert anybody.post(links["helpful"], json=said).status_code == 204
    (found,) = plain.get(f"/v1/runs/{run}/feedback").json()["items"]
    assert {name: found[name] for name in ("key", "score", "value", "comment")} == {
        "key": "helpful",
        "score": 1.0,
        "value": "up",
        "comment": "Right on.",
    }
    for wrong in ({}, {"score": "good"}, {"correction": {}}, {"comment": "x" * 10_001}):
        assert anybody.post(links["tone"], json=wrong).status_code == 422
    token = links["tone"].rpartition("/")[2]
    said, _, signature = token.partition(".")
    for bad in (said, f"{said}.", f"{said}.{signature[::-1]}", "x", f"{said[:-4]}AAAA.{signature}"):
        assert anybody.post(links["tone"].replace(token, bad), json={"score": 1}).status_code == 404
    plain.delete(f"/langgraph/threads/{thread}/runs/{run}")
    assert anybody.post(links["tone"], json={"score": 1}).status_code == 404
    assert plain.get(f"/v1/runs/{run}/feedback").status_code == 404


async def test_a_stream_that_is_joined_tells_the_same_links(
    alang: LangGraphClient, plain: httpx.Client, stranger: Served
) -> None:
    body = {"assistant_id": "lg-notes", "input": {}, "feedback_keys": ["tone"]}
    first = plain.post(f"/langgraph/threads/{await new_thread(alang)}/runs/stream", json=body)
    again = plain.get(f"/langgraph{first.headers['location']}", headers={"last-event-id": "-1"})
    assert again.content == first.content
    (feedback,) = (part for part in first.text.split("\n\n") if "event: feedback" in part)
    (place,) = (line.removeprefix("id: ") for line in feedback.splitlines() if line.startswith("id: "))
    rest = plain.get(f"/langgraph{first.headers['location']}", headers={"last-event-id": place}).text
    assert [line for line in rest.splitlines() if line.startswith("event:")] == ["event: end"]
    with stranger.client() as other:
        run = first.headers["content-location"].rpartition("/")[2]
        assert other.get(f"/v1/runs/{run}/feedback").status_code == 404


UNSAID: list[tuple[str, dict[str, Any]]] = [
    ("feedback_keys", {"feedback_keys": ["a"]}),
    ("on_disconnect", {"on_disconnect": "cancel"}),
]


@pytest.mark.parametrize(("named", "given"), UNSAID)
@pytest.mark.parametrize("where", ["/langgraph/runs", "/langgraph/threads/{}/runs"])
async def test_what_only_streams_can_do_is_refused_elsewhere(
    alang: LangGraphClient, plain: httpx.Client, named: str, given: dict[str, Any], where: str
) -> None:
    body = {"assistant_id": "lg-notes", "input": {}, **given}
    answer = plain.post(where.format(await new_thread(alang)), json=body)
    assert answer.status_code == 422
    assert named in answer.text


async def test_the_protocol_tells_where_a_run_can_be_begun_anew(served: Served, alang: LangGraphClient) -> None:
    thread = await new_thread(alang)
    for n in (1, 2):
        await alang.runs.wait(thread, "lg-notes", input={"n": n})
    async with alang.threads.stream(thread, assistant_id="lg-notes") as talk:
        events = talk.subscribe(["checkpoints", "values", "lifecycle"])
        await talk.run.start(input={"n": 3})
        told = []
        async for event in events:
            told.append(event)
            if event["method"] == "lifecycle" and event["params"]["data"]["event"] == "completed":
                break
    begun = [one["params"]["data"] for one in told if one["method"] == "checkpoints"]
    history = await alang.threads.get_history(thread, limit=50)
    known = {one["checkpoint"]["checkpoint_id"]: one for one in history}
    assert [(one["step"], one["source"]) for one in begun] == [(-1, "input")]
    assert known[begun[0]["id"]]["parent_checkpoint"]["checkpoint_id"] == begun[0]["parent_id"]  # type: ignore[index]
    assert begun[0]["parent_id"] in known

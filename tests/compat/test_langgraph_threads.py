"""Threads of the LangGraph server protocol, seen by LangGraph's own clients."""

from __future__ import annotations

import uuid

import httpx
import pytest
from langgraph_sdk.client import LangGraphClient, SyncLangGraphClient
from langgraph_sdk.errors import ConflictError, NotFoundError, UnprocessableEntityError
from tests.compat.langgraph_clients import run_on


def test_a_thread_begins_empty(lang: SyncLangGraphClient) -> None:
    made = lang.threads.create(metadata={"about": "beginnings"})
    assert made["status"] == "idle"
    assert made["values"] == {}
    assert made["interrupts"] == {}
    assert made["metadata"] == {"about": "beginnings"}
    assert lang.threads.get(made["thread_id"]) == made


def test_the_app_may_choose_the_id(lang: SyncLangGraphClient, strange: SyncLangGraphClient) -> None:
    chosen = str(uuid.uuid4())
    assert lang.threads.create(thread_id=chosen)["thread_id"] == chosen
    with pytest.raises(ConflictError, match="there is a thread"):
        lang.threads.create(thread_id=chosen)
    with pytest.raises(NotFoundError):
        strange.threads.get(chosen)
    # Another organization may choose the same one, and has a thread of its own then.
    strange.threads.create(thread_id=chosen, metadata={"mine": True})
    assert lang.threads.get(chosen)["metadata"] == {}
    strange.threads.delete(chosen)
    assert lang.threads.get(chosen)["thread_id"] == chosen


def test_one_that_is_there_can_be_taken(lang: SyncLangGraphClient) -> None:
    chosen = str(uuid.uuid4())
    first = lang.threads.create(thread_id=chosen, metadata={"a": 1}, if_exists="do_nothing")
    again = lang.threads.create(thread_id=chosen, metadata={"a": 2}, if_exists="do_nothing")
    assert again == first


def test_an_id_is_a_uuid(lang: SyncLangGraphClient) -> None:
    with pytest.raises(UnprocessableEntityError, match="thread_id"):
        lang.threads.create(thread_id="thread-1")
    with pytest.raises(UnprocessableEntityError):
        lang.threads.get("thread-1")


def test_what_cannot_be_done_is_refused_by_name(lang: SyncLangGraphClient) -> None:
    step = [{"updates": [{"values": {"a": 1}, "as_node": "first"}]}]
    with pytest.raises(UnprocessableEntityError, match="supersteps"):
        lang.threads.create(supersteps=step)
    with pytest.raises(UnprocessableEntityError, match=r"ttl.strategy: keep_latest"):
        lang.threads.create(ttl={"ttl": 5, "strategy": "keep_latest"})
    with pytest.raises(UnprocessableEntityError, match="extract"):
        lang.threads.search(extract={"a": "values.a"})
    with pytest.raises(UnprocessableEntityError, match="keep_latest"):
        lang.threads.prune([str(uuid.uuid4())], strategy="keep_latest")
    made = lang.threads.create()
    with pytest.raises(UnprocessableEntityError, match="include"):
        lang.threads.get(made["thread_id"], include=["colour"])


def test_a_time_to_live_is_in_minutes(lang: SyncLangGraphClient, plain: httpx.Client) -> None:
    made = lang.threads.create(ttl=5)
    told = lang.threads.get(made["thread_id"], include=["ttl"])
    assert told["ttl"]["ttl_minutes"] == 5  # type: ignore[typeddict-item] - not in the client's types
    assert plain.get(f"/v1/threads/{made['thread_id']}").json()["ttl"] == 300
    lang.threads.update(made["thread_id"], metadata={}, ttl={"ttl": 7, "strategy": "delete"})
    assert plain.get(f"/v1/threads/{made['thread_id']}").json()["ttl"] == 420


def test_metadata_is_merged(lang: SyncLangGraphClient) -> None:
    made = lang.threads.create(metadata={"a": 1, "b": 2})
    assert lang.threads.update(made["thread_id"], metadata={"b": 3})["metadata"] == {"a": 1, "b": 3}
    assert lang.threads.update(made["thread_id"], metadata={"c": 4}, return_minimal=True) is None
    assert lang.threads.get(made["thread_id"])["metadata"] == {"a": 1, "b": 3, "c": 4}


def test_deleting_and_pruning(lang: SyncLangGraphClient, strange: SyncLangGraphClient) -> None:
    ids = [lang.threads.create()["thread_id"] for _ in range(4)]
    lang.threads.delete(ids[0])
    with pytest.raises(NotFoundError):
        lang.threads.get(ids[0])
    assert strange.threads.prune(ids) == {"pruned_count": 0}
    assert lang.threads.prune([*ids, ids[1], str(uuid.uuid4())]) == {"pruned_count": 3}
    assert lang.threads.search(ids=ids) == []


def test_threads_of_others_are_not_there(lang: SyncLangGraphClient, strange: SyncLangGraphClient) -> None:
    thread = lang.threads.create(metadata={"secret": "yes"})["thread_id"]
    for ask in (
        lambda t: strange.threads.get(t),
        lambda t: strange.threads.update(t, metadata={"a": 1}),
        lambda t: strange.threads.delete(t),
        lambda t: strange.threads.copy(t),
        lambda t: strange.threads.get_state(t),
        lambda t: strange.threads.get_state(t, checkpoint_id=str(uuid.uuid4())),
        lambda t: strange.threads.update_state(t, {"a": 1}),
        lambda t: strange.threads.get_history(t),
    ):
        messages = []
        for asked in (thread, str(uuid.uuid4())):
            with pytest.raises(NotFoundError) as raised:
                ask(asked)
            messages.append(str(raised.value).replace(asked, "…"))
        assert messages[0] == messages[1]
    assert strange.threads.search(metadata={"secret": "yes"}) == []
    assert strange.threads.search(ids=[thread]) == []


def test_a_run_leaves_its_values(lang: SyncLangGraphClient, plain: httpx.Client) -> None:
    thread = lang.threads.create(metadata={"graph_id": "lgr-steps"})["thread_id"]
    run_on(plain, thread, "lgr-steps", word="x")
    found = lang.threads.get(thread)
    assert found["values"] == {"seen": ["x", "x!"], "count": 1, "said": ["x!"]}
    assert found["status"] == "idle"
    assert found["metadata"]["assistant_id"] == lang.assistants.get("lgr-steps")["assistant_id"]


def test_messages_are_written_as_langchain_does(lang: SyncLangGraphClient, plain: httpx.Client) -> None:
    thread = lang.threads.create()["thread_id"]
    run_on(plain, thread, "echo", question="Who is there?")
    human, ai = lang.threads.get(thread)["values"]["messages"]
    assert (human["type"], human["content"]) == ("human", "Who is there?")
    assert (ai["type"], ai["tool_calls"]) == ("ai", [])
    assert human["id"] != ai["id"]


def test_a_waiting_run_shows_what_it_asks(lang: SyncLangGraphClient, plain: httpx.Client) -> None:
    thread = lang.threads.create()["thread_id"]
    run_on(plain, thread, "lgr-gate", word="x")
    found = lang.threads.get(thread)
    assert found["status"] == "interrupted"
    assert found["values"]["seen"] == ["x"]
    ((interrupt,),) = found["interrupts"].values()
    assert interrupt["value"]["message"] == "Go on?"
    assert thread in {one["thread_id"] for one in lang.threads.search(status="interrupted", limit=100)}
    (listed,) = lang.threads.search(ids=[thread])
    assert listed == found
    assert thread not in {one["thread_id"] for one in lang.threads.search(status="idle", limit=1000)}


def test_a_failed_run_shows_as_an_error(lang: SyncLangGraphClient, plain: httpx.Client) -> None:
    thread = lang.threads.create()["thread_id"]
    run_on(plain, thread, "lgr-broken")
    assert lang.threads.get(thread)["status"] == "error"
    assert lang.threads.count(status="error") >= 1


async def test_threads_are_found_by_what_they_have(alang: LangGraphClient, plain: httpx.Client) -> None:
    mark = str(uuid.uuid4())
    ids = [(await alang.threads.create(metadata={"mark": mark, "n": n}))["thread_id"] for n in range(5)]
    run_on(plain, ids[2], "lgr-steps", word=mark)
    assert await alang.threads.count(metadata={"mark": mark}) == 5
    (found,) = await alang.threads.search(metadata={"mark": mark, "n": 3})
    assert found["thread_id"] == ids[3]
    (found,) = await alang.threads.search(values={"seen": [mark]})
    assert found["thread_id"] == ids[2]
    assert await alang.threads.count(values={"seen": [mark]}) == 1
    (found,) = await alang.threads.search(metadata={"mark": mark, "graph_id": "lgr-steps"})
    assert found["thread_id"] == ids[2]
    steps = (await alang.assistants.get("lgr-steps"))["assistant_id"]
    (found,) = await alang.threads.search(metadata={"mark": mark, "assistant_id": steps})
    assert found["thread_id"] == ids[2]
    assert await alang.threads.search(metadata={"mark": mark, "assistant_id": str(uuid.uuid4())}) == []
    assert {one["thread_id"] for one in await alang.threads.search(ids=ids[:2])} == set(ids[:2])


async def test_threads_come_in_order_and_in_pages(alang: LangGraphClient) -> None:
    mark = str(uuid.uuid4())
    ids = [(await alang.threads.create(metadata={"mark": mark}))["thread_id"] for _ in range(5)]
    seen = []
    for offset in range(0, 6, 2):
        page = await alang.threads.search(
            metadata={"mark": mark}, sort_by="created_at", sort_order="asc", limit=2, offset=offset
        )
        seen += [one["thread_id"] for one in page]
    assert seen == ids
    await alang.threads.update(ids[1], metadata={"touched": True})
    newest = await alang.threads.search(metadata={"mark": mark}, sort_by="updated_at", limit=1)
    assert newest[0]["thread_id"] == ids[1]
    by_id = await alang.threads.search(metadata={"mark": mark}, sort_by="thread_id", sort_order="desc")
    assert [one["thread_id"] for one in by_id] == sorted(ids, reverse=True)
    by_status = await alang.threads.search(metadata={"mark": mark}, sort_by="status")
    assert len(by_status) == 5


async def test_only_selected_fields_come(alang: LangGraphClient) -> None:
    thread = (await alang.threads.create())["thread_id"]
    (found,) = await alang.threads.search(ids=[thread], select=["thread_id", "status"])
    assert found == {"thread_id": thread, "status": "idle"}
    with pytest.raises(UnprocessableEntityError, match="no field 'colour'"):
        await alang.threads.search(select=["colour"])  # type: ignore[list-item] - what is tested


@pytest.mark.parametrize(
    "wrong", [{"limit": 0}, {"limit": 5000}, {"offset": -1}, {"sort_by": "colour"}, {"status": "asleep"}]
)
def test_wrong_searches_say_what_is_wrong(lang: SyncLangGraphClient, wrong: dict[str, object]) -> None:
    with pytest.raises(UnprocessableEntityError) as raised:
        lang.threads.search(**wrong)  # type: ignore[arg-type] - what is tested
    assert next(iter(wrong)) in str(raised.value)


def test_text_that_no_index_takes_is_passed_over(lang: SyncLangGraphClient, plain: httpx.Client) -> None:
    thread = lang.threads.create()["thread_id"]
    lang.threads.update_state(thread, {"odd": "a\x00b"})
    assert lang.threads.get(thread)["values"] == {"odd": "a\x00b"}
    assert thread not in {one["thread_id"] for one in lang.threads.search(values={"odd": "a"}, limit=1000)}


def test_a_copy_has_the_states_and_goes_its_own_way(lang: SyncLangGraphClient, plain: httpx.Client) -> None:
    thread = lang.threads.create(metadata={"a": 1})["thread_id"]
    run_on(plain, thread, "lgr-steps", word="x")
    copy: dict[str, object] = lang.threads.copy(thread)  # type: ignore[assignment,func-returns-value] # - the server gives the thread
    other = str(copy["thread_id"])
    assert other != thread
    assert lang.threads.get(other)["values"] == lang.threads.get(thread)["values"]
    run_on(plain, other, "lgr-steps", word="y")
    assert lang.threads.get(thread)["values"]["seen"] == ["x", "x!"]
    assert lang.threads.get(other)["values"]["seen"] == ["x", "x!", "y", "y!"]


@pytest.mark.parametrize(
    ("method", "path", "body"),
    [
        ("POST", "threads", {"metadata": {"a": "x\x00"}}),
        ("POST", "threads/search", {"metadata": {"a": "x\x00"}}),
        ("POST", "threads/search", {"values": {"a": "x\x00"}}),
        ("POST", "threads/count", {"metadata": {"graph_id": "x\x00"}}),
        ("POST", "threads/search", {"colour": "red"}),
        ("POST", "threads/search", "nonsense"),
        ("GET", "threads/search?colour=red", None),
        ("GET", "store/items?key=a%00&namespace=b", None),
        ("GET", "store/items?key=a&namespace=b%00", None),
        ("GET", "store/items?key=a&namespace=b..c", None),
        ("POST", "runs/crons/search", {"metadata": {"a": "x\x00"}}),
        ("POST", "runs/crons/search", {"sort_by": "colour"}),
        ("POST", "assistants/search", {"colour": "red"}),
    ],
)
def test_nonsense_is_refused_in_a_sentence(plain: httpx.Client, method: str, path: str, body: object) -> None:
    answer = plain.request(method, f"/langgraph/{path}", json=body)
    assert answer.status_code == 422, answer.text
    told = answer.json()
    assert isinstance(told["detail"], str)
    assert told["error_id"]


def test_addresses_of_nothing_answer_as_the_clients_read_it(lang: SyncLangGraphClient, plain: httpx.Client) -> None:
    thread = lang.threads.create()["thread_id"]
    for path in (f"threads/{thread}/state/a%00b", f"threads/{uuid.uuid4()}/state", "nothing/at/all"):
        answer = plain.get(f"/langgraph/{path}")
        assert answer.status_code == 404, answer.text
        assert isinstance(answer.json()["detail"], str)

"""Agents as graphs of somebody else's LangGraph program: `RemoteGraph`, alone and as a node."""

from __future__ import annotations

import uuid
from collections.abc import AsyncIterator, Iterator
from typing import Annotated, Any

import pytest
from langchain_core.messages import AnyMessage, HumanMessage
from langgraph.checkpoint.memory import InMemorySaver
from langgraph.graph import START, StateGraph
from langgraph.graph.message import add_messages
from langgraph.pregel.remote import RemoteException, RemoteGraph
from langgraph.types import Command
from langgraph_sdk import get_client, get_sync_client
from langgraph_sdk.client import LangGraphClient, SyncLangGraphClient
from tests.compat.conftest import Served
from typing_extensions import TypedDict


class Outer(TypedDict, total=False):
    """The state of the program around an agent."""

    messages: Annotated[list[AnyMessage], add_messages]
    n: int
    total: int
    topic: str
    text: str


@pytest.fixture
def calling(served: Served) -> Iterator[SyncLangGraphClient]:
    with get_sync_client(url=f"{served.url}/langgraph", api_key=served.key) as made:
        yield made


@pytest.fixture
async def awaiting(served: Served) -> AsyncIterator[LangGraphClient]:
    async with get_client(url=f"{served.url}/langgraph", api_key=served.key) as made:
        yield made


def on_thread() -> Any:
    return {"configurable": {"thread_id": str(uuid.uuid4())}}


def test_invoke_gives_the_values(calling: SyncLangGraphClient) -> None:
    graph = RemoteGraph("lg-notes", sync_client=calling)
    assert graph.invoke({"n": 5}, on_thread())["total"] == 15
    assert graph.invoke({"n": 5})["total"] == 15


async def test_ainvoke_gives_the_values(awaiting: LangGraphClient) -> None:
    graph = RemoteGraph("echo", client=awaiting)
    values = await graph.ainvoke({"messages": [HumanMessage("hello")]}, on_thread())
    assert values["messages"][-1]["content"].endswith("hello")


def test_stream_gives_updates_and_messages(calling: SyncLangGraphClient) -> None:
    graph = RemoteGraph("echo", sync_client=calling)
    updates = list(graph.stream({"messages": [HumanMessage("hello")]}, on_thread()))
    assert {name for update in updates for name in update} == {"answer"}
    pieces = list(graph.stream({"messages": [HumanMessage("hello")]}, on_thread(), stream_mode="messages"))
    text = "".join(chunk["content"] for chunk, _ in pieces)
    assert text.endswith("hello")
    both = list(graph.stream({"messages": ["hello"]}, on_thread(), stream_mode=["values", "custom"]))
    assert {part.event for part in both} == {"values"}


def test_the_state_is_read_and_written(calling: SyncLangGraphClient) -> None:
    graph, config = RemoteGraph("lg-notes", sync_client=calling), on_thread()
    graph.invoke({"n": 5, "word": "a"}, config)
    state = graph.get_state(config)
    assert state.values == {"total": 15, "seen": ["a", "left", "right"], "last": "done"}
    assert state.next == ()
    graph.update_state(config, {"last": "mine"})
    assert graph.get_state(config).values["last"] == "mine"
    assert graph.invoke({"n": 1}, config)["total"] == 26
    assert len(list(graph.get_state_history(config))) >= 3


def test_the_graph_can_be_drawn(calling: SyncLangGraphClient) -> None:
    drawn = RemoteGraph("lg-notes", sync_client=calling).get_graph()
    assert {"first", "both", "done"} <= set(drawn.nodes)
    assert drawn.draw_mermaid()


def test_a_failure_is_raised(calling: SyncLangGraphClient) -> None:
    with pytest.raises(RemoteException):
        RemoteGraph("lg-broken", sync_client=calling).invoke({}, on_thread())


def test_an_agent_is_a_node_of_another_graph(calling: SyncLangGraphClient) -> None:
    builder = StateGraph(Outer)
    builder.add_node("notes", RemoteGraph("lg-notes", sync_client=calling, name="notes"))
    builder.add_node("echo", RemoteGraph("echo", sync_client=calling, name="echo"))
    builder.add_edge(START, "notes")
    builder.add_edge("notes", "echo")
    graph = builder.compile()
    # Inputs beside those of an agent are refused: each node is given what it takes.
    with pytest.raises(Exception, match="messages"):
        graph.invoke({"n": 2, "messages": [HumanMessage("hello")]})
    alone = StateGraph(Outer)
    alone.add_node("echo", RemoteGraph("echo", sync_client=calling, name="echo"))
    alone.add_edge(START, "echo")
    values = alone.compile().invoke({"messages": [HumanMessage("hello", id="h")]})
    assert [message.type for message in values["messages"]] == ["human", "ai"]
    pieces = list(alone.compile().stream({"messages": [HumanMessage("hello")]}, stream_mode="messages", subgraphs=True))
    assert pieces


def test_an_agent_that_waits_interrupts_the_graph_around_it(calling: SyncLangGraphClient) -> None:
    builder = StateGraph(Outer)
    builder.add_node("asking", RemoteGraph("lg-questions", sync_client=calling, name="asking"))
    builder.add_edge(START, "asking")
    graph, config = builder.compile(checkpointer=InMemorySaver()), on_thread()
    values = graph.invoke({"topic": "tea"}, config)
    interrupts = values["__interrupt__"]
    assert {one.value["message"] for one in interrupts} == {"One about tea?", "Two about tea?"}
    answers = {
        one.id: {"answer": "green"} if one.value["message"].startswith("One") else {"choice": "yes"}
        for one in interrupts
    }
    remote = RemoteGraph("lg-questions", sync_client=calling)
    assert remote.invoke(Command(resume=answers), config)["text"] == "green yes"

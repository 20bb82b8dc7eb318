"""Assistants of the LangGraph server protocol: published agents, seen by LangGraph's own clients."""

from __future__ import annotations

import uuid

import httpx
import pytest
from langgraph_sdk.client import LangGraphClient, SyncLangGraphClient
from langgraph_sdk.errors import NotFoundError, PermissionDeniedError, UnprocessableEntityError
from tests.compat.conftest import Served, publish
from tests.compat.langgraph_clients import opened

STEPS = str(uuid.uuid5(uuid.UUID("6ba7b821-9dad-11d1-80b4-00c04fd430c8"), "lgr-steps"))


async def test_agents_are_found_by_name_graph_and_metadata(alang: LangGraphClient) -> None:
    client = alang
    (found,) = await client.assistants.search(graph_id="lgr-steps")
    assert (found["assistant_id"], found["graph_id"], found["name"]) == (STEPS, "lgr-steps", "lgr-steps")
    assert found["metadata"]["created_by"] == "system"
    assert found["version"] >= 1
    named = {one["name"] for one in await client.assistants.search(name="LGR-", limit=100)}
    assert named >= {"lgr-steps", "lgr-gate", "lgr-outer"}
    assert all("lgr-" in name for name in named)
    by_digest = await client.assistants.search(metadata={"digest": found["metadata"]["digest"]})
    assert [one["name"] for one in by_digest] == ["lgr-steps"]
    assert await client.assistants.search(metadata={"created_by": "nobody"}) == []


async def test_pages_tell_where_the_next_one_begins(alang: LangGraphClient) -> None:
    client = alang
    total = await client.assistants.count()
    seen, offset = [], 0
    while True:
        page = await client.assistants.search(
            limit=3, offset=offset, sort_by="name", sort_order="asc", response_format="object"
        )
        seen += [one["name"] for one in page["assistants"]]
        if page["next"] is None:
            break
        offset = int(page["next"])
    assert seen == sorted(set(seen))
    assert len(seen) == total


async def test_only_the_selected_fields_come(alang: LangGraphClient) -> None:
    client = alang
    (found,) = await client.assistants.search(graph_id="lgr-steps", select=["name", "version"])
    assert set(found) == {"name", "version"}
    with pytest.raises(UnprocessableEntityError, match="no field 'colour'"):
        await client.assistants.search(select=["colour"])  # type: ignore[list-item] - what is tested


@pytest.mark.parametrize("reference", ["lgr-steps", STEPS, "lgr-steps@1.0.0", "lgr-steps@latest"])
def test_an_assistant_is_found_by_every_name_it_has(lang: SyncLangGraphClient, reference: str) -> None:
    found = lang.assistants.get(reference)
    assert (found["assistant_id"], found["graph_id"]) == (STEPS, "lgr-steps")


@pytest.mark.parametrize(
    "reference", ["no-such-agent", "6c1f6c0e-4b0a-4a35-9d6e-0c8f5f3f7f11", "lgr-steps@9.9.9", "Not A Name", "x@"]
)
def test_an_unknown_assistant_is_not_found(lang: SyncLangGraphClient, reference: str) -> None:
    client = lang
    with pytest.raises((NotFoundError, UnprocessableEntityError)):
        client.assistants.get(reference)


def test_agents_of_others_are_not_found_by_any_name(lang: SyncLangGraphClient, strange: SyncLangGraphClient) -> None:
    lang.assistants.get(STEPS)  # the server has looked this one up
    client = strange
    for reference in (STEPS, "lgr-steps"):
        for ask in (client.assistants.get, client.assistants.get_graph, client.assistants.get_versions):
            with pytest.raises(NotFoundError) as raised:
                ask(reference)
            assert reference == "lgr-steps" or "lgr-steps" not in str(raised.value.body)
    assert client.assistants.search() == []
    assert client.assistants.count() == 0


def test_the_graph_is_drawn_as_langchain_draws_it(lang: SyncLangGraphClient) -> None:
    drawn = lang.assistants.get_graph("lgr-steps")
    assert [node["id"] for node in drawn["nodes"]] == ["__start__", "first", "second", "__end__"]
    assert drawn["nodes"][1]["type"] == "runnable"
    edges = {(edge["source"], edge["target"]) for edge in drawn["edges"]}
    assert edges == {("__start__", "first"), ("first", "second"), ("second", "__end__")}


def test_xray_looks_into_the_graphs_inside(lang: SyncLangGraphClient) -> None:
    client = lang
    shallow = client.assistants.get_graph("lgr-outer")
    assert {node["id"] for node in shallow["nodes"]} == {"__start__", "start", "both", "inner", "aside", "__end__"}
    (inner,) = (node for node in shallow["nodes"] if node["id"] == "inner")
    assert inner["metadata"] == {"graph_id": "lgr-steps"}
    stop = [edge for edge in shallow["edges"] if edge["source"] == "start" and edge["target"] == "__end__"]
    assert stop == [
        {"source": "start", "target": "__end__", "data": "start.word == 'stop'", "conditional": True},
    ]
    for xray in (True, 1, 2):
        deep = client.assistants.get_graph("lgr-outer", xray=xray)
        edges = {(edge["source"], edge["target"]) for edge in deep["edges"]}
        assert {("both", "inner:first"), ("inner:first", "inner:second"), ("inner:second", "__end__")} <= edges
        assert "inner" not in {node["id"] for node in deep["nodes"]}
    with pytest.raises(UnprocessableEntityError, match="xray"):
        client.assistants.get_graph("lgr-outer", params={"xray": "deep"})


def test_the_schemas_are_those_of_the_spec(lang: SyncLangGraphClient) -> None:
    found = lang.assistants.get_schemas("lgr-steps")
    assert found["graph_id"] == "lgr-steps"
    assert found["input_schema"]["properties"]["word"]["type"] == "string"
    assert set(found["output_schema"]["properties"]) == {"said"}
    assert set(found["state_schema"]["properties"]) == {"seen", "count", "said"}
    chat = lang.assistants.get_schemas("echo")
    assert chat["input_schema"]["properties"]["messages"]["type"] == "array"
    assert "question" not in chat["input_schema"]["required"]
    assert "messages" in chat["state_schema"]["properties"]


def test_the_graphs_inside_are_listed_by_namespace(lang: SyncLangGraphClient) -> None:
    client = lang
    found = client.assistants.get_subgraphs("lgr-outer")
    assert {name: one["graph_id"] for name, one in found.items()} == {"inner": "lgr-steps"}
    assert client.assistants.get_subgraphs("lgr-outer", "inner", recurse=True) == found
    assert client.assistants.get_subgraphs("lgr-outer", "elsewhere") == {}
    assert client.assistants.get_subgraphs("lgr-steps") == {}


def test_versions_are_those_that_were_published(
    lang: SyncLangGraphClient, served: Served, tmp_path_factory: pytest.TempPathFactory
) -> None:
    folder = tmp_path_factory.mktemp("versions")
    text = "kind: graph/v1\nname: lgr-aged\ndescription: {}\nnodes:\n  a: {{ set: {{ n: {} }}, next: $end }}\noutputs:\n  n: '${{ a.n }}'\n"
    for number in (1, 2, 3):
        (folder / "lgr-aged.yaml").write_text(text.format(f"number {number}", number))
        publish(served, folder)
    client = lang
    assert [one["version"] for one in client.assistants.get_versions("lgr-aged")] == [3, 2, 1]
    assert [one["version"] for one in client.assistants.get_versions("lgr-aged", limit=1, offset=1)] == [2]
    newest = client.assistants.get("lgr-aged")
    assert (newest["version"], newest["description"]) == (3, "number 3")
    first = client.assistants.get_versions("lgr-aged")[-1]["metadata"]["version"]
    assert client.assistants.get(f"lgr-aged@{first}")["version"] == 1
    assert client.assistants.set_latest("lgr-aged", 3)["version"] == 3
    with pytest.raises(UnprocessableEntityError, match="`latest` is always the newest"):
        client.assistants.set_latest("lgr-aged", 1)


def test_making_changing_and_deleting_is_refused_by_name(lang: SyncLangGraphClient) -> None:
    client = lang
    for refused in (
        lambda: client.assistants.create("lgr-steps", name="mine", metadata={"a": 1}),
        lambda: client.assistants.update("lgr-steps", name="mine"),
        lambda: client.assistants.delete("lgr-steps", delete_threads=True),
    ):
        with pytest.raises(UnprocessableEntityError, match="girih publish"):
            refused()
    with pytest.raises(NotFoundError):
        client.assistants.delete("no-such-agent")
    assert client.assistants.get("lgr-steps")["graph_id"] == "lgr-steps"


def test_wrong_searches_say_what_is_wrong(lang: SyncLangGraphClient) -> None:
    client = lang
    for wrong in ({"limit": 0}, {"limit": 1001}, {"offset": -1}, {"sort_by": "colour"}):
        with pytest.raises(UnprocessableEntityError) as raised:
            client.assistants.search(**wrong)
        assert next(iter(wrong)) in str(raised.value)


def test_the_server_says_that_it_is_there(served: Served) -> None:
    assert httpx.get(f"{served.url}/langgraph/ok", trust_env=False).json() == {"ok": True}
    told = httpx.get(f"{served.url}/langgraph/info", trust_env=False).json()
    assert told["flags"]["assistants"] is True
    assert told["version"]


def test_a_key_is_asked_for_and_a_lacking_permission_named(served: Served) -> None:
    nobody = httpx.post(f"{served.url}/langgraph/assistants/search", json={}, trust_env=False)
    assert nobody.status_code == 401
    assert "API key" in nobody.json()["detail"]
    with served.client() as client:
        made = client.post("/v1/keys", json={"name": "narrow", "permissions": ["runs:read"]}).json()
    with opened(served.url, made["key"]) as narrow, pytest.raises(PermissionDeniedError, match="agents:read"):
        narrow.assistants.search()

"""Search over HTTP: what may be asked, how it is explained, and in which words a request is refused."""

from __future__ import annotations

from collections.abc import Awaitable, Callable

import pytest
from tests.api.conftest import Client, is_problem, upload

Work = Callable[[], Awaitable[None]]


@pytest.fixture
async def shelf(published: Client, work: Work) -> Client:
    """A collection with two documents."""
    for name, text in (
        ("lamps.md", "# Lamps\n\nA lamp gives light.\n"),
        ("chairs.md", "# Chairs\n\nA chair has legs.\n"),
    ):
        answer = await published.post("/v1/collections/shelf/documents", files=upload(text, name))
        assert answer.status_code == 202, answer.text
    await work()
    return published


async def test_hits_and_their_explanation(shelf: Client) -> None:
    body = {"query": "a lamp", "filter": "document.name.endsWith('s.md')", "explain": True, "asker": {"user": "ada"}}
    found = (await shelf.post("/v1/collections/shelf/search", json=body)).json()
    first = found["hits"][0]
    assert first["document"] == "lamps.md"
    assert (first["version"], first["metadata"], first["place"]["heading"]) == (1, {}, ["Lamps"])
    assert first["scores"]["vector_rank"] == first["scores"]["keyword_rank"] == 1
    told = found["explanation"]
    assert told["filter"] == 'document.name.endsWith("s.md")'
    assert told["readers"] is None
    assert [leg["by"] for leg in told["legs"]] == ["vector", "keyword"]
    plain = (await shelf.post("/v1/collections/shelf/search", json={"query": "a lamp"})).json()
    assert plain["explanation"] is None


async def test_a_filter_that_cannot_be_read_is_refused_with_its_place(shelf: Client) -> None:
    body = {"query": "lamp", "filter": "document.nmae == 'lamps.md'"}
    problem = is_problem(await shelf.post("/v1/collections/shelf/search", json=body), 422, "invalid_input")
    assert problem["detail"] == "`filter`, column 10: 'document' has no field 'nmae'"
    assert "did you mean 'name'?" in str(problem["help"])


@pytest.mark.parametrize(
    "wrong",
    [
        {"top_k": 0},
        {"top_k": 1001},
        {"top_k": 201, "diversity": 0.1},
        {"top_k": 201, "neighbours": 1},
        {"top_k": 201, "rerank": "endpoint://none"},
        {"diversity": 1.5},
        {"neighbours": 6},
        {"queries": 0},
        {"mode": "best"},
        {"filter": "x" * 4001},
        {"asker": {"users": ["ada"]}},
        {"asker": "ada"},
        {"rerank": "http://elsewhere.example"},
        {"filter": "'; DROP TABLE chunks; --"},
        {"filter": "\x00"},
    ],
)
async def test_what_cannot_be_asked_is_refused(shelf: Client, wrong: dict[str, object]) -> None:
    answer = await shelf.post("/v1/collections/shelf/search", json={"query": "lamp", **wrong})
    assert answer.status_code == 422


async def test_a_thousand_hits_may_be_asked_for_to_measure_by(shelf: Client) -> None:
    answer = await shelf.post("/v1/collections/shelf/search", json={"query": "lamp chair", "top_k": 1000})
    assert len(answer.json()["hits"]) == 2


async def test_an_absent_service_leaves_the_order_as_it_is(shelf: Client) -> None:
    body = {"query": "lamp chair", "rerank": "endpoint://none", "explain": True}
    found = (await shelf.post("/v1/collections/shelf/search", json=body)).json()
    assert len(found["hits"]) == 2
    assert "no endpoint 'none'" in found["explanation"]["rerank"]["failed"]


async def test_a_graph_s_filter_is_checked_by_what_the_published_collection_declares(shelf: Client) -> None:
    collection = "kind: collection/v1\nname: shelf\nmetadata:\n  year: integer\n"
    answer = await shelf.post("/v1/workspace/apply", json={"files": {"shelf.yaml": collection}})
    assert answer.status_code == 200, answer.text
    graph = (
        "kind: graph/v1\nname: find\nuse:\n  kb: knowledge://shelf\ninputs:\n  q: string\nnodes:\n  search:\n"
        "    retrieve: kb\n    query: ${ inputs.q }\n    filter: metadata.yaer > 2020\n    next: $end\n"
        "outputs:\n  hits: ${ search.hits }\n"
    )
    found = (await shelf.post("/v1/workspace/validate", json={"files": {"find.yaml": graph}})).json()["diagnostics"]
    assert [(one["code"], one["line"], one["column"]) for one in found] == [("E201", 11, 22)]
    fixed = {"find.yaml": graph.replace("yaer", "year")}
    assert (await shelf.post("/v1/workspace/validate", json={"files": fixed})).json()["diagnostics"] == []


async def test_what_a_search_asks_of_models_is_listed_as_usage_of_searches(shelf: Client) -> None:
    body = {"query": "a lamp", "mode": "keyword", "rewrite": "default", "explain": True}
    answer = await shelf.post("/v1/collections/shelf/search", json=body)
    assert answer.json()["explanation"]["rewrite"]["by"] == "model://default"
    rows = (await shelf.get("/v1/usage", params={"group_by": "agent"})).json()["items"]
    assert {row["agent"]: row["calls"] for row in rows} == {"(search)": 1}

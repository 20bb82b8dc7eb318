"""Rerankers over HTTP against a real server: both shapes of `/rerank`, the key, and what may go wrong."""

from __future__ import annotations

from typing import Any

import pytest
from tests.providers.servers import Answer, breaks_off, says, serving

from girih.errors import Unavailable
from girih.providers.outbound import OutboundClient
from girih.providers.rerankers.http import HttpReranker, HttpRerankers


async def ask(*answers: Answer, times: int = 1) -> tuple[list[list[float | None]], list[Any]]:
    """What it says of two texts each time, and what the server was asked."""
    async with serving(*answers) as server:
        client = OutboundClient([server.url])
        try:
            reranker = HttpReranker(client, "judge", f"{server.url}/v1/", "s3cret")
            scores = [await reranker.scores("which?", ["one", "two"]) for _ in range(times)]
        finally:
            await client.aclose()
    return scores, server.asked


async def test_the_shape_of_cohere_and_jina() -> None:
    results = [{"index": 1, "relevance_score": 0.9}, {"index": 0, "relevance_score": 0.1, "document": {"text": "one"}}]
    [scores], [asked] = await ask(says(200, {"results": results}))
    assert scores == [0.1, 0.9]
    assert (asked.method, asked.path) == ("POST", "/v1/rerank")
    assert asked.json() == {"query": "which?", "documents": ["one", "two"]}
    assert asked.headers["authorization"] == "Bearer s3cret"


async def test_the_shape_of_tei_is_found_out_once() -> None:
    scores, asked = await ask(
        says(422, {"error": "missing field `texts`"}), says(200, '[{"index": 0, "score": 3}]'), times=2
    )
    assert scores == [[3.0, None], [3.0, None]]
    assert ["texts" in one.json() for one in asked] == [False, True, True]


@pytest.mark.parametrize(
    "answer",
    [
        says(500, {"error": "broken"}),
        says(200, "no list"),
        says(200, {"results": []}),
        says(200, {"results": [{"index": 7, "relevance_score": 1}, {"index": True, "score": 1}, "x"]}),
        breaks_off,
    ],
)
async def test_what_is_no_answer_is_unavailable(answer: Any) -> None:
    with pytest.raises(Unavailable, match="judge") as caught:
        await ask(answer)
    assert "s3cret" not in str(caught.value)


async def test_services_are_found_by_the_names_of_endpoints() -> None:
    client = OutboundClient()
    services = HttpRerankers(client, {"judge": "http://127.0.0.1:1"})
    assert services.get("judge") is services.get("judge")
    with pytest.raises(Unavailable, match="no endpoint 'jugde'"):
        services.get("jugde")
    await client.aclose()

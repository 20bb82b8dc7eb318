"""Indexes and pipelines over HTTP: shown, built, switched to, gone back to, removed."""

from __future__ import annotations

from collections.abc import Awaitable, Callable

import pytest
from tests.api.conftest import Client, ClientMaker

from girih.db.tenancy import OrgScope

PIPELINE = "kind: pipeline/v1\nname: careful\nembedder: hashing\nsplitter: { size: 100, overlap: 10 }\n"
SHELF = "kind: collection/v1\nname: shelf\npipeline: pipeline://careful\n"
INDEXES = "/v1/collections/shelf/indexes"

Work = Callable[[], Awaitable[None]]


async def apply(client: Client, pipeline: str = PIPELINE) -> dict[str, tuple[str, str | None]]:
    answer = await client.post("/v1/workspace/apply", json={"files": {"p.yaml": pipeline, "c.yaml": SHELF}})
    assert answer.status_code == 200, answer.text
    return {change["kind"]: (change["action"], change["version"]) for change in answer.json()["changes"]}


@pytest.fixture
async def shelf(client: Client, work: Work) -> Client:
    """The client of an organization with a collection of one document."""
    await apply(client)
    text = " ".join(f"Lamps number {n} glow in the dark." for n in range(60))
    answer = await client.post("/v1/collections/shelf/documents", files={"file": ("lamps.txt", text)})
    assert answer.status_code == 202
    await work()
    return client


async def statuses(client: Client) -> dict[int, str]:
    return {one["number"]: one["status"] for one in (await client.get(INDEXES)).json()["items"]}


async def test_a_changed_pipeline_is_built_watched_and_rolled_back(shelf: Client, work: Work) -> None:
    changed = await apply(shelf, PIPELINE.replace("100", "300"))
    assert changed == {"collection/v1": ("update", None), "pipeline/v1": ("update", "1.1.0")}
    building, active = (await shelf.get(INDEXES)).json()["items"]
    assert (building["status"], building["pipeline"], active["status"]) == ("building", "careful@1.1.0", "active")
    assert building["documents"] == {"done": 0, "failed": 0, "total": 1, "eta_seconds": None}
    assert building["config"]["chunk"]["size"] == 300
    await work()
    assert await statuses(shelf) == {1: "former", 2: "active"}
    back = await shelf.post(f"{INDEXES}/{active['id']}/activate")
    assert (back.status_code, back.json()["status"]) == (200, "active")
    assert await statuses(shelf) == {1: "active", 2: "former"}
    assert (await shelf.delete(f"{INDEXES}/{building['id']}")).status_code == 204
    assert await statuses(shelf) == {1: "active"}
    hits = (await shelf.post("/v1/collections/shelf/search", json={"query": "lamps"})).json()["hits"]
    assert len(hits) > 1


async def test_a_build_is_asked_for_cancelled_and_refused_in_words(shelf: Client) -> None:
    made = await shelf.post(INDEXES)
    assert (made.status_code, made.json()["status"]) == (202, "building")
    again = await shelf.post(INDEXES)
    assert again.status_code == 409
    assert again.json()["detail"] == "index 2 is being built already"
    cancelled = await shelf.post(f"{INDEXES}/{made.json()['id']}/cancel")
    assert cancelled.json()["status"] == "cancelled"
    active = (await shelf.get(INDEXES)).json()["items"][1]
    refused = await shelf.delete(f"{INDEXES}/{active['id']}")
    assert (refused.status_code, refused.json()["detail"]) == (409, "index 1 is searched")


async def test_pipelines_and_their_versions_are_listed(shelf: Client) -> None:
    await apply(shelf, PIPELINE + "title: Careful\n")
    (pipeline,) = (await shelf.get("/v1/pipelines")).json()["items"]
    assert (pipeline["name"], pipeline["title"], pipeline["version"]) == ("careful", "Careful", "1.0.1")
    newest, first = (await shelf.get("/v1/pipelines/careful/versions")).json()["items"]
    assert (newest["version"], first["version"]) == ("1.0.1", "1.0.0")
    assert first["document"]["splitter"]["size"] == 100
    missing = await shelf.get("/v1/pipelines/carefull/versions")
    assert missing.status_code == 404
    assert "did you mean 'careful'?" in missing.text


async def test_what_is_not_bound_is_a_conflict_in_words(shelf: Client) -> None:
    files = {"p.yaml": PIPELINE + "store: { type: pinecone, endpoint: prod }\n", "c.yaml": SHELF}
    answer = await shelf.post("/v1/workspace/apply", json={"files": files})
    assert answer.status_code == 409
    assert "keeps its vectors on the pinecone `prod`" in answer.json()["detail"]


async def test_strangers_and_readers_change_nothing(
    shelf: Client, client_for: ClientMaker, scope: OrgScope, other_scope: OrgScope
) -> None:
    (index,) = (await shelf.get(INDEXES)).json()["items"]
    stranger, reader = await client_for(other_scope), await client_for(scope, frozenset({"knowledge:read"}))
    assert (await stranger.get(INDEXES)).status_code == 404
    for method, path in (("POST", INDEXES), ("POST", f"{INDEXES}/{index['id']}/activate"),
                         ("POST", f"{INDEXES}/{index['id']}/cancel"), ("DELETE", f"{INDEXES}/{index['id']}")):  # fmt: skip
        assert (await stranger.request(method, path)).status_code == 404
        assert (await reader.request(method, path)).status_code == 403

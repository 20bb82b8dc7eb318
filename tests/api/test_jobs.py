"""Ingestions over HTTP: followed as they go, cancelled, tried again, and found where they are stuck."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from typing import Any
from uuid import uuid4

from sqlalchemy import text
from tests.api.conftest import Client, ClientMaker, is_problem, upload

from girih.cli.stream import frames
from girih.db.tenancy import OrgScope
from girih.db.unit_of_work import UnitOfWork

Work = Callable[[], Awaitable[None]]
BOOK = "\n\n".join(f"# Part {n}\n\nSentence {n} says something about matter {n}." for n in range(5))


async def bring(client: Client, content: str | bytes = BOOK, name: str = "book.md") -> str:
    answer = await client.post("/v1/collections/shelf/documents", files=upload(content, name))
    assert answer.status_code == 202, answer.text
    return str(answer.json()["id"])


async def said(client: Client, path: str) -> list[dict[str, Any]]:
    answer = await client.get(path)
    assert answer.status_code == 200, answer.text
    return list(frames([answer.content]))


async def test_a_document_is_followed_to_its_end_and_resumed(published: Client, work: Work) -> None:
    document = await bring(published)
    following = asyncio.create_task(said(published, f"/v1/documents/{document}/events"))
    await asyncio.sleep(0.3)
    await work()
    seen = await asyncio.wait_for(following, 30)
    assert (seen[0]["type"], seen[-1]["type"]) == ("document.queued", "document.ready")
    numbers = [event["seq"] for event in seen]
    assert numbers == sorted(set(numbers))
    assert seen[-1]["data"]["id"] == document
    assert seen[-1]["data"]["done"] == seen[-1]["data"]["total"] > 0
    assert [e["type"] for e in await said(published, f"/v1/documents/{document}/events?from={numbers[0]}")] == [
        "document.ready"
    ]
    assert await said(published, f"/v1/documents/{document}/events?from={numbers[-1]}") == []


async def test_a_failed_one_says_why_and_is_tried_again_with_those_like_it(published: Client, work: Work) -> None:
    bad = await bring(published, b"\x00\x01broken", "a.docx")
    other = await bring(published, b"%PDF-1.4 broken", "b.pdf")
    await work()
    assert (await said(published, f"/v1/documents/{bad}/events"))[-1]["data"]["reason"]
    reasons = {i: (await published.get(f"/v1/documents/{i}")).json()["reason"] for i in (bad, other)}
    assert all(reasons.values())
    answer = await published.post("/v1/collections/shelf/retry", json={"reason": "no such words"})
    assert answer.json() == {"retried": 0, "more": False}
    answer = await published.post("/v1/collections/shelf/retry", json={})
    assert answer.json() == {"retried": 2, "more": False}
    assert (await published.get(f"/v1/documents/{bad}")).json()["status"] == "queued"
    await work()
    assert (await published.get(f"/v1/documents/{bad}")).json()["status"] == "failed"
    listed = (await published.get("/v1/jobs?status=failed&collection=shelf")).json()["items"]
    assert {job["document"] for job in listed} == {"a.docx", "b.pdf"}
    is_problem(await published.post("/v1/collections/none/retry", json={}), 404)
    is_problem(await published.post("/v1/collections/shelf/retry", json={"reasons": "x"}), 422)


async def test_cancel(published: Client, work: Work) -> None:
    document = await bring(published)
    assert (await published.post(f"/v1/documents/{document}/cancel")).status_code == 204
    gone = (await published.get(f"/v1/documents/{document}")).json()
    assert (gone["status"], gone["chunks"]) == ("failed", 0)
    assert "cancelled" in gone["reason"]
    await work()
    assert (await published.get(f"/v1/documents/{document}")).json()["status"] == "failed"
    is_problem(await published.post(f"/v1/documents/{document}/cancel"), 409)
    assert (await published.post(f"/v1/documents/{document}/retry")).status_code == 202
    await work()
    assert (await published.get(f"/v1/documents/{document}")).json()["status"] == "ready"


async def test_what_is_stuck_says_what_it_waits_for(published: Client, scope: OrgScope, uow: UnitOfWork) -> None:
    waiting, tried, left = [await bring(published, f"words {n}", f"{n}.txt") for n in range(3)]
    assert (await published.get("/v1/jobs?stuck=true")).json()["items"] == []
    changes = {
        waiting: "updated_at = now() - interval '10 minutes', created_at = now() - interval '10 minutes'",
        tried: "attempts = 2, reason = 'the provider is away', not_before = now() + interval '1 minute'",
        left: "status = 'running', lease_until = now() - interval '1 minute'",
    }
    async with uow(scope) as work:
        for document, change in changes.items():
            await work.session.execute(
                text(f"UPDATE ingest_jobs SET {change} WHERE document_id = :id"), {"id": document}
            )
    found = (await published.get("/v1/jobs?stuck=true")).json()["items"]
    sentences = {job["document_id"]: job["waits_for"] for job in found}
    assert "see that a worker with the role `ingestion` runs" in sentences[waiting]
    assert "for the third time" in sentences[tried]
    assert "the provider is away" in sentences[tried]
    assert "has not been heard of" in sentences[left]
    one = (await published.get(f"/v1/jobs/{found[0]['id']}")).json()
    assert one["waits_for"] == found[0]["waits_for"]
    page = (await published.get("/v1/jobs?limit=2")).json()
    rest = (await published.get("/v1/jobs", params={"limit": 2, "cursor": page["next"]})).json()
    assert [len(page["items"]), len(rest["items"]), rest["next"]] == [2, 1, None]
    is_problem(await published.get("/v1/jobs?cursor=x"), 400)


async def test_a_collection_is_followed_with_what_is_deleted(published: Client, work: Work) -> None:
    first, second = await bring(published, "one", "1.txt"), await bring(published, "two", "2.txt")
    await work()
    async with published.stream("GET", "/v1/documents/" + first + "/events") as answer:
        assert answer.headers["content-type"].startswith("text/event-stream")
    girih = published._transport.app.state.girih  # type: ignore[attr-defined]  # - an endless stream has no whole answer
    scope = await girih.identity.authenticate(published.headers["authorization"].removeprefix("Bearer "))
    tail = await girih.jobs.follow_collection(scope, "shelf", 0)
    seen = await tail.take()
    assert {event.run_id for event in seen} == {first, second}
    assert await tail.take() == []
    rang = asyncio.Event()
    assert tail.wait(rang.set)
    assert (await published.delete(f"/v1/documents/{first}")).status_code == 204
    await asyncio.wait_for(rang.wait(), 30)
    [gone] = await tail.take()
    assert (gone.run_id, gone.event.type) == (first, "document.deleted")
    tail.close()
    later = await girih.jobs.follow_collection(scope, "shelf", seen[-1].seq)
    assert [event.event.type for event in await later.take()] == ["document.deleted"]
    later.close()


async def test_jobs_and_streams_name_no_documents_of_other_readers(
    published: Client, client_for: ClientMaker, scope: OrgScope, work: Work
) -> None:
    data = {"readers": '["user:anna"]'}
    answer = await published.post("/v1/collections/shelf/documents", files=upload("for some", "hush.md"), data=data)
    hush, plain = answer.json()["id"], await bring(published, "for all", "open.md")
    await work()
    jobs = {job["document"]: job["id"] for job in (await published.get("/v1/jobs")).json()["items"]}
    reader = await client_for(scope, frozenset({"knowledge:read"}))
    girih = published._transport.app.state.girih  # type: ignore[attr-defined]  # - an endless stream has no whole answer
    key = reader.headers["authorization"].removeprefix("Bearer ")
    asking = await girih.identity.authenticate(key)
    tails = {who: await girih.jobs.follow_collection(asking, "shelf", 0, who) for who in ((), ("user:anna",))}
    for who, tail in tails.items():
        params = {"user": "anna"} if who else {}
        told = (await reader.get("/v1/jobs", params=params)).json()["items"]
        assert {job["document"] for job in told} == ({"hush.md", "open.md"} if who else {"open.md"})
        assert {event.run_id for event in await tail.take()} == ({hush, plain} if who else {plain})
        for path in (f"/v1/jobs/{jobs['hush.md']}", f"/v1/documents/{hush}/events"):
            answer = await reader.get(path, params=params)
            assert answer.status_code == (200 if who else 403)
            assert who or "hush" not in answer.text
    assert len((await published.get("/v1/jobs", params={"user": "bob"})).json()["items"]) == 1
    await published.delete(f"/v1/documents/{hush}")
    ends = {who: [event.event.data["name"] for event in await tail.take()] for who, tail in tails.items()}
    assert ends == {(): [], ("user:anna",): ["hush.md"]}
    for tail in tails.values():
        tail.close()


async def test_what_is_not_ours_is_not_there(published: Client, client_for: ClientMaker, other_scope: OrgScope) -> None:
    document = await bring(published)
    [job] = (await published.get("/v1/jobs")).json()["items"]
    stranger = await client_for(other_scope)
    assert (await stranger.get("/v1/jobs")).json()["items"] == []
    for path in (f"/v1/jobs/{job['id']}", f"/v1/jobs/{uuid4()}", f"/v1/documents/{document}/events"):
        is_problem(await stranger.get(path), 404)
    is_problem(await stranger.post(f"/v1/documents/{document}/cancel"), 404)
    is_problem(await stranger.get("/v1/collections/shelf/events"), 404)

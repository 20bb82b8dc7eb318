"""Streams over a real connection: frames, resume at each of them, heartbeats, leaving, stopping."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable
from datetime import UTC, datetime
from types import SimpleNamespace
from typing import Annotated, Any

import httpx
import pytest
from fastapi import Depends, FastAPI, Request
from starlette.responses import Response
from tests.api.serving import served

from girih.api import errors, open_streams
from girih.api.middleware import Envelope
from girih.api.open_streams import Streams
from girih.api.speakers import PLAIN, Plain, frame
from girih.api.sse import EventStream, resume_after
from girih.cli.stream import frames
from girih.engine.events import NewEvent, RunEvent

LENGTH = 7


def event(seq: int, type: str = "message.delta", text: str = "a\r\nb – \u2028\u2029\x85\x0b \0") -> RunEvent:
    return RunEvent("run-1", seq, 1, NewEvent(type, {"text": text}, datetime.now(UTC), "answer"))


class Feed:
    """A feed whose pace the test decides, and that knows whether somebody still reads it."""

    def __init__(self) -> None:
        self.readers = 0
        self.left = 0
        self.more = asyncio.Event()

    def tail(self, after: int) -> Tail:
        return Tail(self, after)


class Tail:
    """A reader's place: all but the last event at once, that one when there is more."""

    def __init__(self, feed: Feed, after: int) -> None:
        self.feed, self.after, self.ended = feed, after, False
        self.waiting: asyncio.Task[None] | None = None
        feed.readers += 1

    async def take(self) -> list[RunEvent]:
        last = LENGTH if self.feed.more.is_set() else LENGTH - 1
        events = [
            event(seq, "run.finished" if seq == LENGTH else "message.delta") for seq in range(self.after + 1, last + 1)
        ]
        self.after = max(self.after, last)
        self.ended = last == LENGTH
        return events

    def wait(self, wake: Callable[[], None]) -> bool:
        async def wait() -> None:
            await self.feed.more.wait()
            wake()

        if self.waiting is None:
            self.waiting = asyncio.create_task(wait())
        return True

    def close(self) -> None:
        self.feed.readers -= 1
        if self.waiting is not None:
            self.waiting.cancel()


class Broken:
    """A source that fails after its first event."""

    ended = False
    taken = False

    async def take(self) -> list[RunEvent]:
        if self.taken:
            raise RuntimeError("the feed broke")
        self.taken = True
        return [event(1)]

    def wait(self, wake: Callable[[], None]) -> bool:
        raise AssertionError(wake)

    def close(self) -> None:
        self.taken = True


@pytest.fixture
def feed() -> Feed:
    return Feed()


@pytest.fixture
def app(feed: Feed) -> FastAPI:
    app = FastAPI()
    app.state.girih = SimpleNamespace()
    app.state.streams = Streams(app.state.girih)
    app.add_middleware(Envelope)
    errors.install(app)

    @app.get("/events")
    async def follow(request: Request, after: Annotated[int, Depends(resume_after)]) -> Response:
        return EventStream(request, feed.tail(after))

    @app.get("/watched")
    async def watched(request: Request, speaker: str = "plain") -> Response:
        async def note() -> None:
            feed.left += 1

        said = Brief() if speaker == "brief" else PLAIN
        return EventStream(request, feed.tail(0), speaker=said, on_leave=note)

    @app.get("/broken")
    async def broken(request: Request) -> Response:
        return EventStream(request, Broken())

    return app


@pytest.fixture
async def client(app: FastAPI) -> AsyncIterator[httpx.AsyncClient]:
    async with served(app) as url, httpx.AsyncClient(base_url=url, timeout=10, trust_env=False) as client:
        yield client


async def until(condition: object, seconds: float = 5) -> None:
    async with asyncio.timeout(seconds):
        while not condition():  # type: ignore[operator]
            await asyncio.sleep(0.01)


def test_a_frame_survives_any_text() -> None:
    wire = frame(event(3)).decode()
    assert wire.startswith("id: 3\nevent: message.delta\ndata: {")
    assert wire.endswith("\n\n")
    # Only these three end a line in an event stream.
    assert wire.count("\n") == 4
    assert "\r" not in wire
    (found,) = frames([wire.encode()])
    assert found["data"]["text"] == "a\r\nb – \u2028\u2029\x85\x0b \0"


@pytest.mark.parametrize("after", range(LENGTH + 1))
async def test_a_stream_resumes_after_each_event(client: httpx.AsyncClient, feed: Feed, after: int) -> None:
    feed.more.set()
    by_header = await client.get("/events", headers={"last-event-id": str(after)})
    by_query = await client.get("/events", params={"from": str(after)})
    for answer in (by_header, by_query):
        found = [item["seq"] for item in frames([answer.content])]
        assert found == list(range(after + 1, LENGTH + 1))


async def test_the_header_wins_over_the_address_a_browser_reconnects_to(client: httpx.AsyncClient, feed: Feed) -> None:
    feed.more.set()
    answer = await client.get("/events", params={"from": "1"}, headers={"last-event-id": "5"})
    assert [item["seq"] for item in frames([answer.content])] == [6, 7]


@pytest.mark.parametrize("bad", ["-1", "abc", "1.5", " 1", "1 ", "0x1", "٣", "1e3", "9" * 16, "run-2:4"])
async def test_ids_that_are_none_are_refused(client: httpx.AsyncClient, bad: str) -> None:
    answer = await client.get("/events", params={"from": bad})
    assert answer.status_code == 400
    assert answer.headers["content-type"] == "application/problem+json"
    assert "id" in answer.json()["detail"]


async def test_the_head_suits_proxies(client: httpx.AsyncClient, feed: Feed) -> None:
    feed.more.set()
    answer = await client.get("/events")
    assert answer.headers["content-type"].startswith("text/event-stream")
    assert answer.headers["x-accel-buffering"] == "no"
    assert "no-transform" in answer.headers["cache-control"]
    assert answer.text.startswith("retry: ")


async def test_silence_is_broken(client: httpx.AsyncClient, feed: Feed, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(open_streams, "HEARTBEAT", 0.05)
    received = b""
    async with client.stream("GET", "/events") as answer:
        async for chunk in answer.aiter_bytes():
            received += chunk
            if received.count(b": ping\n\n") == 3:
                feed.more.set()
    assert [item["seq"] for item in frames([received])] == list(range(1, LENGTH + 1))


async def test_a_feed_is_left_when_its_reader_leaves(client: httpx.AsyncClient, feed: Feed, app: FastAPI) -> None:
    async with client.stream("GET", "/events") as answer:
        await anext(answer.aiter_lines())
        await until(lambda: feed.readers == 1)
    await until(lambda: feed.readers == 0)
    assert len(app.state.streams) == 0


class Brief(Plain):
    """Has said all there is with the first event."""

    def say(self, event: RunEvent) -> bytes:
        self.over = True
        return super().say(event)


async def test_who_leaves_before_the_end_is_noticed_once(client: httpx.AsyncClient, feed: Feed) -> None:
    async with client.stream("GET", "/watched") as answer:
        await anext(answer.aiter_lines())
    await until(lambda: feed.left)
    await until(lambda: feed.readers == 0)
    assert feed.left == 1


async def test_an_end_of_the_stream_the_server_or_the_speaker_is_no_leaving(
    client: httpx.AsyncClient, feed: Feed, app: FastAPI
) -> None:
    await client.get("/watched?speaker=brief")
    async with client.stream("GET", "/watched") as answer:
        lines = answer.aiter_lines()
        await anext(lines)
        app.state.streams.close()
        assert [line async for line in lines]
    feed.more.set()
    await client.get("/watched")
    await until(lambda: feed.readers == 0)
    assert feed.left == 0


async def test_many_that_leave_leave_nothing_behind(client: httpx.AsyncClient, feed: Feed, app: FastAPI) -> None:
    before = len(asyncio.all_tasks())

    async def look_in() -> None:
        async with client.stream("GET", "/events") as answer:
            await anext(answer.aiter_lines())

    for _ in range(10):
        await asyncio.gather(*(look_in() for _ in range(10)))
    await until(lambda: feed.readers == 0 and len(asyncio.all_tasks()) <= before + 2)


async def test_a_stop_ends_streams_between_two_frames(client: httpx.AsyncClient, feed: Feed, app: FastAPI) -> None:
    received = b""
    async with client.stream("GET", "/events") as answer:
        async for chunk in answer.aiter_bytes():
            received += chunk
            if b"id: 6\n" in received:
                app.state.streams.close()
    assert received.endswith(b"\n\n")
    assert b"run.finished" not in received
    feed.more.set()
    assert (await client.get("/events", headers={"last-event-id": "6"})).text == "", "a stopping server starts none"


async def test_a_feed_that_breaks_ends_the_stream_without_a_word_about_why(client: httpx.AsyncClient) -> None:
    answer = await client.get("/broken")
    assert [item["seq"] for item in frames([answer.content])] == [1]
    assert "feed broke" not in answer.text


def test_a_frame_that_was_cut_is_no_event() -> None:
    first, second = frame(event(1)), frame(event(2))
    whole = first + second
    for cut in range(len(whole) + 1):
        found = [item["seq"] for item in frames([whole[:cut]])]
        assert found == [1, 2][: (cut >= len(first)) + (cut == len(whole))], cut
        assert [item["seq"] for item in frames([whole[:cut], whole[cut:]])] == [1, 2]


def test_a_frame_survives_half_a_character() -> None:
    (found,) = frames([frame(event(3, text="\ud800"))])
    assert found["data"]["text"] == "\ud800"


def test_clients_that_end_lines_too_eagerly_are_spared() -> None:
    assert len(frame(event(1)).decode().splitlines()) == 4


async def test_an_open_stream_keeps_nothing_of_its_request(app: FastAPI, feed: Feed) -> None:
    scopes: list[Any] = []

    async def noting(scope: Any, receive: Any, send: Any) -> None:
        scopes.append(scope)
        await app(scope, receive, send)

    async with (
        served(noting) as url,  # type: ignore[arg-type]
        httpx.AsyncClient(base_url=url, timeout=10, trust_env=False) as client,
        client.stream("GET", "/events"),
    ):
        await until(lambda: feed.readers)
        await until(lambda: set(scopes[-1]) == {"type", "method", "path", "raw_path", "state"})

"""Embedders give unit vectors, equal ones for equal texts, and near ones for texts of the same matter."""

from __future__ import annotations

import asyncio
import json
import math
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path

import pytest
from pydantic import SecretStr

from girih.errors import InvalidInput, Unavailable
from girih.providers.embeddings.base import Embedder
from girih.providers.embeddings.hashing import Hashing
from girih.providers.embeddings.ladder import Embedders
from girih.providers.embeddings.minilm import MiniLM
from girih.providers.embeddings.openai import OpenAIEmbedder


def closeness(one: list[float], other: list[float]) -> float:
    return sum(a * b for a, b in zip(one, other, strict=True))


@pytest.mark.parametrize("embedder", [MiniLM(), Hashing()], ids=["minilm", "hashing"])
async def test_vectors(embedder: Embedder) -> None:
    texts = ["How do I return a product?", "Returning products: how it is done", "Die Katze schläft.", "", "¿?"]
    vectors = await embedder.embed(texts)
    assert [len(vector) for vector in vectors] == [embedder.dims] * len(texts)
    assert all(math.isclose(closeness(vector, vector), 1.0, abs_tol=1e-4) for vector in vectors)
    assert closeness(vectors[0], vectors[1]) > closeness(vectors[0], vectors[2]) + 0.2
    assert await embedder.embed(texts) == vectors
    assert await embedder.embed([]) == []


async def test_minilm_finds_meaning_without_a_shared_word() -> None:
    question, answer, other = await MiniLM().embed(
        ["When will my parcel arrive?", "Delivery takes two days.", "The workshop has twelve places."]
    )
    assert closeness(question, answer) > closeness(question, other) + 0.1


async def test_minilm_works_beside_the_event_loop() -> None:
    embedding = asyncio.create_task(MiniLM().embed(["some words " * 60] * 12))
    ticks = 0
    while not embedding.done():
        await asyncio.sleep(0.005)
        ticks += 1
    assert ticks > 5


async def test_another_model_file_is_refused(tmp_path: Path) -> None:
    (tmp_path / "model.onnx").write_bytes(b"not a model")
    with pytest.raises(Unavailable, match="SHA-256"):
        await MiniLM(tmp_path / "model.onnx").embed(["x"])


def test_the_ladder() -> None:
    assert Embedders().get("default").name == "minilm"
    assert Embedders().get("auto") is not None
    assert Embedders("hashing").get("default").name == "hashing"
    assert Embedders("hashing").get("minilm").name == "minilm"
    ladder = Embedders()
    assert ladder.get("minilm") is ladder.get("default")
    with pytest.raises(Unavailable, match="key"):
        ladder.get("openai")
    with pytest.raises(InvalidInput, match="minilmm"):
        ladder.get("minilmm")


Answer = tuple[int, dict[str, str], bytes]


@contextmanager
def faltering(*answers: Answer) -> Iterator[tuple[str, list[float]]]:
    """A provider that gives these answers first, and then good ones; the list collects when it was asked."""
    asked: list[float] = []

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            texts = json.loads(self.rfile.read(int(self.headers["content-length"])))["input"]
            data = [{"object": "embedding", "index": i, "embedding": [3.0, 4.0]} for i in range(len(texts))]
            usage = {"prompt_tokens": 1, "total_tokens": 1}
            good = json.dumps({"object": "list", "data": data, "model": "m", "usage": usage}).encode()
            status, headers, body = answers[len(asked)] if len(asked) < len(answers) else (200, {}, good)
            asked.append(time.monotonic())
            self.send_response(status)
            for name, value in {
                "content-type": "application/json",
                "content-length": str(len(body)),
                **headers,
            }.items():
                self.send_header(name, value)
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, *_: object) -> None: ...

    server = HTTPServer(("127.0.0.1", 0), Handler)
    thread = threading.Thread(target=server.serve_forever, daemon=True)
    thread.start()
    try:
        yield f"http://127.0.0.1:{server.server_port}/v1", asked
    finally:
        server.shutdown()
        server.server_close()


@contextmanager
def provider(status: int = 200, *, short: bool = False) -> Iterator[tuple[str, list[int]]]:
    """A provider on this machine; the list collects the sizes of the batches it was sent."""
    batches: list[int] = []

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            texts = json.loads(self.rfile.read(int(self.headers["content-length"])))["input"]
            batches.append(len(texts))
            data = [{"object": "embedding", "index": i, "embedding": [3.0, 4.0]} for i in range(len(texts) - short)]
            usage = {"prompt_tokens": 1, "total_tokens": 1}
            body = json.dumps({"object": "list", "data": data, "model": "m", "usage": usage}).encode()
            self.send_response(status)
            self.send_header("content-type", "application/json")
            self.send_header("content-length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, *_: object) -> None: ...

    server = HTTPServer(("127.0.0.1", 0), Handler)
    thread = threading.Thread(target=server.serve_forever, daemon=True)
    thread.start()
    try:
        yield f"http://127.0.0.1:{server.server_port}/v1", batches
    finally:
        server.shutdown()
        server.server_close()


async def test_openai_in_batches() -> None:
    with provider() as (url, batches):
        embedder = OpenAIEmbedder("small", SecretStr("key"), url)
        vectors = await embedder.embed([f"text {i}" for i in range(100)])
    assert vectors == [[0.6, 0.8]] * 100
    assert batches == [64, 36]
    assert embedder.dims == 2


async def test_openai_answers_that_do_not_fit_are_refused() -> None:
    with provider(short=True) as (url, _), pytest.raises(Unavailable, match="number or size"):
        await OpenAIEmbedder("small", SecretStr("key"), url).embed(["a", "b"])


async def test_openai_refusing_the_key_is_said() -> None:
    with provider(401) as (url, batches), pytest.raises(Unavailable, match="key"):
        await OpenAIEmbedder("small", SecretStr("key"), url).embed(["a"])
    assert batches == [1]


@pytest.fixture
def waits(monkeypatch: pytest.MonkeyPatch) -> list[float]:
    """How long it would have waited; nobody waits for it."""
    waited: list[float] = []
    sleep = asyncio.sleep

    async def note(seconds: float) -> None:
        waited.append(seconds)
        await sleep(0)

    monkeypatch.setattr("girih.providers.embeddings.openai.asyncio.sleep", note)
    return waited


async def test_openai_is_asked_again_when_it_says(waits: list[float]) -> None:
    busy = (429, {"retry-after": "7"}, b'{"error": {"message": "slow down"}}')
    with faltering(busy, busy) as (url, asked):
        vectors = await OpenAIEmbedder("small", SecretStr("key"), url).embed(["a", "b"])
    assert vectors == [[0.6, 0.8]] * 2
    assert len(asked) == 3
    told = [seconds for seconds in waits if seconds >= 7]
    assert len(told) == 2
    assert all(seconds <= 8 for seconds in told)


async def test_openai_is_not_waited_for_longer_than_a_minute(waits: list[float]) -> None:
    busy = (429, {"retry-after": "3600"}, b"{}")
    with faltering(busy) as (url, asked), pytest.raises(Unavailable, match="429"):
        await OpenAIEmbedder("small", SecretStr("key"), url).embed(["a", "b"])
    assert len(asked) == 1


@pytest.mark.parametrize(("texts", "most"), [(["a"], 3), (["a", "b"], 6)], ids=["one", "many"])
async def test_openai_that_fails_is_asked_a_few_times(waits: list[float], texts: list[str], most: int) -> None:
    broken = (503, {}, b"<html>away</html>")
    with faltering(*[broken] * (most - 1)) as (url, asked):
        assert len(await OpenAIEmbedder("small", SecretStr("key"), url).embed(texts)) == len(texts)
    assert len(asked) == most
    with faltering(*[broken] * most) as (url, asked), pytest.raises(Unavailable, match="failed"):
        await OpenAIEmbedder("small", SecretStr("key"), url).embed(texts)
    assert len(asked) == most


@pytest.mark.parametrize(
    "body", [b"{not json", b"[]", b'{"data": "x"}', b'{"data": [{"embedding": null}]}', b"null", b""]
)
async def test_openai_that_answers_something_else_is_unavailable(waits: list[float], body: bytes) -> None:
    with faltering(*[(200, {}, body)] * 10) as (url, _), pytest.raises(Unavailable, match="something else"):
        await OpenAIEmbedder("small", SecretStr("key"), url).embed(["a"])

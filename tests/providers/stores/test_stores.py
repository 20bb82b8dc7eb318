"""What every vector store answers for: the database, Qdrant and Pinecone alike."""

from __future__ import annotations

import random
from collections.abc import AsyncIterator
from uuid import UUID, uuid4

import pytest
from qdrant_client import AsyncQdrantClient
from tests.conftest import make_scope
from tests.providers.servers import serving
from tests.providers.stores.database import Database
from tests.providers.stores.doubles import Double, PineconeDouble, QdrantDouble, cosine

from girih.db.unit_of_work import UnitOfWork
from girih.errors import Conflict, InvalidInput, Unavailable
from girih.providers.stores.base import Point, VectorStore, VectorStores
from girih.providers.stores.pinecone import open_pinecone
from girih.providers.stores.qdrant import QdrantStore, open_qdrant

DIMS = 8

# It compares all vectors, and says that it needs no settings for that.
pytestmark = pytest.mark.filterwarnings("ignore:Local mode performs exact")


@pytest.fixture(params=["database", "qdrant in this process", "qdrant", "pinecone"])
async def store(request: pytest.FixtureRequest, uow: UnitOfWork) -> AsyncIterator[VectorStore]:
    if request.param == "database":
        yield Database(uow, await make_scope(uow))
    elif request.param == "qdrant in this process":
        made = QdrantStore(AsyncQdrantClient(location=":memory:"))
        yield made
        await made.aclose()
    else:
        async with serving((double := DOUBLES[request.param]()).answer) as server:
            opened = OPEN[request.param](server.url, double.key)
            yield opened
            await opened.aclose()


DOUBLES: dict[str, type[Double]] = {"qdrant": QdrantDouble, "pinecone": PineconeDouble}
OPEN = {"qdrant": open_qdrant, "pinecone": open_pinecone}


def points(count: int, seed: int = 7) -> list[Point]:
    """Points with random vectors."""
    dice = random.Random(seed)
    return [
        Point(UUID(int=dice.getrandbits(128), version=4), [dice.gauss(0, 1) for _ in range(DIMS)], {"document_id": "d"})
        for _ in range(count)
    ]


def exact(held: list[Point], vector: list[float], depth: int) -> list[UUID]:
    """The nearest by comparing all."""
    return [one.id for one in sorted(held, key=lambda one: -cosine(one.vector, vector))][:depth]


async def test_what_is_found_is_what_comparing_all_vectors_finds(store: VectorStore) -> None:
    index, held = uuid4(), points(40)
    await store.prepare(index, DIMS)
    await store.put(index, held)
    assert await store.count(index) == 40
    for question in points(5, seed=8):
        vector = list(question.vector)
        near = await store.search(index, vector, 10)
        assert [one for one, _ in near] == exact(held, vector, 10)
        by_id = {one.id: one.vector for one in held}
        # Half precision, as the database keeps them, is off by some thousandths.
        assert all(abs(score - cosine(by_id[one], vector)) < 0.005 for one, score in near)
    assert len(await store.search(index, list(held[0].vector), 100)) == 40


async def test_a_search_may_be_narrowed_to_some_points(store: VectorStore) -> None:
    index, held = uuid4(), points(20)
    await store.prepare(index, DIMS)
    await store.put(index, held)
    vector, some = list(held[0].vector), held[10:15]
    near = await store.search(index, vector, 10, [one.id for one in some])
    assert [one for one, _ in near] == exact(some, vector, 10)


async def test_the_last_vector_of_a_point_counts(store: VectorStore) -> None:
    index, (one, other) = uuid4(), points(2)
    await store.prepare(index, DIMS)
    await store.put(index, [one, other])
    await store.put(index, [Point(one.id, [-number for number in other.vector], {})])
    assert await store.count(index) == 2
    near = await store.search(index, list(other.vector), 2)
    assert [found for found, _ in near] == [other.id, one.id]
    assert near[1][1] == pytest.approx(-1, abs=0.001)


async def test_what_is_removed_is_gone_and_to_remove_it_again_is_no_fault(store: VectorStore) -> None:
    index, held = uuid4(), points(5)
    await store.prepare(index, DIMS)
    await store.put(index, held)
    for _ in range(2):
        await store.remove(index, [one.id for one in held[:2]])
        assert await store.count(index) == 3
    near = await store.search(index, list(held[0].vector), 5)
    assert {one for one, _ in near} == {one.id for one in held[2:]}


async def test_several_indexes_are_never_mixed_and_are_dropped_one_by_one(store: VectorStore) -> None:
    (first, second), (ours, theirs) = (uuid4(), uuid4()), (points(4, seed=1), points(4, seed=2))
    for index, held in ((first, ours), (second, theirs)):
        await store.prepare(index, DIMS)
        await store.prepare(index, DIMS)
        await store.put(index, held)
    near = await store.search(first, list(theirs[0].vector), 10)
    assert {one for one, _ in near} == {one.id for one in ours}
    for _ in range(2):
        await store.drop(first)
        assert await store.count(first) == 0
    assert await store.search(first, list(ours[0].vector), 10) == []
    assert await store.count(second) == 4
    await store.remove(first, [ours[0].id])


async def test_an_index_without_points_finds_nothing(store: VectorStore) -> None:
    index = uuid4()
    assert await store.search(index, [1.0] * DIMS, 10) == []
    await store.prepare(index, DIMS)
    await store.put(index, [])
    assert await store.search(index, [1.0] * DIMS, 10) == []
    assert await store.count(index) == 0


async def test_vectors_of_another_length_are_refused_before_any_is_stored(store: VectorStore) -> None:
    index, held = uuid4(), points(3)
    await store.prepare(index, DIMS)
    await store.put(index, held)
    with pytest.raises(Conflict, match="vectors of 8 numbers, and these have 4"):
        await store.prepare(index, 4)
    assert await store.count(index) == 3


async def test_what_is_kept_beside_a_vector_may_be_any_text(store: VectorStore) -> None:
    index, (one,) = uuid4(), points(1)
    await store.prepare(index, DIMS)
    await store.put(index, [Point(one.id, one.vector, {"name": 'Überblick 概要 🗂 "quoted"\n'})])
    assert [found for found, _ in await store.search(index, list(one.vector), 1)] == [one.id]


@pytest.mark.parametrize("kind", ["qdrant", "pinecone"])
async def test_a_server_that_is_away_is_unavailable_and_fine_again_later(
    kind: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def at_once(_: float) -> None:
        """Let the client's own retries not wait."""

    monkeypatch.setattr("pinecone._internal.http_client._async_retry_sleep", at_once)
    index, held = uuid4(), points(3)
    async with serving((double := DOUBLES[kind]()).answer) as server:
        store = OPEN[kind](server.url, double.key)
        await store.prepare(index, DIMS)
        double.is_down = True
        with pytest.raises(Unavailable, match="does not answer"):
            await store.put(index, held)
        with pytest.raises(Unavailable, match="does not answer"):
            await store.search(index, list(held[0].vector), 3)
        double.is_down = False
        await store.put(index, held)
        assert await store.count(index) == 3
        wrong = OPEN[kind](server.url, "another-key")
        with pytest.raises(Unavailable, match="does not accept this server's key"):
            await wrong.prepare(index, DIMS)
        with pytest.raises(Conflict, match="refused what it was sent, with status 400"):
            await store.put(index, [Point(held[0].id, [1.0], {})])
        await wrong.aclose()
    # Nobody listens there any more.
    with pytest.raises(Unavailable, match="does not answer"):
        await store.count(index)
    await store.aclose()


async def test_texts_reach_the_server_as_they_are() -> None:
    for kind, double in (("qdrant", QdrantDouble()), ("pinecone", PineconeDouble())):
        async with serving(double.answer) as server:
            store, index, (one,) = OPEN[kind](server.url, double.key), uuid4(), points(1)
            await store.prepare(index, DIMS)
            await store.put(index, [Point(one.id, one.vector, {"name": "Überblick 概要 🗂"})])
            (space,) = double.spaces.values()
            assert space.points[str(one.id)][1]["name"] == "Überblick 概要 🗂"
            await store.aclose()


async def test_a_pinecone_index_must_compare_by_angle_and_have_a_key() -> None:
    async with serving((double := PineconeDouble(metric="euclidean")).answer) as server:
        store = open_pinecone(server.url, double.key)
        with pytest.raises(Conflict, match="compares by euclidean"):
            await store.prepare(uuid4(), DIMS)
        await store.aclose()
    with pytest.raises(InvalidInput, match="without its key"):
        open_pinecone("https://docs.example.com", "")


async def test_a_store_that_is_not_bound_is_named() -> None:
    with pytest.raises(Unavailable, match="there is no qdrant 'main' on this server"):
        VectorStores().get("qdrant", "main")

"""What is stored of passages is what was put last, in every table, whatever was there before."""

from __future__ import annotations

import random
from collections import Counter, defaultdict
from uuid import UUID

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from sqlalchemy import text
from tests.conftest import make_scope
from tests.services.knowledge.shelf import TABLES, Shelf, passage

from girih.db.tenancy import OrgScope
from girih.db.unit_of_work import UnitOfWork
from girih.services.knowledge import index as passages_of
from girih.services.knowledge import postings
from girih.services.knowledge.chunking import Passage

WORDS = ("compass", "parcel", "glue", "rule", "pattern", "warranty")

texts = st.lists(st.sampled_from(WORDS), max_size=4).map(" ".join)
contents = st.lists(st.tuples(texts, st.integers(0, 3)), max_size=6)
swaps = st.lists(st.tuples(st.sampled_from("abc"), st.none() | contents), min_size=1, max_size=8)


def laid_out(content: list[tuple[str, int]]) -> tuple[list[Passage], list[list[float]]]:
    """Passages one after another, and a vector for each."""
    passages, at = [], 0
    for body, _ in content:
        passages.append(passage(body, at))
        at += len(body) + 1
    return passages, [[1.0, float(number)] for _, number in content]


@pytest.fixture
async def shelf(uow: UnitOfWork, scope: OrgScope) -> Shelf:
    return await Shelf(uow, scope, dims=2).make()


@settings(max_examples=30, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(swaps=swaps, shelved_after=st.integers(0, 8), sizes=st.sampled_from([(500, 8_000), (4, 9), (1, 3), (1, 1)]))
async def test_a_storm_of_swaps_leaves_what_was_put_last(
    uow: UnitOfWork, swaps: list[tuple[str, list[tuple[str, int]] | None]], shelved_after: int, sizes: tuple[int, int]
) -> None:
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(postings, "SMALL", sizes[0])
        patch.setattr(postings, "LARGE", sizes[1])
        await storm(uow, swaps, shelved_after)


async def storm(uow: UnitOfWork, swaps: list[tuple[str, list[tuple[str, int]] | None]], shelved_after: int) -> None:
    shelf = await Shelf(uow, await make_scope(uow), dims=2).make()
    model: dict[str, list[tuple[str, int]]] = {}
    for number, (name, content) in enumerate(swaps):
        if number == shelved_after:
            assert await shelf.shelve()
        if content is None:
            model.pop(name, None)
            await shelf.clear(name)
        else:
            model[name] = content
            await shelf.put(name, *laid_out(content))
        await agrees(shelf, model)


async def agrees(shelf: Shelf, model: dict[str, list[tuple[str, int]]]) -> None:
    """Every table holds the model and nothing else."""
    everything = [one for content in model.values() for one in content]
    said = [Counter(body.split()) for body, _ in everything]
    df = Counter(word for words in said for word in words)
    assert await shelf.counts() == (len(everything), sum(words.total() for words in said))
    assert await shelf.rows() == {
        "chunks": len(everything),
        "chunk_vectors": len(everything),
        "chunk_words": len(everything),
        "chunk_postings": await posted(shelf),
    }
    async with shelf.uow(shelf.scope) as work:
        stored = await work.session.execute(
            text(
                "SELECT d.name, c.ordinal, c.text, c.start, v.embedding::text, v.shelf FROM chunks c "
                "JOIN documents d ON d.id = c.document_id JOIN chunk_vectors v ON v.chunk_id = c.id ORDER BY 1, 2"
            )
        )
        rows = [tuple(row) for row in stored]
        held = await shelf.index(work)
    expected = []
    for name, content in sorted(model.items()):
        for ordinal, (one, (body, number)) in enumerate(zip(laid_out(content)[0], content, strict=True)):
            expected.append((name, ordinal, body, one.start, f"[1,{number}]", held.shelf))
    assert rows == expected
    for word, count in df.items():
        found = await shelf.say(word, 50)
        assert len(found) == len({(place, word) for place in found}) == count_places(model, word)
        assert count >= len(found)


async def posted(shelf: Shelf) -> int:
    """How many rows of postings there are, all of which say of every passage up to the last one posted what its own words say."""
    async with shelf.uow(shelf.scope) as work:
        held = await shelf.index(work)
        rows = await work.session.execute(text("SELECT segment, term, df, entries FROM chunk_postings"))
        said = await work.session.execute(text("SELECT number, words, terms FROM chunk_words"))
        stored = [tuple(row) for row in rows]
        expected: dict[tuple[int, int], set[tuple[int, int, int]]] = defaultdict(set)
        for number, words, terms in said:
            assert number <= held.numbered
            assert terms == sorted(terms)
            if number <= held.bounds[-1]:
                segment = max(bound for bound in held.bounds if bound < number)
                for term in terms:
                    expected[segment, term & -65536].add((number, term & 65535, words))
        found = {
            (segment, term): {(one >> 31, one >> 21 & 1023, one & 2097151) for one in entries}
            for segment, term, _, entries in stored
        }
        assert found == expected
        assert all(df == len(entries) == len(set(entries)) for _, _, df, entries in stored)
        return len(stored)


def count_places(model: dict[str, list[tuple[str, int]]], word: str) -> int:
    """Places where the word is found: passages that begin at one place of a document count once."""
    return len(
        {
            (name, one.start)
            for name, content in model.items()
            for one in laid_out(content)[0]
            if word in one.text.split()
        }
    )


async def ids_of(shelf: Shelf) -> dict[str, tuple[UUID, str]]:
    """Id and row version of every passage, by its text."""
    async with shelf.uow(shelf.scope) as work:
        rows = await work.session.execute(text("SELECT text, id, xmin::text FROM chunks"))
        return {row[0]: (row[1], row[2]) for row in rows}


async def test_only_what_changed_is_written(shelf: Shelf) -> None:
    before = [("compass one", 1), ("parcel two", 2), ("glue three", 3)]
    await shelf.put("a", *laid_out(before))
    first = await ids_of(shelf)
    await shelf.put("a", *laid_out(before))
    assert await ids_of(shelf) == first
    await shelf.put("a", *laid_out([before[0], ("parcel too", 2), before[2]]))
    changed = await ids_of(shelf)
    assert changed["compass one"] == first["compass one"]
    assert changed["glue three"] == first["glue three"]
    assert "parcel two" not in changed
    await shelf.put("a", *laid_out([("rule zero", 0), *before]))
    moved = await ids_of(shelf)
    assert moved["glue three"][0] == first["glue three"][0]


async def test_dropping_an_index_leaves_nothing_of_it_and_all_of_others(shelf: Shelf) -> None:
    other = await Shelf(shelf.uow, shelf.scope, dims=2).make()
    content = [(f"{random.choice(WORDS)} {number}", number) for number in range(7)]
    await other.put("b", *laid_out(content))
    kept = await shelf.rows()
    await shelf.put("a", *laid_out(content))
    assert await shelf.shelve()
    rounds = 0
    empty = False
    while not empty:
        async with shelf.uow(shelf.scope) as work:
            empty = await passages_of.drop(work, await shelf.index(work, lock=True), at_most=3)
        rounds += 1
    assert rounds == 3
    assert await shelf.rows() == kept
    assert await shelf.counts() == (0, 0)
    assert (await other.counts())[0] == 7
    # Its shelf serves the next index that needs one.
    assert await other.shelve()
    assert len(await other.near([1.0, 3.0], 7)) == 7


@pytest.mark.parametrize("table", ["documents", "collections"])
async def test_whatever_is_deleted_takes_its_passages_along(uow: UnitOfWork, table: str) -> None:
    shelf = await Shelf(uow, await make_scope(uow), dims=2).make()
    await shelf.put("a", *laid_out([("compass", 1), ("glue", 2)]))
    if table == "collections":
        assert await shelf.shelve()
    async with uow(shelf.scope) as work:
        await work.session.execute(text(f"DELETE FROM {table}"))
    assert await shelf.rows() == dict.fromkeys(TABLES, 0)

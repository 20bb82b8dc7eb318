"""Measures how fast passages are written and found: small and large indexes, conditions, and small ones beside large.

`python -m tests.benchmarks.retrieval_speed [PASSAGES]` (100,000): texts of a Zipf vocabulary, vectors in clusters.
"""

from __future__ import annotations

import asyncio
import os
import sys
import time
from collections import defaultdict
from collections.abc import Awaitable, Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np
from sqlalchemy import event, text
from tests.conftest import fresh_database, make_scope
from tests.services.knowledge.shelf import Shelf, passage

from girih.db.engine import make_engine, make_sessions
from girih.db.migrations import upgrade
from girih.db.tenancy import OrgScope
from girih.db.unit_of_work import UnitOfWork
from girih.services.knowledge.embedding_cache import Vectors, packed
from girih.services.knowledge.fusion import fused
from girih.services.knowledge.meaning import by_meaning
from girih.services.knowledge.where import EVERYTHING, Where
from girih.services.knowledge.wording import by_words

DIMS = 384
WORDS = 110
VOCABULARY = 60_000
PER_DOCUMENT = 100
QUESTIONS = 60
DEPTH = 50
STATEMENTS = {"INSERT INTO chunks": "texts", "INSERT INTO chunk_vectors": "vectors", "WITH given": "words"}


class Corpus:
    """Passages that look like a language's: few words often, most rarely, and the same ones again in one passage."""

    def __init__(self, count: int) -> None:
        self._random = np.random.default_rng(5)
        weights = 1 / (np.arange(1, VOCABULARY + 1) + 2.7) ** 1.05
        self._weights = weights / weights.sum()
        self._centres = self._random.normal(size=(400, DIMS)).astype("f4")
        self.vectors = self._near(self._random.integers(0, 400, count))

    def texts(self, count: int) -> list[str]:
        """So many passages' texts."""
        words = self._random.choice(VOCABULARY, (count, WORDS), p=self._weights)
        again = np.take_along_axis(words, self._random.integers(0, WORDS, (count, WORDS // 3)), axis=1)
        return [" ".join(f"w{number:x}q" for number in row) for row in np.concatenate([words, again], axis=1)]

    def questions(self, common: bool) -> list[str]:
        """Eight words each; with `common`, the commonest among them as often as in texts."""
        weights = self._weights.copy()
        if not common:
            weights[:30] = 0
        drawn = self._random.choice(VOCABULARY, (QUESTIONS, 8), p=weights / weights.sum())
        return [" ".join(f"w{number:x}q" for number in row) for row in drawn]

    def asked(self) -> np.ndarray[Any, Any]:
        """Vectors of questions."""
        return self._near(self._random.integers(0, 400, QUESTIONS))

    def _near(self, centres: np.ndarray[Any, Any]) -> np.ndarray[Any, Any]:
        made = self._centres[centres] * 0.8 + self._random.normal(size=(len(centres), DIMS)).astype("f4") * 0.9
        return made / np.linalg.norm(made, axis=1, keepdims=True)


@contextmanager
def timed_statements(engine: Any) -> Iterator[dict[str, float]]:
    """Seconds spent in each kind of statement."""
    spent: dict[str, float] = defaultdict(float)

    def before(connection: Any, cursor: object, statement: str, *_: object) -> None:
        connection.info["began"] = time.perf_counter()

    def after(connection: Any, cursor: object, statement: str, *_: object) -> None:
        for start, name in STATEMENTS.items():
            if statement.strip().startswith(start + " "):
                spent[name] += time.perf_counter() - connection.info["began"]

    event.listen(engine.sync_engine, "before_cursor_execute", before)
    event.listen(engine.sync_engine, "after_cursor_execute", after)
    yield spent
    event.remove(engine.sync_engine, "before_cursor_execute", before)
    event.remove(engine.sync_engine, "after_cursor_execute", after)


async def load(shelf: Shelf, corpus: Corpus, first: int, count: int) -> tuple[float, float]:
    """Bring passages in as documents of a hundred each; gives the seconds that took, and those of a core."""
    seconds = core = 0.0
    for at in range(first, first + count, PER_DOCUMENT):
        size = min(PER_DOCUMENT, first + count - at)
        passages = [passage(body, number * 1000) for number, body in enumerate(corpus.texts(size))]
        # As ingestion has them (see `embedding_cache`).
        vectors = Vectors([packed(vector) for vector in corpus.vectors[at : at + size].tolist()])
        before, began = await used(shelf), time.perf_counter()
        await shelf.put(f"d{at}", passages, vectors)
        seconds += time.perf_counter() - began
        core += await used(shelf) - before
    return seconds, core


async def hybrid(shelf: Shelf, query: str, vector: list[float], where: Where = EVERYTHING) -> int:
    """Both rankings and their fusion, in one transaction."""
    async with shelf.uow(shelf.scope) as work:
        held = await shelf.index(work)
        legs = [await by_meaning(work, held, vector, DEPTH, where), await by_words(work, held, query, DEPTH, where)]
    return len(fused([list(leg.values()) for leg in legs]))


async def times(shelf: Shelf, ask: Callable[[int], Awaitable[object]]) -> str:
    """Median and 95th percentile, and what a question takes of a core, here and in the database, in milliseconds."""
    for number in range(QUESTIONS):
        await ask(number)
    taken, before = [], await used(shelf)
    for number in range(QUESTIONS):
        began = time.perf_counter()
        await ask(number)
        taken.append(1000 * (time.perf_counter() - began))
    core = 1000 * (await used(shelf) - before) / QUESTIONS
    return f"p50 {np.median(taken):.1f} | p95 {np.percentile(taken, 95):.1f} | core {core:.1f}"


async def used(shelf: Shelf) -> float:
    """Seconds that this process and its only connection's have used of a core (the latter on Linux)."""
    async with shelf.uow(shelf.scope) as work:
        process = await work.session.scalar(text("SELECT pg_backend_pid()"))
    try:
        fields = Path(f"/proc/{process}/stat").read_text().rsplit(")", 1)[1].split()
    except OSError:
        return time.process_time()
    return time.process_time() + (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


async def measure(shelf: Shelf, corpus: Corpus, label: str) -> None:
    """Print the times of each ranking, and of both."""
    vectors = [vector.tolist() for vector in corpus.asked()]
    for kind, common in (("rare words", False), ("common words", True)):
        queries = corpus.questions(common)
        for name, ask in {
            "words": lambda n, q=queries: shelf.say(q[n], DEPTH),
            "meaning": lambda n: shelf.near(vectors[n], DEPTH),
            "hybrid": lambda n, q=queries: hybrid(shelf, q[n], vectors[n]),
        }.items():
            print(f"| {label} | {kind} | {name} | {await times(shelf, ask)} |", flush=True)


async def recall(shelf: Shelf, corpus: Corpus, among: np.ndarray[Any, Any], where: Where) -> tuple[float, float]:
    """Rows found of ten, and how many of them are the ten nearest of all that the condition leaves."""
    rows, right = [], []
    for vector in corpus.asked():
        nearest = np.sort(corpus.vectors[among] @ vector)[::-1][:10]
        found = [score for _, score in (await shelf.near(vector.tolist(), 10, where)).values()]
        rows.append(len(found))
        right.append(sum(score >= nearest[-1] - 1e-3 for score in found) / len(nearest))
    return float(np.mean(rows)), float(np.mean(right))


async def conditions(shelf: Shelf, corpus: Corpus, count: int) -> None:
    """Print what is found under conditions that leave more and fewer passages."""
    for label, leaves in (
        ("50 %", count // 2),
        ("10 %", count // 10),
        ("1 %", count // 100),
        ("0.1 %", count // 1000),
        ("20 rows", 20),
    ):
        among = np.random.default_rng(3).permutation(count)[:leaves] if label == "20 rows" else np.arange(leaves)
        where = Where("c.start / 1000 + substr(d.name, 2)::int = ANY(:where_rows)", {"where_rows": among.tolist()})
        if label != "20 rows":
            where = Where("c.start / 1000 + substr(d.name, 2)::int < :where_bound", {"where_bound": leaves})
        rows, right = await recall(shelf, corpus, among, where)
        query, vector = corpus.questions(True), corpus.asked()
        took = await times(shelf, lambda n, q=query, v=vector, w=where: hybrid(shelf, q[n], v[n].tolist(), w))
        print(f"| {label} | {rows:.1f} of 10 rows | recall {right:.3f} | hybrid {took} |", flush=True)


async def beside(uow: UnitOfWork, corpus: Corpus, count: int) -> None:
    """Print what small indexes find beside the large one."""
    for size in (count // 100, count // 1000, 20):
        small = await Shelf(uow, await make_scope(uow), DIMS).make()
        await load(small, corpus, 0, size)
        rows, right = await recall(small, corpus, np.arange(size), EVERYTHING)
        print(f"| index of {size} beside | {rows:.1f} of 10 rows | recall {right:.3f} |", flush=True)


async def main(count: int) -> None:
    """Write, build, search."""
    async with fresh_database() as database:
        await upgrade(database.owner)
        engine = make_engine(database.app, pool_size=1, overflow=0)
        uow = UnitOfWork(make_sessions(engine), lambda *_: None)
        scope: OrgScope = await make_scope(uow)
        corpus = Corpus(count)
        shelf = await Shelf(uow, scope, DIMS).make()
        loaded = 0
        for size in sorted({min(5_000, count), count}):
            with timed_statements(engine) as spent:
                seconds, core = await load(shelf, corpus, loaded, size - loaded)
            made, loaded = size - loaded, size
            parts = ", ".join(f"{name} {made / taken:,.0f}/s" for name, taken in spent.items())
            rows = made / (spent["texts"] + spent["vectors"])
            print(
                f"{made:,} passages written: {made / seconds:,.0f}/s, {made / core:,.0f} per second of a core;", end=" "
            )
            print(f"{parts}; texts with vectors {rows:,.0f}/s", flush=True)
            await vacuum(database.owner)
            await measure(shelf, corpus, f"{size:,}, exact")
        began = time.perf_counter()
        assert await shelf.shelve()
        print(f"HNSW index built in {time.perf_counter() - began:.1f} s", flush=True)
        await vacuum(database.owner)
        await measure(shelf, corpus, f"{count:,}, HNSW")
        print("recall without a condition", await recall(shelf, corpus, np.arange(count), EVERYTHING))
        await conditions(shelf, corpus, count)
        await beside(uow, corpus, count)
        await engine.dispose()


async def vacuum(owner: str) -> None:
    """Do what autovacuum does sooner or later."""
    engine = make_engine(owner, role=None, pool_size=1).execution_options(isolation_level="AUTOCOMMIT")
    async with engine.connect() as connection:
        await connection.execute(text("VACUUM ANALYZE"))
    await engine.dispose()


if __name__ == "__main__":
    asyncio.run(main(int(sys.argv[1]) if len(sys.argv) > 1 else 100_000))

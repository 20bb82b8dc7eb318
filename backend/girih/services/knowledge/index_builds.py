"""How an index comes to be the one that searches read: begun beside it, completed, switched to; and how it ends.

Everything here works inside a transaction that holds the collection, then its indexes by number, and only then
documents and jobs: two transactions never wait for each other.
"""

from __future__ import annotations

from collections.abc import Sequence

from sqlalchemy import func

from girih.db.unit_of_work import Work
from girih.jobs import INGEST
from girih.services.knowledge import index_rows
from girih.services.knowledge.index_config import IndexConfig, IndexStatus
from girih.services.knowledge.tables import Collection, SearchIndex

MOST_LOST = 20
"""One document in so many may fail in a new index although the active one holds it; with more, nothing is switched."""

RUNG = 2_000
"""Jobs that are rung for at once; the worker finds the others."""


async def build(work: Work, collection: Collection, config: IndexConfig, pipeline: str | None) -> SearchIndex:
    """Begin an index of that config beside the active one, and end a building of another one.

    A former index of the same config is completed instead of made anew; where the active one is of it already, and
    where one is being built of it, nothing begins. Returns the index of that config.
    """
    there = await index_rows.indexes(work, collection, lock=True)
    for index in there:
        if index.status == "building" and index.made_by != config:
            await stop(work, index, "replaced by another configuration")
    same = [index for index in there if index.made_by == config]
    for status in ("active", "building"):
        if found := next((index for index in same if index.status == status), None):
            found.pipeline = pipeline
            return found
    former = next((index for index in reversed(same) if index.status == "former"), None)
    if former is None:
        return await make(work, collection, there, config, pipeline)
    former.pipeline = pipeline
    await resume(work, former)
    return former


async def make(
    work: Work, collection: Collection, there: Sequence[SearchIndex], config: IndexConfig, pipeline: str | None
) -> SearchIndex:
    """Begin a new index of that config, after those that are there."""
    number = max(index.number for index in there) + 1
    made = await index_rows.add(work, collection, number, config, pipeline)
    _ring(work, await index_rows.queue_missing(work, made))
    return made


async def resume(work: Work, index: SearchIndex) -> None:
    """Go on with an index that was searched or built before: what came since, and what failed, is brought into it."""
    index.status = "building"
    index.reason = index.ended_at = None
    index.began_at = index.updated_at = func.now()
    await work.session.flush()
    _ring(work, [*await index_rows.queue_again(work, index), *await index_rows.queue_missing(work, index)])


async def stop(work: Work, index: SearchIndex, reason: str) -> None:
    """End the building of an index; what was built stays until it is removed."""
    await index_rows.stop_jobs(work, index)
    _end(index, "cancelled", reason)


async def complete(work: Work, collection: Collection, index: SearchIndex) -> bool:
    """Switch to a building index if every document's job has ended in it; else nothing. Says whether that was the end.

    With more failures than one document in `MOST_LOST` of those that the active index holds, it fails instead.
    """
    await catch_up(work, index)
    if (await index_rows.progress(work, index)).waiting:
        return False
    loss = await index_rows.loss(work, index, collection.index_id)
    if loss.lost * MOST_LOST > loss.held:
        example = f"; {loss.example}" if loss.example else ""
        _end(index, "failed", f"{loss.lost} of {loss.held} documents that are found now failed in it{example}")
    else:
        await switch(work, collection, index)
    return True


async def catch_up(work: Work, index: SearchIndex) -> None:
    """Queue what was never asked for in the index."""
    _ring(work, await index_rows.queue_missing(work, index))


async def switch(work: Work, collection: Collection, index: SearchIndex) -> None:
    """Let searches read the index from the commit on."""
    for other in await index_rows.indexes(work, collection, lock=True):
        if other.id == collection.index_id:
            other.status = "former"
            other.updated_at = func.now()
    collection.index_id = index.id
    collection.updated_at = func.now()
    _end(index, "active", None)
    await work.session.flush()
    await index_rows.show_documents(work, index)


def outlived(there: Sequence[SearchIndex], kept: int) -> list[SearchIndex]:
    """Of a collection's indexes by number those that nobody needs any more: older than the `kept` newest former ones.

    One that failed or was cancelled stays until there is a newer one that was searched.
    """
    former = [index for index in there if index.status == "former"]
    active = next((index for index in there if index.status == "active"), None)
    unused = [
        index
        for index in there
        if index.status in ("failed", "cancelled") and active is not None and index.number < active.number
    ]
    by_end = sorted(former, key=lambda index: index.updated_at)
    return [*(by_end[:-kept] if kept else by_end), *unused]


def _end(index: SearchIndex, status: IndexStatus, reason: str | None) -> None:
    index.status, index.reason = status, reason
    index.ended_at = index.updated_at = func.now()


def _ring(work: Work, jobs: Sequence[object]) -> None:
    for job in jobs[:RUNG]:
        work.after_commit(INGEST, job)

"""The indexes of a collection as people see and steer them: a new one is built beside the one that is searched."""

from __future__ import annotations

import logging
from collections.abc import Iterable, Sequence
from uuid import UUID

from girih.db.tenancy import OrgScope
from girih.db.unit_of_work import UnitOfWork, Work
from girih.errors import Conflict, NotFound
from girih.services.knowledge import finding, index, index_builds, index_rows, repository
from girih.services.knowledge.index_schemas import IndexOut, IndexProgress
from girih.services.knowledge.tables import Collection, SearchIndex

_log = logging.getLogger(__name__)

KEPT = 1
"""Former indexes that stay, to go back to."""
_LOOKED_AT = 50
_AT_ONCE = 5_000
"""Passages that are deleted in one transaction."""
_STEPS = 2
"""Transactions that one call, or one look, spends on an index that goes."""


class ReindexingService:
    """Builds, switches and removes indexes."""

    def __init__(self, uow: UnitOfWork) -> None:
        self._uow = uow

    async def indexes(self, scope: OrgScope, collection: str) -> list[IndexOut]:
        """Every index of a collection, the newest first. Raises `NotFound`."""
        async with self._uow(scope) as work:
            row = await finding.collection(work, scope, collection)
            return [await _out(work, one) for one in reversed(await index_rows.indexes(work, row))]

    async def rebuild(self, scope: OrgScope, collection: str) -> IndexOut:
        """Begin a new index of the same configuration: after an update of a parser, or of the server's embedder.

        What was worked out before of equal bytes, passages and texts is not worked out again. Raises `NotFound`, and
        `Conflict` while another one is being built.
        """
        async with self._uow(scope) as work:
            row = await finding.collection(work, scope, collection, lock=True)
            there = await index_rows.indexes(work, row, lock=True)
            _require_none_building(there)
            active = next(one for one in there if one.id == row.index_id)
            made = await index_builds.make(work, row, there, active.made_by, active.pipeline)
            await index_builds.complete(work, row, made)
            return await _out(work, made)

    async def activate(self, scope: OrgScope, collection: str, id: UUID) -> IndexOut:
        """Let searches read a former index again, or one that failed or was cancelled: the call to roll back.

        What came into the collection since is brought into it first, and only that; until then it is `building`. One
        that lacks nothing is searched at once. Raises `NotFound`, and `Conflict` while another one is being built.
        """
        async with self._uow(scope) as work:
            row, there, found = await _one(work, scope, collection, id)
            if found.id == row.index_id:
                return await _out(work, found)
            _require_none_building(there)
            await index_builds.resume(work, found)
            await index_builds.complete(work, row, found)
            return await _out(work, found)

    async def cancel(self, scope: OrgScope, collection: str, id: UUID) -> IndexOut:
        """Stop the building of an index. Raises `NotFound`, and `Conflict` for one that is not being built."""
        async with self._uow(scope) as work:
            _, _, found = await _one(work, scope, collection, id)
            if found.status != "building":
                raise Conflict(f"index {found.number} is not being built: it is {found.status}")
            await index_builds.stop(work, found, f"cancelled by {scope.actor}")
            return await _out(work, found)

    async def remove(self, scope: OrgScope, collection: str, id: UUID) -> None:
        """Delete an index with its passages. A large one is `removing` until workers have deleted the last of them.

        Raises `NotFound`, `Conflict` for the one that is searched or built.
        """
        async with self._uow(scope) as work:
            row, _, found = await _one(work, scope, collection, id)
            if found.id == row.index_id or found.status == "building":
                is_what = "searched" if found.id == row.index_id else "being built"
                way_out = "activate another one first" if found.id == row.index_id else "cancel it first"
                raise Conflict(f"index {found.number} is {is_what}", help=way_out)
            found.status = "removing"
        await self._drop(scope, found.id)

    async def settle(self, scope: OrgScope, index_id: UUID) -> None:
        """Switch to an index whose last document has come to an end; does nothing for any other one."""
        async with self._uow(scope) as work:
            found = await repository.index_by_id(work, scope, index_id)
            if found is None or found.status != "building" or (await index_rows.progress(work, found)).open:
                return
            row = await index_rows.held_collection(work, scope, found.collection_id)
            there = await index_rows.indexes(work, row, lock=True) if row is not None else ()
            held = next((one for one in there if one.id == index_id and one.status == "building"), None)
            if row is None or held is None or not await index_builds.complete(work, row, held):
                return
            _log.info("index %s of collection %s is %s", held.number, row.name, held.status)
        await self._collect(scope, row.id)

    async def settle_without(self, scope: OrgScope, building: Iterable[UUID]) -> None:
        """Switch to those of these indexes that waited for nothing but a document that went or was stopped.

        Never raises: that has happened, and the worker looks after indexes every few seconds.
        """
        for index_id in building:
            try:
                await self.settle(scope, index_id)
            except Exception:  # noqa: BLE001 - whatever it is, the next look finds it
                _log.warning("index %s could not be looked at", index_id, exc_info=True)

    async def settle_all(self) -> None:
        """Look after the indexes of all organizations that are being built or removed, or were just switched to."""
        async with self._uow.reading_for("reconcile") as work:
            found = await index_rows.unsettled(work, _LOOKED_AT)
        for scope, index_id, status in found:
            if status == "building":
                await self.settle(scope, index_id)
            elif status == "removing":
                await self._drop(scope, index_id)
            else:
                await self._complete(scope, index_id)

    async def _complete(self, scope: OrgScope, index_id: UUID) -> None:
        """Bring into the active index what was uploaded while it became that, and so was meant for the former one."""
        async with self._uow(scope) as work:
            found = await repository.index_by_id(work, scope, index_id)
            if found is not None and found.status == "active":
                await index_builds.catch_up(work, found)

    async def _collect(self, scope: OrgScope, collection_id: UUID) -> None:
        """Remove the indexes of a collection that nobody will go back to."""
        async with self._uow(scope) as work:
            row = await index_rows.held_collection(work, scope, collection_id)
            if row is None:
                return
            there = await index_rows.indexes(work, row, lock=True)
            gone = index_builds.outlived(there, KEPT)
            for one in gone:
                one.status = "removing"
            ids = [one.id for one in gone]
        for index_id in ids:
            await self._drop(scope, index_id)

    async def _drop(self, scope: OrgScope, id: UUID) -> None:
        """Delete passages of an index in a few short transactions, and its row when none is left.

        What a large one has more is left to the next look of a worker.
        """
        for _ in range(_STEPS):
            async with self._uow(scope) as work:
                found = await repository.index_by_id(work, scope, id, lock=True)
                if found is None:
                    return
                empty = await index.drop(work, found, at_most=_AT_ONCE)
                if empty:
                    await work.session.delete(found)
                    return


def building(indexes: Iterable[SearchIndex]) -> list[UUID]:
    """Those of them that are being built."""
    return [one.id for one in indexes if one.status == "building"]


async def _one(
    work: Work, scope: OrgScope, collection: str, id: UUID
) -> tuple[Collection, list[SearchIndex], SearchIndex]:
    """An index with its collection and all of that collection's indexes, held. Raises `NotFound`."""
    row = await finding.collection(work, scope, collection, lock=True)
    there = list(await index_rows.indexes(work, row, lock=True))
    found = next((one for one in there if one.id == id and one.status != "removing"), None)
    if found is None:
        raise NotFound("the collection has no such index")
    return row, there, found


def _require_none_building(there: Sequence[SearchIndex]) -> None:
    building = next((one for one in there if one.status == "building"), None)
    if building is not None:
        raise Conflict(f"index {building.number} is being built already", help="wait for it, or cancel it")


async def _out(work: Work, index: SearchIndex) -> IndexOut:
    await work.session.flush()
    await work.session.refresh(index)
    facts = await index_rows.progress(work, index)
    eta = None
    if index.status == "building" and facts.waiting:
        seconds = await index_rows.pace(work, index)
        eta = round(seconds * facts.waiting) if seconds is not None else None
    return IndexOut(
        id=index.id,
        number=index.number,
        status=index.status,
        pipeline=index.pipeline,
        config=index.config,
        embedder_model=index.embedder_model,
        embedder_dims=index.embedder_dims,
        chunks=index.passages,
        documents=IndexProgress(done=facts.done, failed=facts.failed, total=facts.total, eta_seconds=eta),
        reason=index.reason,
        created_at=index.created_at,
        began_at=index.began_at,
        ended_at=index.ended_at,
    )

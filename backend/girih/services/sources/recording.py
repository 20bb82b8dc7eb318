"""What became of items, written down together with the sync's counts, under its fence."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Literal
from uuid import UUID

from sqlalchemy import delete, func, update
from sqlalchemy.dialects.postgresql import insert

from girih.db.unit_of_work import Work
from girih.services.sources import leases
from girih.services.sources.leases import Held
from girih.services.sources.tables import SourceItem, Sync, SyncChange


@dataclass(frozen=True)
class Outcome:
    """What was done with an item, or would be. `described` is a hash of its name, metadata and readers."""

    ref: str
    action: Literal["added", "changed", "unchanged", "failed"]
    mark: str | None = None
    sha256: str | None = None
    described: str | None = None
    document_id: UUID | None = None
    reason: str | None = None


async def record(
    work: Work, held: Held, outcomes: Sequence[Outcome], place: str | None = None, *, total: int | None = None
) -> None:
    """Note what was done, that the listing goes on after `place`, and how long it is in all. Raises `LeaseLost`."""
    counted = Counter(outcome.action for outcome in outcomes)
    values: dict[str, Any] = {action: getattr(Sync, action) + number for action, number in counted.items()}
    if outcomes:
        # Attempts count against a sync that does not get on, not against a long one.
        values |= {"listed": Sync.listed + len(outcomes), "attempts": 1}
    values |= {name: value for name, value in (("place", place), ("total", total)) if value is not None}
    await leases.change(work, held, **values)
    if held.dry_run:
        await _see(work, held, [outcome.ref for outcome in outcomes])
    else:
        await _keep(work, held, [outcome for outcome in outcomes if outcome.action != "failed"])
        await _keep_failed(work, held, [outcome for outcome in outcomes if outcome.action == "failed"])
    await note(work, held, [outcome for outcome in outcomes if outcome.action != "unchanged"])


async def record_removed(work: Work, held: Held, item: SourceItem) -> None:
    """Note that an item is gone, or would be. Raises `LeaseLost`."""
    removed = 1 if item.document_id is not None else 0
    await leases.change(work, held, removed=Sync.removed + removed, attempts=1)
    if removed:
        change = {"ref": item.ref, "action": "removed", "document_id": item.document_id}
        await _insert_changes(work, held, [change])
    if not held.dry_run:
        await work.session.execute(
            delete(SourceItem).where(
                SourceItem.org_id == held.scope.org_id,
                SourceItem.store_id == held.store_id,
                SourceItem.ref == item.ref,
            )
        )


async def note(work: Work, held: Held, outcomes: Sequence[Outcome]) -> None:
    """Add to the sync's list of changes."""
    await _insert_changes(
        work,
        held,
        [
            {"ref": each.ref, "action": each.action, "reason": each.reason, "document_id": each.document_id}
            for each in outcomes
        ],
    )


async def _insert_changes(work: Work, held: Held, changes: Sequence[dict[str, Any]]) -> None:
    if changes:
        rows = [{"org_id": held.scope.org_id, "sync_id": held.id} | change for change in changes]
        await work.session.execute(insert(SyncChange).on_conflict_do_nothing(), rows)


async def _see(work: Work, held: Held, refs: Sequence[str]) -> None:
    """A dry run changes nothing of an item but that it was seen."""
    await work.session.execute(
        update(SourceItem)
        .where(SourceItem.org_id == held.scope.org_id, SourceItem.store_id == held.store_id, SourceItem.ref.in_(refs))
        .values(seen_by=held.id)
        .execution_options(synchronize_session=False)
    )


async def _keep(work: Work, held: Held, outcomes: Sequence[Outcome]) -> None:
    if not outcomes:
        return
    rows = [
        _mine(held, each)
        | {"mark": each.mark, "sha256": each.sha256, "described": each.described, "document_id": each.document_id}
        for each in outcomes
    ]
    statement = insert(SourceItem).values(rows)
    new = {name: statement.excluded[name] for name in ("mark", "sha256", "described", "document_id", "seen_by")}
    fine = {"status": "ok", "reason": None, "failures": 0, "updated_at": func.now()}
    await work.session.execute(_upserted(statement, new | fine))


async def _keep_failed(work: Work, held: Held, outcomes: Sequence[Outcome]) -> None:
    """What was taken before stays as it is: its document too."""
    if not outcomes:
        return
    rows = [_mine(held, each) | {"status": "failed", "reason": each.reason, "failures": 1} for each in outcomes]
    statement = insert(SourceItem).values(rows)
    new = {name: statement.excluded[name] for name in ("status", "reason", "seen_by")}
    counted = {"failures": SourceItem.failures + 1, "updated_at": func.now()}
    await work.session.execute(_upserted(statement, new | counted))


def _mine(held: Held, outcome: Outcome) -> dict[str, Any]:
    return {
        "org_id": held.scope.org_id,
        "store_id": held.store_id,
        "ref": outcome.ref,
        "seen_by": held.id,
    }


def _upserted(statement: Any, values: dict[str, Any]) -> Any:
    key = [SourceItem.org_id, SourceItem.store_id, SourceItem.ref]
    return statement.on_conflict_do_update(index_elements=key, set_=values)

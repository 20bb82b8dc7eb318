"""Which versions nothing refers to, and why the others stay; emptying them."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

from girih.db.tenancy import OrgScope
from girih.db.unit_of_work import UnitOfWork, Work
from girih.services.agents import repository as agents
from girih.services.audit.service import record
from girih.services.retention import collecting_repository as repository
from girih.services.retention import repository as policies
from girih.services.retention.collecting_repository import Version
from girih.services.retention.schemas import Retention, cutoff
from girih.services.retention.service import RetentionService
from girih.services.shelf import mark_repository as marks
from girih.services.shelf.mark_repository import Marked
from girih.services.shelf.schemas import CollectedOut, CollectionOut

AT_ONCE = 200
"""Versions that are emptied in one transaction."""


@dataclass(frozen=True)
class Standing:
    """Every version that is kept with the reason why it stays, or why it goes."""

    stays: Sequence[tuple[Version, str]]
    goes: Sequence[tuple[Version, str]]


class CollectingService:
    """Says what would be collected, and collects it."""

    def __init__(self, uow: UnitOfWork, retention: RetentionService) -> None:
        self._uow = uow
        self._retention = retention

    async def collect(self, scope: OrgScope, *, dry_run: bool) -> CollectionOut:
        """Empty what the project keeps no longer and nothing refers to; with `dry_run` only say what that is."""
        async with self._uow(scope) as work:
            days = self._retention.of(await policies.policy(work, scope))
            now = await policies.moment(work)
            found = await standing(work, scope, days, now)
            gone = {version.id for version, _ in found.goes}
            if not dry_run:
                gone = set(await _empty(work, scope, found.goes, days, now))
        return CollectionOut(
            gone=_out(one for one in found.goes if one[0].id in gone), kept=_out(found.stays), dry_run=dry_run
        )


async def sweep(work: Work, scope: OrgScope, days: Retention, now: datetime) -> int:
    """Empty what is due, inside a transaction of the caller; gives how many versions that were."""
    if not (days.versions_days or days.yanked_days):
        return 0
    found = await standing(work, scope, days, now)
    return len(await _empty(work, scope, found.goes, days, now)) if found.goes else 0


async def standing(work: Work, scope: OrgScope, days: Retention, now: datetime) -> Standing:
    """What of the project would go at that moment, and why the rest stays."""
    versions = await repository.versions(work, scope)
    held = await marks.holding(work, scope)
    running = await repository.running(work, scope, cutoff(days.checkpoints_days, now))
    spoken_of = await repository.spoken_of(work, scope)
    due = {one.id: _due(one, held.get(one.id), days, now) for one in versions}
    reasons = {one.id: _kept_by(one, running, spoken_of) or _not_due(one, due) for one in versions}
    _keep_what_is_named(versions, reasons)
    stays = [(one, reason) for one in versions if (reason := reasons[one.id])]
    return Standing(stays, [(one, due[one.id] or "") for one in versions if not reasons[one.id]])


def _due(version: Version, held: Marked | None, days: Retention, now: datetime) -> str | None:
    """Why it may go, if its time is over."""
    if held is not None and held.notice.mark == "yanked":
        before = cutoff(days.yanked_days, now)
        if before is not None and held.notice.at < before:
            return f"yanked on {held.notice.at:%Y-%m-%d}: {held.notice.reason}"
    before = cutoff(days.versions_days, now)
    if before is not None and version.idle_since < before:
        return f"nothing refers to it since {version.idle_since:%Y-%m-%d}"
    return None


def _kept_by(version: Version, running: frozenset[UUID], spoken_of: frozenset[str]) -> str | None:
    if version.aliases:
        return f"the alias {version.aliases[0]} leads to it"
    if version.id in running:
        return "a run that goes on, or can be continued, began with it"
    if {f"{version.name}@{version.version}", f"{version.name}@{version.digest}"} & spoken_of:
        return "a schedule or a thread names it"
    return None


def _not_due(version: Version, due: Mapping[UUID, str | None]) -> str | None:
    return None if due[version.id] else "its time is not over"


def _keep_what_is_named(versions: Iterable[Version], reasons: dict[UUID, str | None]) -> None:
    """Whatever a version names that stays, stays; to the end of the chain."""
    by_digest: dict[str, list[Version]] = defaultdict(list)
    for one in versions:
        by_digest[one.digest].append(one)
    todo = [one for one in versions if reasons[one.id]]
    while todo:
        caller = todo.pop()
        for named in (one for digest in caller.named - {caller.digest} for one in by_digest.get(digest, ())):
            if not reasons[named.id]:
                reasons[named.id] = f"{caller.name}@{caller.version} names it"
                todo.append(named)


async def _empty(
    work: Work, scope: OrgScope, goes: Sequence[tuple[Version, str]], days: Retention, now: datetime
) -> frozenset[UUID]:
    """The database looks again at what refers to them, and has the last word."""
    await agents.lock_project(work, scope)
    # Those at the end of a chain go with whatever names them, so that a batch never cuts it.
    batch = [version for version, _ in goes] if len(goes) <= AT_ONCE else _whole_chains(goes)
    gone = await repository.collect(work, [one.id for one in batch], cutoff(days.checkpoints_days, now))
    names: dict[str, list[str]] = defaultdict(list)
    for one in batch:
        if one.id in gone:
            names[one.name].append(one.digest)
    for name, digests in names.items():
        await repository.forget_texts(work, scope, name, digests)
    if gone:
        versions = sorted(f"{one.name}@{one.version}" for one in batch if one.id in gone)
        await record(work, "versions.collected", f"{len(versions)} versions", versions=versions)
    return gone


def _whole_chains(goes: Sequence[tuple[Version, str]]) -> list[Version]:
    """The first ones that nothing else names which would go, too."""
    named = {digest for one, _ in goes for digest in one.named - {one.digest}}
    return [one for one, _ in goes if one.digest not in named][:AT_ONCE]


def _out(found: Iterable[tuple[Version, str]]) -> list[CollectedOut]:
    return [CollectedOut(name=one.name, version=one.version, reason=reason, bytes=one.bytes) for one, reason in found]

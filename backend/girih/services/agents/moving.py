"""What a change of an alias does: the rows it writes, the guard it begins or ends, and what is told of it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal
from uuid import UUID

from girih.errors import Conflict, InvalidInput, NotFound
from girih.language.spec.suggest import hint
from girih.language.spec.tree import JsonObject
from girih.services.agents import alias_repository, guard_repository, listing, target_repository
from girih.services.agents.alias_repository import Reason
from girih.services.agents.alias_schemas import Wanted
from girih.services.agents.changing import MOVED, REMOVED, ROLLED_BACK, SPLIT, Change
from girih.services.agents.finding import find
from girih.services.agents.references import LATEST, parse_version
from girih.services.shelf.mark_repository import require_unyanked

WHOLE = 100
"""Percent."""


@dataclass(frozen=True)
class Place:
    """An alias of an agent."""

    agent_id: UUID
    name: str
    alias: str

    def __str__(self) -> str:
        return f"{self.name}@{self.alias}"

    @property
    def told(self) -> JsonObject:
        """As events name it."""
        return {"agent": self.name, "alias": self.alias}


async def perform(change: Change, place: Place, wanted: Wanted, proposed_by: str | None = None) -> None:
    """Do what is wanted. Raises as the method of `Aliases` that it is asked for with."""
    extra: JsonObject = {"proposed_by": proposed_by} if proposed_by is not None else {}
    if wanted.action == "remove":
        await _remove(change, place, extra)
    elif wanted.action == "split":
        await _split(change, place, wanted, extra)
    else:
        await _set(change, place, wanted, extra)


async def check(change: Change, place: Place, wanted: Wanted) -> None:
    """Raise as `perform` would, as far as that can be known before."""
    if wanted.action == "split":
        await _weights(change, place, wanted)
        return
    before = await alias_repository.pointing(change.work, change.scope, place.agent_id, place.alias)
    if wanted.action == "remove" and before is None:
        raise await no_alias(change, place)
    if wanted.action == "set":
        target = await find(change.work, change.scope, parse_version(place.name, wanted.version or ""))
        if before is None or before.version_id != target.version_id:
            await require_unyanked(change.work, change.scope, target.version_id, f"{place.name}@{target.version}")
        _check_guard(place, wanted, before.version_id if before else None, target.version_id)


async def lead(
    change: Change,
    place: Place,
    version_id: UUID,
    reason: Reason,
    state: Literal["rolled_back", "passed", "superseded"] = "superseded",
    details: JsonObject | None = None,
) -> None:
    """Let one version have all the traffic, and say so; what was watched is over."""
    work, scope = change.work, change.scope
    before = await alias_repository.pointing(work, scope, place.agent_id, place.alias)
    shares = await target_repository.shares(work, scope, place.agent_id, place.alias)
    await target_repository.put(work, scope, place.agent_id, place.alias, {})
    await guard_repository.end(work, scope, place.agent_id, place.alias, state, (details or {}).get("figures"))
    await alias_repository.move(work, scope, place.agent_id, place.alias, version_id, reason, details or None)
    now = await alias_repository.pointing(work, scope, place.agent_id, place.alias)
    assert now is not None  # noqa: S101 - it was just led there
    told: JsonObject = {"version": now.version, "previous": before.version if before else None, "reason": reason}
    if shares:
        told["weights_before"] = {share.version: share.weight for share in shares}
    told |= {"automatic": reason.endswith("_automatically")} | (details or {})
    await change.tell(ROLLED_BACK if reason.startswith("rolled_back") else MOVED, **place.told, **told)


async def no_alias(change: Change, place: Place) -> NotFound:
    """An alias that is not there, and those that are."""
    versions = await listing.versions(change.work, change.scope, place.name)
    known = sorted({one for version in versions for one in version.aliases} - {LATEST})
    return NotFound(f"the agent `{place.name}` has no alias `{place.alias}`", help=hint(place.alias, known))


async def _set(change: Change, place: Place, wanted: Wanted, extra: JsonObject) -> None:
    work, scope = change.work, change.scope
    target = await find(work, scope, parse_version(place.name, wanted.version or ""))
    before = await alias_repository.held(work, scope, place.agent_id, place.alias)
    _check_guard(place, wanted, before, target.version_id)
    if before != target.version_id:
        await require_unyanked(work, scope, target.version_id, f"{place.name}@{target.version}")
    if before == target.version_id and not await target_repository.shares(work, scope, place.agent_id, place.alias):
        return
    reason: Reason = "split_ended" if before == target.version_id else "set"
    guard: JsonObject = {"guard": wanted.guard.model_dump(exclude_none=True)} if wanted.guard is not None else {}
    await lead(change, place, target.version_id, reason, details=extra | guard)
    if wanted.guard is not None and before is not None:
        await guard_repository.begin(work, scope, place.agent_id, place.alias, before, wanted.guard)


async def _split(change: Change, place: Place, wanted: Wanted, extra: JsonObject) -> None:
    work, scope = change.work, change.scope
    await alias_repository.held(work, scope, place.agent_id, place.alias)
    main, weights = await _weights(change, place, wanted)
    shares = await target_repository.shares(work, scope, place.agent_id, place.alias)
    if {share.version_id: share.weight for share in shares} == weights and wanted.guard is None:
        return
    await target_repository.put(work, scope, place.agent_id, place.alias, weights)
    await guard_repository.end(work, scope, place.agent_id, place.alias, "superseded")
    if wanted.guard is not None:
        await guard_repository.begin(work, scope, place.agent_id, place.alias, main, wanted.guard)
    now = await target_repository.shares(work, scope, place.agent_id, place.alias)
    said: JsonObject = {"weights": {share.version: share.weight for share in now}} | extra
    if wanted.guard is not None:
        said["guard"] = wanted.guard.model_dump(exclude_none=True)
    await alias_repository.move(work, scope, place.agent_id, place.alias, main, "split", said)
    await change.tell(SPLIT, **place.told, **said)


async def _remove(change: Change, place: Place, extra: JsonObject) -> None:
    work, scope = change.work, change.scope
    before = await alias_repository.pointing(work, scope, place.agent_id, place.alias)
    if before is None:
        raise await no_alias(change, place)
    await target_repository.put(work, scope, place.agent_id, place.alias, {})
    await guard_repository.end(work, scope, place.agent_id, place.alias, "superseded")
    await alias_repository.remove(work, scope, place.agent_id, place.alias, extra or None)
    await change.tell(REMOVED, **place.told, previous=before.version, **extra)


async def _weights(change: Change, place: Place, wanted: Wanted) -> tuple[UUID, dict[UUID, int]]:
    """The version that the alias points at, and the shares by version. Raises for shares that cannot be given."""
    before = await alias_repository.pointing(change.work, change.scope, place.agent_id, place.alias)
    if before is None:
        raise await no_alias(change, place)
    given, weights = wanted.weights or {}, dict[UUID, int]()
    for version, weight in given.items():
        found = await find(change.work, change.scope, parse_version(place.name, version))
        if found.version_id in weights:
            raise InvalidInput(f"version {found.version} is named twice", help="name each version once")
        if found.version_id != before.version_id:
            await require_unyanked(change.work, change.scope, found.version_id, f"{place.name}@{found.version}")
        weights[found.version_id] = weight
    if sum(weights.values()) != WHOLE:
        raise InvalidInput(
            f"the shares are {sum(weights.values())} percent together", help="let them be 100 percent together"
        )
    if before.version_id not in weights:
        raise InvalidInput(
            f"`{place}` points at {before.version}, which would have no share",
            help=f"give {before.version} a share as well, or point the alias at another version first",
        )
    if wanted.guard is not None and wanted.guard.promote_after is not None and len(weights) > 2:
        raise InvalidInput("`promote_after` is for one new version", help="share the traffic between two versions")
    return before.version_id, weights


def _check_guard(place: Place, wanted: Wanted, before: UUID | None, target: UUID) -> None:
    if wanted.guard is None:
        return
    if before is None:
        raise InvalidInput(f"`{place}` points nowhere yet: there is no version to go back to", help="leave `guard` out")
    if before == target:
        raise Conflict(f"`{place}` points at that version already", help="leave `guard` out, or name a newer version")

"""Versions of published graphs that texts ask for by name: `graph://refund@1.2.0`, `@prod`, `@^2`, `@sha256:…`."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence
from typing import TypeAlias
from uuid import UUID

from girih.db.unit_of_work import Work
from girih.language.nodes.base import GraphContract
from girih.services.agents import repository
from girih.services.agents.repository import Pointer

_MENTION = re.compile(r"graph://([a-z][a-z0-9.-]{0,63})@([A-Za-z0-9^~][A-Za-z0-9.:_-]{0,99})")
_RANGE = re.compile(r"([\^~])(\d{1,9})(?:\.(\d{1,9}))?(?:\.(\d{1,9}))?")

Numbers: TypeAlias = tuple[int, ...]


async def mentioned_versions(
    work: Work, texts: Iterable[str], published: Mapping[str, object]
) -> dict[str, GraphContract]:
    """The contracts of the versions the texts mention, by `name@ref` as it is written; what there is not is missing."""
    mentions = {(name, ref) for text in texts for name, ref in _MENTION.findall(text) if name in published}
    if not mentions:
        return {}
    pointers = await repository.pointers(work, work.speaks_for, {name for name, _ in mentions})
    meant = {f"{name}@{ref}": _pick(pointers.get(name, ()), ref) for name, ref in mentions}
    wanted = {written: version_id for written, version_id in meant.items() if version_id is not None}
    contracts = await repository.contracts_of(work, work.speaks_for, set(wanted.values()))
    return {written: GraphContract(*contracts[version_id]) for written, version_id in wanted.items()}


def _pick(pointers: Sequence[Pointer], ref: str) -> UUID | None:
    """The version `ref` means: by alias, number, digest or range; of several, the newest."""
    found = _RANGE.fullmatch(ref)
    if found is None:
        return next((pointer.version_id for pointer in pointers if ref in pointer.names), None)
    least = tuple(int(part) for part in found.groups()[1:] if part is not None)
    fixed = least[:2] if found[1] == "~" else least[:1]
    fitting = [pointer for pointer in pointers if _fits(_numbers(pointer.version), least, fixed)]
    return max(fitting, key=lambda pointer: _numbers(pointer.version)).version_id if fitting else None


def _fits(version: Numbers, least: Numbers, fixed: Numbers) -> bool:
    return version >= least and version[: len(fixed)] == fixed


def _numbers(version: str) -> Numbers:
    return tuple(int(part) for part in version.split("."))

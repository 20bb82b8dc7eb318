"""Versions of published graphs that texts ask for by name: `graph://refund@1.2.0`, `@prod`, `@^2`, `@sha256:…`."""

from __future__ import annotations

import re
from collections.abc import Container, Iterable, Mapping, Sequence
from uuid import UUID

from girih.db.unit_of_work import Work
from girih.language.nodes.base import GraphContract
from girih.language.spec.semantic import highest, parse_range
from girih.services.agents import repository
from girih.services.agents.repository import Pointer
from girih.services.shelf import mark_repository as marks

_MENTION = re.compile(r"graph://([a-z][a-z0-9.-]{0,63})@([A-Za-z0-9^~][A-Za-z0-9.:_-]{0,99})")


async def mentioned_versions(
    work: Work, texts: Iterable[str], published: Mapping[str, object]
) -> dict[str, GraphContract]:
    """The contracts of the versions the texts mention, by `name@ref` as it is written; what there is not is missing."""
    mentions = {(name, ref) for text in texts for name, ref in _MENTION.findall(text) if name in published}
    if not mentions:
        return {}
    pointers = await repository.pointers(work, work.speaks_for, {name for name, _ in mentions})
    without = await marks.yanked(work, work.speaks_for)
    meant = {f"{name}@{ref}": pick(pointers.get(name, ()), ref, without) for name, ref in mentions}
    wanted = {written: pointer.version_id for written, pointer in meant.items() if pointer is not None}
    contracts = await repository.contracts_of(work, work.speaks_for, set(wanted.values()))
    return {written: GraphContract(*contracts[version_id]) for written, version_id in wanted.items()}


def pick(pointers: Sequence[Pointer], ref: str, without: Container[UUID] = ()) -> Pointer | None:
    """The version `ref` means: by alias, number, digest or range; of several, the highest one not in `without`."""
    asked = parse_range(ref)
    if asked is None:
        return next((pointer for pointer in pointers if ref in pointer.names), None)
    offered = (pointer for pointer in pointers if pointer.version_id not in without)
    return highest(offered, asked, lambda pointer: pointer.version)

"""What a stored checkpoint of a run's own graph says: its shared state, and where the run goes on from it."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Any

from girih.engine.channels import INPUTS, shared, slot
from girih.engine.checkpoints import StoredCheckpoint
from girih.engine.parts import EMPTY, Blob, beneath, by_version, values_of
from girih.engine.serializer import reading_stored, unpack
from girih.engine.versions import GOES_TO, versions_of
from girih.language.spec.tree import JsonObject


@dataclass(frozen=True)
class StoredState:
    """A checkpoint, read. `next` are the nodes that come next; none after the last one.

    `results` are the nodes whose results it holds, `blobs` the `[channel, version]` pairs that make it up.
    """

    checkpoint_id: str
    at: str
    next: tuple[str, ...]
    state: JsonObject
    inputs: JsonObject = field(default_factory=dict)
    results: tuple[str, ...] = ()
    blobs: tuple[tuple[str, str], ...] = ()


def read_stored(stored: StoredCheckpoint) -> StoredState:
    """Read a checkpoint with at least the blobs it names. Raises `NotReadableError`."""
    with reading_stored():
        return _read(stored)


def _read(stored: StoredCheckpoint) -> StoredState:
    checkpoint: dict[str, Any] = unpack(stored.checkpoint)
    named = versions_of(checkpoint, stored.blobs)
    made_of = [blob for blob in stored.blobs if named.get(blob[0]) == blob[1]]
    held = {channel: version for channel, version, form, _ in made_of if form != EMPTY}
    wanted = {name: version for name, version in held.items() if name == INPUTS or name.startswith(shared(""))}
    values = values_of(by_version(stored.blobs), wanted)
    return StoredState(
        checkpoint_id=stored.checkpoint_id,
        at=str(checkpoint["ts"]),
        next=tuple(sorted(name.removeprefix(GOES_TO) for name in held if name.startswith(GOES_TO))),
        state={name.removeprefix(shared("")): value for name, value in values.items() if name != INPUTS},
        inputs=values.get(INPUTS) or {},
        results=tuple(sorted(name.removeprefix(slot("")) for name in held if name.startswith(slot("")))),
        blobs=tuple(sorted({*named.items(), *beneath(made_of)})),
    )


def leads_on(blobs: Iterable[Blob]) -> bool:
    """Whether a checkpoint with these new blobs has a node that comes next; what comes next is always new with it."""
    return any(channel.startswith(GOES_TO) and form != EMPTY for channel, _, form, _ in blobs)

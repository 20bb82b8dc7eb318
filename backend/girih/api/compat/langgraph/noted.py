"""What the door notes with a run: how its stream was wanted, for whoever goes on with it and does not say."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from girih.language.spec.tree import JsonObject

OWN = "girih.langgraph"
"""Where it stands under the run's metadata; clients of this door are not shown it."""


def noted(modes: Sequence[str], *, subgraphs: bool, usual: Sequence[str]) -> JsonObject:
    """What is to be noted of a stream: nothing where it is a part of the usual one."""
    if not subgraphs and set(modes) <= set(usual):
        return {}
    return {OWN: {"stream_mode": list(modes), "stream_subgraphs": subgraphs}}


def wanted_of(metadata: Mapping[str, Any]) -> tuple[tuple[str, ...], bool] | None:
    """The modes that were noted, and whether graphs inside are told of; `None` where nothing was."""
    kept = metadata.get(OWN)
    if not isinstance(kept, dict) or not isinstance(kept.get("stream_mode"), list):
        return None
    return tuple(str(mode) for mode in kept["stream_mode"]), kept.get("stream_subgraphs") is True


def only(metadata: JsonObject) -> JsonObject:
    """The part of the metadata that the door has noted."""
    return {OWN: metadata[OWN]} if OWN in metadata else {}


def without(metadata: JsonObject) -> JsonObject:
    """The app's own metadata."""
    return {name: value for name, value in metadata.items() if name != OWN}

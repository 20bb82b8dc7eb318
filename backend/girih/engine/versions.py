"""The versions of channels that a stored checkpoint names, and those its blobs tell: so that none grows too long."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

from girih.engine.channels import slot

GOES_TO = "branch:to:"
"""LangGraph's channel that leads to a node begins with this."""

_SLOT = slot("")

Versions = dict[str, Any]


class Kept:
    """The newest version of each node's result that is stored, or will be together with the next checkpoint."""

    def __init__(self) -> None:
        self._versions: dict[str, str] = {}

    def note(self, blobs: Iterable[tuple[str, str, str, bytes]]) -> None:
        """These are stored."""
        for channel, version, _, _ in blobs:
            if channel.startswith(_SLOT) and version > self._versions.get(channel, ""):
                self._versions[channel] = version

    def slim(self, checkpoint: dict[str, Any], values: Mapping[str, Any]) -> None:
        """Leave out what a checkpoint need not say, else each would name every node there was.

        That is: ways to nodes which have been gone, whose channels hold nothing, and the versions of results that
        `versions_of` finds again.
        """
        results: Versions = {}
        others: Versions = {}
        gone: set[str] = set()
        last_told = ""
        for channel, version in checkpoint["channel_versions"].items():
            if channel.startswith(_SLOT):
                if self._versions.get(channel) == version:
                    last_told = max(last_told, version)
                else:
                    results[channel] = version
            elif channel in values or not channel.startswith(GOES_TO):
                others[channel] = version
            else:
                gone.add(channel)
        if last_told > _newest(others):
            results = {name: v for name, v in checkpoint["channel_versions"].items() if name.startswith(_SLOT)}
        checkpoint["channel_versions"] = others | results
        checkpoint["versions_seen"] = {
            node: seen
            for node, seen in checkpoint["versions_seen"].items()
            if not (len(seen) == 1 and (way := GOES_TO + node) in gone and way in seen)
        }


def versions_of(checkpoint: Mapping[str, Any], blobs: Iterable[tuple[str, str, str, bytes]]) -> dict[str, str]:
    """The version of each channel that a stored checkpoint is made of, given at least the blobs it is made of.

    A result it does not name has the newest version that is stored and not newer than the checkpoint.
    """
    named = {channel: str(version) for channel, version in checkpoint["channel_versions"].items()}
    newest = _newest({channel: version for channel, version in named.items() if not channel.startswith(_SLOT)})
    told: dict[str, str] = {}
    for channel, version, _, _ in blobs:
        if channel.startswith(_SLOT) and channel not in named and told.get(channel, "") < version <= newest:
            told[channel] = version
    return named | told


def _newest(versions: Mapping[str, Any]) -> str:
    return max(map(str, versions.values()), default="")

"""The versions of channels that a stored checkpoint names, and those its blobs tell: so that none grows too long."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any

from girih.engine.channels import slot

GOES_TO = "branch:to:"
"""LangGraph's channel that leads to a node begins with this."""

_SLOT = slot("")

Versions = dict[str, Any]


@dataclass
class _Named:
    """What one checkpoint has to name."""

    checkpoint_id: str = ""
    results: Versions = field(default_factory=dict)
    """Versions of results that are not told by what is stored."""
    last_told: str = ""
    others: Versions = field(default_factory=dict)
    seen: dict[str, Versions] = field(default_factory=dict)
    nodes: set[str] = field(default_factory=set)
    """All that have seen anything, whether that is named or not."""


class Kept:
    """What is stored, or will be together with the next checkpoint: the newest version of each node's result.

    It remembers what the checkpoint before named: a large graph has many channels, of which a step changes few.
    """

    def __init__(self) -> None:
        self._versions: dict[str, str] = {}
        self._named = _Named()

    def note(self, blobs: Iterable[tuple[str, str, str, bytes]]) -> None:
        """These are stored."""
        for channel, version, _, _ in blobs:
            if channel.startswith(_SLOT) and version > self._versions.get(channel, ""):
                self._versions[channel] = version

    def slim(
        self, checkpoint: dict[str, Any], values: Mapping[str, Any], parent: str | None, changed: Iterable[str]
    ) -> None:
        """Leave out what a checkpoint need not say, else each would name every node there was.

        That is: ways to nodes which have been gone, whose channels hold nothing, and the versions of results that
        `versions_of` finds again. `changed` are the channels whose version is not the one in the checkpoint `parent`.
        """
        versions = checkpoint["channel_versions"]
        if self._named.checkpoint_id != parent or not self._adds(checkpoint, values, changed):
            self._named = _Named()
            self._adds(checkpoint, values, versions, checkpoint["versions_seen"])
        named = self._named
        named.checkpoint_id = checkpoint["id"]
        results = named.results
        if named.last_told > _newest(named.others):
            results = {name: v for name, v in versions.items() if name.startswith(_SLOT)}
        checkpoint["channel_versions"] = {name: v for name, v in (named.others | results).items() if name in versions}
        checkpoint["versions_seen"] = dict(named.seen)

    def _adds(
        self,
        checkpoint: Mapping[str, Any],
        values: Mapping[str, Any],
        changed: Iterable[str],
        nodes: Iterable[str] = (),
    ) -> bool:
        """Take in what has changed; whether that was all: nodes see more only when the way to them changes."""
        named, versions, seen = self._named, checkpoint["channel_versions"], checkpoint["versions_seen"]
        looked_at = {*nodes, *named.seen}
        for channel in changed:
            version = versions[channel]
            if channel.startswith(_SLOT):
                self._result(channel, version)
                continue
            if channel.startswith(GOES_TO):
                looked_at.add(channel.removeprefix(GOES_TO))
                if channel not in values:
                    named.others.pop(channel, None)
                    continue
            named.others[channel] = version
        for node in looked_at & seen.keys():
            named.nodes.add(node)
            way = GOES_TO + node
            if len(seen[node]) == 1 and way in seen[node] and way in versions and way not in values:
                named.seen.pop(node, None)
            else:
                named.seen[node] = seen[node]
        return len(named.nodes) == len(seen)

    def _result(self, channel: str, version: str) -> None:
        if self._versions.get(channel) == version:
            self._named.results.pop(channel, None)
            self._named.last_told = max(self._named.last_told, version)
        else:
            self._named.results[channel] = version


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

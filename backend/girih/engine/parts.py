"""Values that grow by a little with each step, stored as parts: what is new since an earlier version, and which."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from operator import is_
from typing import Any

from girih.engine.channels import ERRORS, TALLY, WRITES, shared
from girih.engine.serializer import PlainSerializer, pack, unpack

EMPTY = "empty"
"""The type of a blob that stands for "this channel holds nothing"."""

PART = "part"
"""The type of a blob that says what is new: its number, the versions it rests on from the oldest, and the news."""

SMALL = 8
"""Lists and mappings of fewer entries are stored whole."""

Blob = tuple[str, str, str, bytes]
"""Channel, version, type, data."""

Stored = Mapping[tuple[str, str], tuple[str, bytes]]
"""Type and data by channel and version."""

_PLAIN = PlainSerializer()
_ALL = frozenset({TALLY, ERRORS, WRITES})
_SHARED = shared("")


@dataclass(frozen=True)
class _Version:
    number: int
    """How many versions there were since one that was stored whole."""
    version: str
    value: Any


class Growing:
    """What a writer knows to be stored of the growing channels of one graph.

    Version `n` rests on version `n` without its lowest bit, as in a Fenwick tree: it takes in what the versions between
    brought. So any version is made of a number of parts that grows with the logarithm of `n`, and so does what is
    written of each entry, however long the value becomes.
    """

    def __init__(self) -> None:
        self._paths: dict[str, list[_Version]] = {}

    def forget(self) -> None:
        """Nothing is stored yet."""
        self._paths.clear()

    def blob(self, channel: str, version: str, value: Any) -> Blob:
        """The value as it is to be stored. Raises `NotPlainError`."""
        if not _grows(channel, value):
            self._paths.pop(channel, None)
            return (channel, version, *_PLAIN.dumps_typed(value))
        path = self._paths.get(channel, [])
        number = path[-1].number + 1 if path else 0
        while path and path[-1].number > number & (number - 1):
            path.pop()
        news = _news(path[-1].value, value) if path and len(value) >= SMALL else None
        if news is None:
            self._paths[channel] = [_Version(0, version, value)]
            return (channel, version, *_PLAIN.dumps_typed(value))
        data = pack([number, [int(one.version) for one in path], news])
        path.append(_Version(number, version, value))
        return channel, version, PART, data

    def read(self, stored: Stored, named: Mapping[str, str]) -> dict[str, Any]:
        """The values of these versions, on which what is written next may rest."""
        paths = _paths(stored, named)
        self._paths = {channel: path for channel, path in paths.items() if _grows(channel, path[-1].value)}
        return {channel: path[-1].value for channel, path in paths.items()}


def by_version(blobs: Iterable[Blob]) -> Stored:
    """Blobs by channel and version."""
    return {(channel, version): (form, data) for channel, version, form, data in blobs}


def values_of(stored: Stored, named: Mapping[str, str]) -> dict[str, Any]:
    """The values of these versions of channels; those that hold nothing are left out."""
    return {channel: path[-1].value for channel, path in _paths(stored, named).items()}


def beneath(blobs: Iterable[Blob]) -> list[tuple[str, str]]:
    """The channels and versions that these rest on."""
    return [
        (channel, version) for channel, _, form, data in blobs if form == PART for version in _text(unpack(data)[1])
    ]


def _paths(stored: Stored, named: Mapping[str, str]) -> dict[str, list[_Version]]:
    found = {}
    for channel, version in named.items():
        form, data = stored.get((channel, version), (EMPTY, b""))
        if form == PART:
            number, under, news = unpack(data)
            found[channel] = _together(stored, channel, [*_text(under), version], number, news)
        elif form != EMPTY:
            found[channel] = [_Version(0, version, _PLAIN.loads_typed((form, data)))]
    return found


def _together(stored: Stored, channel: str, versions: list[str], number: int, news: Any) -> list[_Version]:
    """All versions that the last of these is made of, and it."""
    path = [_Version(0, versions[0], _PLAIN.loads_typed(stored[channel, versions[0]]))]
    for version in versions[1:-1]:
        between, _, part = unpack(stored[channel, version][1])
        path.append(_Version(between, version, _with(path[-1].value, part)))
    path.append(_Version(number, versions[-1], _with(path[-1].value, news)))
    return path


def _text(versions: Iterable[int]) -> list[str]:
    return [f"{version:010d}" for version in versions]


def _grows(channel: str, value: Any) -> bool:
    return (channel in _ALL or channel.startswith(_SHARED)) and type(value) in (list, dict)


def _with(value: Any, news: Any) -> Any:
    return [*value, *news] if isinstance(value, list) else {**value, **news}


def _news(old: Any, new: Any) -> Any:
    """What makes `new` of `old`, `None` when it is something else. What did not change is the same object in both."""
    if isinstance(new, list):
        is_longer = isinstance(old, list) and len(new) >= len(old) and all(map(is_, old, new))
        return new[len(old) :] if is_longer else None
    if not isinstance(old, dict) or not old.keys() <= new.keys():
        return None
    return {key: value for key, value in new.items() if key not in old or old[key] is not value}

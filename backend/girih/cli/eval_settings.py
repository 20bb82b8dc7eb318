"""What `girih eval` compares and demands, as its options say it: settings of searches, and floors."""

from __future__ import annotations

import math
import shlex
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from girih.cli.client import fail
from girih.cli.evaluation import METRICS
from girih.cli.output import USAGE
from girih.language.spec.suggest import did_you_mean
from girih.language.spec.tree import JsonObject


@dataclass(frozen=True)
class Setting:
    """One way to search: the collection, and the body of the request without the question."""

    name: str
    collection: str
    body: JsonObject = field(default_factory=dict)


@dataclass(frozen=True)
class Floor:
    """The least that a metric may be, of one setting or (`None`) of each."""

    setting: str | None
    metric: str
    least: float


DEFAULTS = ("hybrid: mode=hybrid", "vector: mode=vector", "keyword: mode=keyword")
"""What is compared where nothing is asked for."""


def _names(text: str) -> list[str]:
    return [name for name in text.split(",") if name]


_KINDS: Mapping[str, Callable[[str], Any]] = {
    "mode": str,
    "top_k": int,
    "min_score": float,
    "filter": str,
    "diversity": float,
    "neighbours": int,
    "rewrite": str,
    "queries": int,
    "rerank": str,
}
_ASKER: Mapping[str, Callable[[str], Any]] = {"user": str, "groups": _names, "roles": _names}
_KEYS: Mapping[str, Callable[[str], Any]] = {"collection": str, **_KINDS, **_ASKER}
_SHAPE = "write it as --setting 'short: mode=vector top_k=20 filter=\"metadata.year > 2020\"'"


def settings_of(texts: Sequence[str], collection: str) -> list[Setting]:
    """The settings, in order; `collection` is searched where one does not name another."""
    found = [setting_of(text, collection) for text in texts or DEFAULTS]
    names = [setting.name for setting in found]
    if twice := next((name for name in names if names.count(name) > 1), None):
        fail(f"there are two settings with the name '{twice}'", "give each its own", code=USAGE)
    return found


def setting_of(text: str, collection: str) -> Setting:
    """The setting that `NAME: KEY=VALUE …` means; ends the command where it means none."""
    name, colon, rest = text.partition(":")
    name = name.strip()
    if not colon or not name:
        fail(f"'{text}' has no name", _SHAPE, code=USAGE)
    try:
        words = shlex.split(rest)
    except ValueError as fault:
        fail(f"setting '{name}' cannot be read: {fault}", _SHAPE, code=USAGE)
    body: JsonObject = {}
    asker: JsonObject = {}
    for word in words:
        key, value = _pair(name, word)
        if key == "collection":
            collection = str(value)
        else:
            (asker if key in _ASKER else body)[key] = value
    return Setting(name, collection, body | ({"asker": asker} if asker else {}))


def _pair(name: str, word: str) -> tuple[str, Any]:
    key, equals, text = word.partition("=")
    if key not in _KEYS:
        near = did_you_mean(key, _KEYS)
        fail(
            f"setting '{name}': searches have no '{key}'",
            f"did you mean '{near}'?" if near else f"there are {', '.join(_KEYS)}",
            code=USAGE,
        )
    if not equals or not text:
        fail(f"setting '{name}': '{key}' has no value", _SHAPE, code=USAGE)
    try:
        return key, _KEYS[key](text)
    except ValueError:
        fail(f"setting '{name}': {key} has to be a number, not '{text}'", code=USAGE)


def floors_of(texts: Iterable[str], settings: Sequence[Setting]) -> list[Floor]:
    """The floors that `METRIC=VALUE` or `SETTING:METRIC=VALUE` mean; ends the command where one means none."""
    return [_floor(text, [setting.name for setting in settings]) for text in texts]


def _floor(text: str, names: Sequence[str]) -> Floor:
    place, _, value = text.rpartition("=")
    setting, colon, metric = place.rpartition(":")
    metric = metric.strip().lower()
    if metric not in METRICS:
        fail(f"'{text}' is no floor", f"write METRIC=VALUE; there are {', '.join(METRICS)}", code=USAGE)
    if colon and setting.strip() not in names:
        fail(f"the floor '{text}' is for a setting that is not compared", f"there are {', '.join(names)}", code=USAGE)
    try:
        least = float(value)
    except ValueError:
        least = math.nan
    if not 0 <= least <= 1:
        fail(f"the floor '{text}' has to be a number from 0 to 1", code=USAGE)
    return Floor(setting.strip() if colon else None, metric, least)

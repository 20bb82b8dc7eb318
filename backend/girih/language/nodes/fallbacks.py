"""The order in which models are asked: each before its own fallbacks, and none twice."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence

Fallbacks = Callable[[str], Sequence[str]]
"""The names of a model's own fallbacks, by the model's name."""


def in_order(names: Iterable[str], fallbacks: Fallbacks) -> tuple[str, ...]:
    """These models and the fallbacks of each, in the order in which they are asked."""
    found: dict[str, None] = {}

    def take(name: str) -> None:
        if name not in found:
            found[name] = None
            for other in fallbacks(name):
                take(other)

    for name in names:
        take(name)
    return tuple(found)


def circle_from(name: str, fallbacks: Fallbacks) -> tuple[str, ...] | None:
    """The way from a model over fallbacks back to itself, both ends named; `None` if there is none."""
    ways: list[tuple[str, ...]] = [(name,)]
    seen: set[str] = set()
    for way in ways:
        for other in fallbacks(way[-1]):
            if other == name:
                return (*way, other)
            if other not in seen:
                seen.add(other)
                ways.append((*way, other))
    return None


def declared(documents: Mapping[str, Mapping[str, object]]) -> Fallbacks:
    """The fallbacks that `model/v1` documents, by name, declare."""

    def of(name: str) -> Sequence[str]:
        found = (documents.get(name) or {}).get("fallbacks")
        return [str(one) for one in found] if isinstance(found, list) else []

    return of

"""A node taken apart into the pieces that are compared, named as an author writes them."""

from __future__ import annotations

from collections.abc import Iterator

from girih.language.compiler.plan import PlanNode
from girih.language.spec.tree import JsonValue

_KEYS = {"writes": "write", "exits": "exits", "conditions": "conditions"}
"""What a plan calls otherwise than a file does, or only a plan has."""

_NOTHING: tuple[JsonValue, ...] = (None, {}, [])
_POLICIES = ("title", "when", "retry", "timeout", "on_error", "cache")


def node_pieces(node: PlanNode) -> Iterator[tuple[str, JsonValue]]:
    """The node itself, by its verb, then everything that is set on it. What follows from these is left out."""
    at = f"nodes.{node.name}"
    yield at, node.verb
    plain = node.model_dump(mode="json")
    for name in _POLICIES:
        if plain[name] is not None:
            yield f"{at}.{name}", plain[name]
    yield from _settings(at, node)
    for name, shown in _KEYS.items():
        if plain[name]:
            yield f"{at}.{shown}", plain[name]
    if node.branches and "branches" not in node.settings:
        yield f"{at}.branches", [branch["entry"] for branch in plain["branches"]]
    yield f"{at}.next", [_way(route) for route in plain["routes"]]


def _settings(at: str, node: PlanNode) -> Iterator[tuple[str, JsonValue]]:
    """What is set, and what is computed under the same name: a prompt of a file, and the values that it takes."""
    for name, value in node.settings.items():
        if isinstance(value, dict) and "template" in value:
            yield f"{at}.{name}", value["template"]
            yield f"{at}.{name}.file", value["file"]
        elif value not in _NOTHING:
            yield f"{at}.{name}", value
    for name, value in node.values.items():
        if value not in _NOTHING:
            is_more = node.settings.get(name) not in _NOTHING
            yield f"{at}.{name}.with" if is_more else f"{at}.{name}", value


def _way(route: dict[str, JsonValue]) -> dict[str, JsonValue]:
    return {name: value for name, value in route.items() if value is not None}

"""What a change means to what goes on, as a server tells it, in lines for people."""

from __future__ import annotations

from collections.abc import Iterator

from girih.cli.reports import report_lines
from girih.language.spec.tree import JsonObject

_STATUS = {"queued": "waiting for their turn", "running": "running", "interrupted": "paused"}


def effect_lines(change: JsonObject) -> Iterator[str]:
    """One sentence each: tests, runs, threads, schedules, callers, aliases, costs, documents."""
    yield from report_lines(change)
    effects = change.get("effects")
    if not effects:
        return
    yield from _runs(effects)
    yield from _callers(effects)
    yield from _aliases(change, effects)
    yield from _costs(effects)
    if effects.get("documents"):
        documents = _counted(effects["documents"], "document")
        yield f"{documents} will be indexed anew; the former index is searched until then"


def breaking_callers(change: JsonObject) -> list[str]:
    """The callers that could not be applied again as they are."""
    callers = (change.get("effects") or {}).get("callers") or []
    return [one["name"] for one in callers if one["breaks"]]


def _runs(effects: JsonObject) -> Iterator[str]:
    by_version: dict[str, list[str]] = {}
    for one in effects["runs"]:
        by_version.setdefault(one["version"], []).append(f"{one['count']} {_STATUS[one['status']]}")
    for version, counts in by_version.items():
        yield f"runs on {version}: {', '.join(counts)}; they end on it"
    if effects["threads"]:
        yield f"{_counted(effects['threads'], 'thread')} ran on it last"
    if effects["schedules"]:
        yield f"started by {_named(effects['schedules'], 'schedule')}"


def _callers(effects: JsonObject) -> Iterator[str]:
    for one in effects["callers"]:
        calls = f" {one['calls']}" if one["calls"] else " an earlier version"
        yield f"called by {one['name']}@{one['version']}, which stays with{calls}"
        for broken in one["breaks"]:
            yield f"! applied again, {one['name']} would break: {broken}"


def _aliases(change: JsonObject, effects: JsonObject) -> Iterator[str]:
    if change["action"] != "create" and effects["aliases"]:
        led = ", ".join(f"{alias} → {version}" for alias, version in effects["aliases"].items())
        yield f"aliases: {led}"


def _costs(effects: JsonObject) -> Iterator[str]:
    before, after = effects.get("cost_before"), effects.get("cost_after")
    if after is None or before == after or not (after["model_nodes"] or (before and before["model_nodes"])):
        return
    if before is None:
        yield f"cost: {_cost(after)}"
    else:
        yield f"cost: {_cost(before)} → {_cost(after)}"


def _cost(cost: JsonObject) -> str:
    nodes = _counted(cost["model_nodes"], "model node")
    most = f", at most {cost['max_tokens']} tokens out" if cost["max_tokens"] is not None else ""
    prices = "; ".join(f"{name} {_price(price)}" for name, price in cost["models"].items())
    return f"{nodes}{most} ({prices})" if prices else nodes


def _price(price: JsonObject | None) -> str:
    return f"${price['input']:g} in, ${price['output']:g} out per million" if price else "at an unknown price"


def _named(names: list[str], noun: str) -> str:
    return f"the {noun}{'s' if len(names) > 1 else ''} {', '.join(names)}"


def _counted(count: int, noun: str) -> str:
    return f"1 {noun}" if count == 1 else f"{count} {noun}s"

"""The channels of a graph's state, and how what is written to them comes together."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from girih.language.nodes.ports import Usage

INPUTS = "$inputs"
"""The graph's inputs."""

TALLY = "$tally"
"""Counts that add up: a node's finished executions under its name, a bounded route's uses under `node>index`, and under
`$…` what belongs to no node that is still in sight: steps, tokens, USD."""

STEPS = "$steps"

ERRORS = "$errors"
"""By node, the failures that `on_error` took care of: `{kind, message}`; `None` takes one back."""

WRITES = "$writes"
"""In a branch, what it has written to the shared state so far: a list of `[name, value]`."""

Tally = Mapping[str, float]


def slot(node: str) -> str:
    """The channel of a node's result; LangGraph does not allow a channel that is named like a node."""
    return f"out.{node}"


def shared(name: str) -> str:
    """The channel of a name under `state:`."""
    return f"state.{name}"


def added(left: Tally, right: Tally) -> dict[str, float]:
    """The sum of two tallies."""
    total = dict(left)
    for key, count in right.items():
        total[key] = total.get(key, 0) + count
    return total


def noted(left: Mapping[str, Any], right: Mapping[str, Any]) -> dict[str, Any]:
    """The failures of both, the later of each node; one that was taken back stays as `None`, to hide an outer one."""
    return {**left, **right}


def executions(tally: Tally) -> int:
    """How many node executions a tally has counted."""
    return int(sum(count for key, count in tally.items() if key == STEPS or (">" not in key and key[0] != "$")))


def usage_of(tally: Tally) -> Usage:
    """The usage a tally has counted."""
    counts = tally.get
    return Usage(int(counts("$input_tokens", 0)), int(counts("$output_tokens", 0)), counts("$cost_usd", 0.0))


def usage_counts(usage: Usage) -> dict[str, float]:
    """Usage as counts of a tally."""
    counts = {
        "$input_tokens": usage.input_tokens,
        "$output_tokens": usage.output_tokens,
        "$cost_usd": usage.cost_usd,
    }
    return {key: count for key, count in counts.items() if count}


def unseen(tally: Tally) -> dict[str, float]:
    """A tally without its nodes and routes: of an execution whose results nobody sees, only its cost counts."""
    counts = usage_counts(usage_of(tally))
    return counts | {STEPS: executions(tally)} if executions(tally) else counts

"""The channels of a graph's state, and how its counts add up."""

from __future__ import annotations

from collections.abc import Mapping

INPUTS = "$inputs"
"""The run's inputs."""

TALLY = "$tally"
"""Counts that add up: a node's finished executions under its name, a bounded route's uses under `node>index`, tokens
under `$input_tokens` and `$output_tokens`."""


def slot(node: str) -> str:
    """The channel of a node's result; LangGraph does not allow a channel that is named like a node."""
    return f"out.{node}"


def added(left: Mapping[str, int], right: Mapping[str, int]) -> dict[str, int]:
    """The sum of two tallies."""
    return {key: left.get(key, 0) + right.get(key, 0) for key in {**left, **right}}


def executions(tally: Mapping[str, int]) -> int:
    """How many node executions a tally has counted."""
    return sum(count for key, count in tally.items() if ">" not in key and not key.startswith("$"))

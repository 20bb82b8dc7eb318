"""Differences between versions as a server tells them, for the terminal."""

from __future__ import annotations

from girih.cli.output import harmless
from girih.language.comparing.changes import Comparison, PlanChange
from girih.language.comparing.shown import lines
from girih.language.spec.tree import JsonObject


def difference_of(told: JsonObject) -> Comparison:
    """What a server said, as it was before it became JSON."""
    changes = tuple(PlanChange(**change) for change in told["changes"])
    return Comparison(changes, told["verdict"], tuple(told["breaking"]))


def difference_text(found: Comparison, indent: str = "") -> str:
    """The lines, and below them what callers rely on and is no longer so."""
    said = [*lines(found), *(f"! {message}" for message in found.breaking)]
    return "".join(f"{indent}{harmless(line)}\n" for line in said)

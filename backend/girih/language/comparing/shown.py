"""A comparison as lines of text, for a terminal and for a comment under a change."""

from __future__ import annotations

import difflib
import json
import re
from collections.abc import Iterator
from itertools import islice

from girih.language.comparing.changes import Comparison, PlanChange
from girih.language.expressions.kinds import phrase
from girih.language.spec.tree import JsonValue

_SIGNS = {"added": "+", "removed": "-", "changed": "~"}
_TITLES = {
    "contract": "contract",
    "references": "references",
    "nodes": "nodes",
    "state": "state",
    "limits": "limits",
    "texts": "texts and outputs",
}
_LONGEST = 160
"""Characters of a value that are shown on one line."""

_AROUND = 1
"""Lines of a text that are shown around what changed."""


def lines(comparison: Comparison) -> Iterator[str]:
    """The changes part by part, each with its sign; texts of several lines as the lines that differ."""
    part = ""
    for change in comparison.changes:
        if change.part != part:
            part = change.part
            yield _TITLES[part]
        yield from _change(change)


def markdown(comparison: Comparison) -> str:
    """The same for a comment under a change: what breaks first, then all of it as a block."""
    warned = "".join(f"- **{message}**\n" for message in comparison.breaking)
    said = "\n".join(f"{_mark(line)}{line}" for line in lines(comparison))
    fence = "`" * max(3, _longest_run(said) + 1)
    return f"{warned}\n{fence}diff\n{said}\n{fence}\n" if said else ""


def _mark(line: str) -> str:
    """What colours a line of a `diff` block is its first character."""
    sign = line.lstrip()[:1]
    return {"+": "+", "-": "-", "~": "!"}.get(sign, " ")


def _longest_run(text: str) -> int:
    return max((len(run) for run in re.findall("`+", text)), default=0)


def headline(comparison: Comparison) -> str:
    """What the change weighs, in a few words."""
    if comparison.verdict is None:
        return "the same"
    count = len(comparison.changes)
    changes = "1 change" if count == 1 else f"{count} changes"
    return f"{comparison.verdict}, {changes}"


def _change(change: PlanChange) -> Iterator[str]:
    sign, warning = _SIGNS[change.action], "  (callers may break)" if change.breaks else ""
    head = f"  {sign} {change.at}"
    if change.action != "changed":
        value = change.after if change.action == "added" else change.before
        text = _said(change, value)
        if "\n" not in text and len(text) <= _LONGEST:
            yield f"{head}: {text}{warning}"
            return
        yield f"{head}{warning}"
        yield from (f"      {sign} {line}" for line in text.splitlines())
        return
    before, after = _said(change, change.before), _said(change, change.after)
    if "\n" not in before + after and len(before) + len(after) <= _LONGEST:
        yield f"{head}: {before} → {after}{warning}"
        return
    yield f"{head}{warning}"
    yield from (f"      {line}" for line in _differing(before, after))


def _differing(before: str, after: str) -> Iterator[str]:
    compared = difflib.unified_diff(before.splitlines(), after.splitlines(), n=_AROUND, lineterm="")
    names_of_the_texts = 2
    for line in islice(compared, names_of_the_texts, None):
        if not line.startswith("@@"):
            yield f"{line[0]} {line[1:]}"
        elif not line.startswith("@@ -1"):
            yield "…"


def _said(change: PlanChange, value: JsonValue) -> str:
    if isinstance(value, str):
        return value
    if change.part == "contract" and isinstance(value, dict) and isinstance(value.get("type"), dict):
        return _field(value)
    if change.part == "references" and isinstance(value, dict):
        return f"{value['uri']} {str(value['digest'] or '')[:19]}".rstrip()
    if change.at.endswith(".next") and isinstance(value, list):
        return "\n".join(_way(one) for one in value)
    whole = json.dumps(value, ensure_ascii=False, sort_keys=True)
    return whole if len(whole) <= _LONGEST else json.dumps(value, ensure_ascii=False, sort_keys=True, indent=2)


def _field(value: dict[str, JsonValue]) -> str:
    schema = value["type"]
    described = phrase(schema) if isinstance(schema, dict) else "anything"
    bounds = {} if not isinstance(schema, dict) else {k: v for k, v in schema.items() if k not in ("type", "enum")}
    more = f" {json.dumps(bounds, ensure_ascii=False, sort_keys=True)}" if bounds else ""
    return f"{described}{more}, {'required' if value['required'] else 'optional'}"


def _way(route: JsonValue) -> str:
    if not isinstance(route, dict):
        return str(route)
    when = f" if {route['condition']}" if "condition" in route else ""
    most = f", at most {route['max_visits']} times" if "max_visits" in route else ""
    return f"→ {route['to']}{when}{most}"

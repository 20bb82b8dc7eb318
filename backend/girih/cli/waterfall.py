"""A run's trace as lines: its spans as a tree, each with a bar that shows when it was and how long it took."""

from __future__ import annotations

from collections.abc import Iterator

from girih.cli.output import harmless
from girih.language.spec.tree import JsonObject

MARKS = {"running": "…", "ok": "✓", "failed": "✗", "cancelled": "⊘", "skipped": "↷", "waiting": "?"}
NARROW, BAR = 60, 24
"""The least width that leaves room for bars, and the bars' width (characters)."""


def chart(trace: JsonObject, width: int) -> Iterator[str]:
    """The trace of `GET /v1/runs/{id}/trace` as lines of at most `width` characters."""
    root = trace["root"]
    total = max([0.1, *(_end(span) for _, span in _rows(root, "", ""))])
    room = max(20, width - BAR - 12) if width >= NARROW else width
    for lead, span in _rows(root, "", ""):
        text = _cut(harmless(f"{lead}{_line(span)}"), room)
        yield f"{text:<{room}} {_bar(span, total)} {_duration(span):>9}".rstrip() if width >= NARROW else text


def _rows(span: JsonObject, lead: str, below: str) -> Iterator[tuple[str, JsonObject]]:
    yield lead, span
    parts = _shown(span)
    for part in parts:
        last = part is parts[-1]
        yield from _rows(part, f"{below}{'└─' if last else '├─'} ", f"{below}{'   ' if last else '│  '}")


def _shown(span: JsonObject) -> list[JsonObject]:
    """What is below a span; a run's only attempt is not worth a line of its own."""
    attempts = [part for part in span["spans"] if part["kind"] == "attempt"]
    if span["kind"] == "run" and len(attempts) == len(span["spans"]) == 1:
        found: list[JsonObject] = attempts[0]["spans"]
        return found
    parts: list[JsonObject] = span["spans"]
    return parts


def _line(span: JsonObject) -> str:
    told = span["attributes"]
    name = f"{span['name']} {told['version']}" if span["kind"] == "run" and "version" in told else span["name"]
    kind = (
        told.get("verb", "")
        if span["kind"] == "node"
        else {"run": "", "item": "", "attempt": ""}.get(span["kind"], span["kind"])
    )
    parts = [MARKS.get(span["status"], "?"), name, kind, *_notes(span)]
    return "  ".join(str(part) for part in parts if part)


def _notes(span: JsonObject) -> Iterator[str]:
    told = span["attributes"]
    yield from _cost(told.get("usage") if span["kind"] in ("model", "run") else None)
    if "first_token_ms" in told:
        yield f"first after {told['first_token_ms']:g} ms"
    if "hits" in told:
        yield f"{told['hits']} hits"
    if told.get("retries"):
        yield f"tried {len(told['retries']) + 1} times"
    if told.get("cached"):
        yield "from the cache"
    yield from _said(span, span.get("content") or {})


def _cost(usage: JsonObject | None) -> Iterator[str]:
    if usage and (usage.get("input_tokens") or usage.get("output_tokens")):
        yield f"{usage['input_tokens']} → {usage['output_tokens']} tokens"
    if usage and usage.get("cost_usd"):
        yield f"${usage['cost_usd']:.6g}"


def _said(span: JsonObject, content: JsonObject) -> Iterator[str]:
    problem = span["attributes"].get("error") or span["attributes"].get("kind")
    if span["status"] == "failed" and problem:
        yield f"{problem}: {content['error']}" if isinstance(content.get("error"), str) else str(problem)
    if span["kind"] == "wait" and isinstance(content.get("message"), str):
        yield content["message"]


def _bar(span: JsonObject, total: float) -> str:
    begin = min(BAR - 1, int(span["offset_ms"] / total * BAR))
    end = BAR if span["duration_ms"] is None else round(_end(span) / total * BAR)
    length = max(1, min(BAR, end) - begin)
    mark = "░" if span["kind"] == "wait" else "█" if span["kind"] in ("model", "tool", "retrieval") else "▒"
    return f"│{' ' * begin}{mark * length}{' ' * (BAR - begin - length)}│"


def _end(span: JsonObject) -> float:
    return float(span["offset_ms"] + (span["duration_ms"] or 0))


def _duration(span: JsonObject) -> str:
    ms = span["duration_ms"]
    if ms is None or span["status"] == "skipped":
        return ""
    if ms < 1000:
        return f"{ms:.0f} ms" if ms >= 10 else f"{ms:.1f} ms"
    return f"{ms / 1000:.1f} s" if ms < 600_000 else f"{ms / 60_000:.0f} min"


def _cut(text: str, room: int) -> str:
    return text if len(text) <= room else f"{text[: room - 1]}…"

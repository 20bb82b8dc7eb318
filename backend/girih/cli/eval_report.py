"""What `girih eval retrieval` prints: settings side by side, in pairs, and the questions that went worst."""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence

from girih.cli.eval_measuring import Outcome, Result
from girih.cli.eval_settings import Floor
from girih.cli.evaluation import METRICS, Comparison, compared, relevant
from girih.language.spec.tree import JsonObject

COMPARED = "ndcg@10"
"""The metric by which settings are compared in pairs, and questions are bad."""
SIGNIFICANT = 0.05
_HEAD = ("setting", *METRICS, "p50 ms", "p95 ms")
_PAIR_HEAD = ("beside the first", "wins", "losses", "ties", f"{COMPARED} gain", "p")
_WIDE = 60


def as_json(outcomes: Sequence[Outcome], missed: Sequence[Floor]) -> str:
    """All of it, with every question."""
    shown = {
        "questions": len(outcomes[0].results),
        "settings": [_setting(outcome) for outcome in outcomes],
        "comparisons": [
            {"setting": other.setting.name, "beside": outcomes[0].setting.name, "metric": COMPARED, **vars(pair)}
            for other, pair in _pairs(outcomes)
        ],
        "missed_floors": [vars(floor) for floor in missed],
    }
    return json.dumps(shown, indent=2, ensure_ascii=False)


def as_table(outcomes: Sequence[Outcome], worst: int, *, markdown: bool) -> Iterator[str]:
    """The lines of the report, as aligned columns or as Markdown."""
    lay_out = _markdown if markdown else _aligned
    yield from lay_out([_HEAD, *(_row(outcome) for outcome in outcomes)])
    if len(outcomes) > 1:
        yield ""
        yield from lay_out([_PAIR_HEAD, *(_pair_row(other.setting.name, pair) for other, pair in _pairs(outcomes))])
    if worst:
        yield ""
        names = [outcome.setting.name for outcome in outcomes]
        head = ("question", *names, "relevant", "found", "text")
        yield from lay_out([head, *(_question_row(outcomes, place) for place in worst_of(outcomes[0], worst))])


def worst_of(outcome: Outcome, number: int) -> list[int]:
    """The places of the questions that went worst in the setting, worst first."""
    results = outcome.results
    return sorted(range(len(results)), key=lambda place: (results[place].metrics[COMPARED], place))[:number]


def _pairs(outcomes: Sequence[Outcome]) -> Iterator[tuple[Outcome, Comparison]]:
    first = outcomes[0].of(COMPARED)
    return ((other, compared(first, other.of(COMPARED))) for other in outcomes[1:])


def _row(outcome: Outcome) -> tuple[str, ...]:
    figures = [f"{value:.4f}" for value in outcome.means.values()]
    return (outcome.setting.name, *figures, *(f"{outcome.latency(part):.1f}" for part in (0.5, 0.95)))


def _pair_row(name: str, pair: Comparison) -> tuple[str, ...]:
    mark = " *" if pair.p < SIGNIFICANT else ""
    counts = (str(pair.wins), str(pair.losses), str(pair.ties))
    return (name, *counts, f"{pair.gain:+.4f}", f"{pair.p:.4f}{mark}")


def _question_row(outcomes: Sequence[Outcome], place: int) -> tuple[str, ...]:
    results = [outcome.results[place] for outcome in outcomes]
    question = results[0].question
    wanted = len(relevant(question.grades))
    text = question.query if len(question.query) <= _WIDE else question.query[: _WIDE - 1] + "…"
    found = round(results[0].metrics["recall@100"] * wanted)
    return (question.id, *(f"{one.metrics[COMPARED]:.4f}" for one in results), str(wanted), str(found), text)


def _setting(outcome: Outcome) -> JsonObject:
    return {
        "name": outcome.setting.name,
        "collection": outcome.setting.collection,
        "search": outcome.setting.body,
        **outcome.means,
        "p50_ms": round(outcome.latency(0.5), 3),
        "p95_ms": round(outcome.latency(0.95), 3),
        "failed": outcome.failed,
        "questions": [_question(result) for result in outcome.results],
    }


def _question(result: Result) -> JsonObject:
    asked = {"id": result.question.id, "query": result.question.query}
    return {**asked, **result.metrics, "ms": round(result.milliseconds, 3), "document_ids": list(result.ranking[:10])}


def _aligned(rows: Sequence[Sequence[str]]) -> Iterator[str]:
    widths = [max(len(row[column]) for row in rows) for column in range(len(rows[0]))]
    for row in rows:
        yield "  ".join(_fit(text, widths[n], left=_is_left(rows, n)) for n, text in enumerate(row)).rstrip()


def _markdown(rows: Sequence[Sequence[str]]) -> Iterator[str]:
    for number, row in enumerate(rows):
        yield "| " + " | ".join(text.replace("|", "\\|") for text in row) + " |"
        if number == 0:
            yield "|" + "|".join("---" if _is_left(rows, n) else "---:" for n in range(len(row))) + "|"


def _is_left(rows: Sequence[Sequence[str]], column: int) -> bool:
    return column == 0 or rows[0][column] == "text"


def _fit(text: str, width: int, *, left: bool) -> str:
    return f"{text:<{width}}" if left else f"{text:>{width}}"

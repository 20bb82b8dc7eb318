"""Asking a server every judged question in every setting, and what came of it."""

from __future__ import annotations

import time
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import PurePosixPath

from girih.cli.client import Failure, Refused, Server, segment
from girih.cli.eval_settings import Setting
from girih.cli.evaluation import DEEPEST, METRICS, mean, measured, percentile
from girih.cli.judgements import Judged
from girih.cli.output import complain
from girih.language.spec.tree import JsonObject

TIMED = 10
"""The `top_k` of the searches that are timed, where the setting has none."""
_DEPTHS = (200, 1000)
"""Passages that are asked for until they are of so many documents that recall can be counted."""
_CHOOSING = frozenset({"diversity", "neighbours", "rerank"})
"""With these, more than the first of the depths cannot be asked for."""


@dataclass(frozen=True)
class Result:
    """One question in one setting: its metrics, the ranking of documents, and the milliseconds of the search."""

    question: Judged
    metrics: Mapping[str, float]
    ranking: Sequence[str]
    milliseconds: float


@dataclass
class Outcome:
    """One setting: its results in the order of the questions; `failed` says why models did not take part, how often."""

    setting: Setting
    results: list[Result] = field(default_factory=list)
    failed: dict[str, int] = field(default_factory=dict)

    def of(self, metric: str) -> list[float]:
        """The metric of each question."""
        return [result.metrics[metric] for result in self.results]

    @property
    def means(self) -> dict[str, float]:
        """Every metric over all questions."""
        return {metric: mean(self.of(metric)) for metric in METRICS}

    def latency(self, part: float) -> float:
        """Milliseconds that `part` of the searches took at the most."""
        return percentile([result.milliseconds for result in self.results], part)


class Names:
    """Documents of a collection by what judgements call them: name, key or id, or a name without folder and ending."""

    def __init__(self, documents: Sequence[Mapping[str, str]]) -> None:
        exact = _ids((name, one["id"]) for one in documents for name in (one["id"], one["name"], one["key"]))
        shortened = _ids((name, one["id"]) for one in documents for name in _shortened(one["name"]))
        self._ids = shortened | exact

    def id(self, name: str) -> str | None:
        """The document's id, or nothing if there is none, or more than one."""
        ids = self._ids.get(name, set())
        return next(iter(ids)) if len(ids) == 1 else None


def _ids(pairs: Iterable[tuple[str, str]]) -> dict[str, set[str]]:
    found: dict[str, set[str]] = {}
    for name, number in pairs:
        found.setdefault(name, set()).add(number)
    return found


def _shortened(name: str) -> set[str]:
    path = PurePosixPath(name)
    return {path.name, path.stem, str(path.with_suffix("")) if path.name else name}


def measure(
    server: Server, settings: Sequence[Setting], questions: Sequence[Judged], names: Mapping[str, Names]
) -> list[Outcome]:
    """Every question in every setting, in turns, so that what else the machine does falls on all of them alike."""
    outcomes = [Outcome(setting) for setting in settings]
    for outcome in outcomes:
        _search(server, outcome, questions[0].query, TIMED)  # loads what the first search has to load
        outcome.failed.clear()
    for question in questions:
        for outcome in outcomes:
            outcome.results.append(_asked(server, outcome, question, names[outcome.setting.collection]))
    return outcomes


def _asked(server: Server, outcome: Outcome, question: Judged, names: Names) -> Result:
    began = time.perf_counter()
    ranking = _search(server, outcome, question.query, TIMED)
    milliseconds = 1000 * (time.perf_counter() - began)
    if "top_k" not in outcome.setting.body:
        for depth in _DEPTHS[: 1 if _CHOOSING & outcome.setting.body.keys() else None]:
            ranking = _search(server, outcome, question.query, depth)
            if len(dict.fromkeys(ranking)) >= DEEPEST or len(ranking) < depth:
                break
    # A document stands where its best passage does. What a judged name means no document of keeps the name.
    grades = {names.id(name) or f"? {name}": grade for name, grade in question.grades.items()}
    documents = list(dict.fromkeys(ranking))
    return Result(question, measured(documents, grades), documents[:DEEPEST], milliseconds)


def _search(server: Server, outcome: Outcome, query: str, top_k: int) -> list[str]:
    """The documents of the hits, by id, best first."""
    setting = outcome.setting
    asks_models = "rerank" in setting.body or "rewrite" in setting.body
    body = {"top_k": top_k, **setting.body, "query": query, "explain": asks_models}
    try:
        answer = server.attempt("POST", f"/v1/collections/{segment(setting.collection)}/search", json=body)
    except Refused as refused:
        fault = refused.failure
        server.give_up(Failure(fault.status, f"setting '{setting.name}': {fault.message}", fault.help, fault.body))
    if asks_models:
        _note_failures(outcome, answer["explanation"])
    return [hit["document_id"] for hit in answer["hits"]]


def _note_failures(outcome: Outcome, explanation: JsonObject) -> None:
    for part in ("rewrite", "rerank"):
        if reason := (explanation.get(part) or {}).get("failed"):
            words = f"{part}: {reason}"
            outcome.failed[words] = outcome.failed.get(words, 0) + 1


def complain_of_models(outcomes: Sequence[Outcome]) -> None:
    """Say where searches went on without a model: those figures are not of the setting that was asked for."""
    for outcome in outcomes:
        for reason, count in outcome.failed.items():
            complain(f"setting '{outcome.setting.name}': in {count} searches without {reason}")

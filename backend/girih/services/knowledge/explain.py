"""What a search tells of itself: what was asked, what each leg found, how long it took, and what was left out."""

from __future__ import annotations

import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Literal

from pydantic import BaseModel, Field

from girih.language.nodes.ports import Usage

MOST_TOLD = 100
"""How many passages a leg, and the list of what was left out, tell of."""


class Found(BaseModel):
    """A passage as one leg found it."""

    chunk_id: str
    rank: int
    score: float


class LegTold(BaseModel):
    """One ranking. `weight` is its part of the fused score."""

    question: str
    by: Literal["vector", "keyword"]
    weight: float
    found: int
    best: list[Found]


class LeftOut(BaseModel):
    """A passage that a leg found and the answer lacks."""

    chunk_id: str
    document: str
    reason: str


class ModelTold(BaseModel):
    """What a model or a service was asked for; `failed` says why the search went on without it."""

    by: str
    input_tokens: int = 0
    output_tokens: int = 0
    cost_usd: float = 0.0
    failed: str | None = None


class Explanation(BaseModel):
    """How a search came to its hits."""

    mode: str
    embedder: str | None
    language: str
    questions: list[str]
    filter: str | None = Field(default=None, description="As it was understood; values that were given stand by name.")
    readers: list[str] | None = Field(
        description="The principals that documents had to name; null: no document of the collection names any."
    )
    rewrite: ModelTold | None = None
    rerank: ModelTold | None = None
    legs: list[LegTold] = []
    left_out: list[LeftOut] = []
    remarks: list[str] = Field(
        default=[], description="Why nothing was found, or not everything: what the collection or the question lacks."
    )
    milliseconds: dict[str, float] = {}


def told_of(by: str, usage: Usage, failed: str | None) -> ModelTold:
    """What is told of a model's part."""
    return ModelTold(
        by=by,
        input_tokens=usage.input_tokens,
        output_tokens=usage.output_tokens,
        cost_usd=round(usage.cost_usd, 9),
        failed=failed,
    )


@dataclass
class Course:
    """What a search notes of itself on its way."""

    legs: list[LegTold] = field(default_factory=list)
    left_out: list[LeftOut] = field(default_factory=list)
    milliseconds: dict[str, float] = field(default_factory=dict)
    rerank: ModelTold | None = None

    @contextmanager
    def timed(self, part: str) -> Iterator[None]:
        """Add the time that this takes."""
        began = time.perf_counter()
        try:
            yield
        finally:
            took = 1000 * (time.perf_counter() - began)
            self.milliseconds[part] = round(self.milliseconds.get(part, 0.0) + took, 3)

    def leave_out(self, passages: Sequence[tuple[str, str]], reason: str) -> None:
        """Note passages (id and document) that do not go on."""
        room = MOST_TOLD - len(self.left_out)
        self.left_out += [
            LeftOut(chunk_id=chunk, document=name, reason=reason) for chunk, name in passages[: max(room, 0)]
        ]

"""Feedback on runs as doors see it."""

from __future__ import annotations

from datetime import datetime
from typing import Annotated

from pydantic import BaseModel, ConfigDict, Field, model_validator

from girih.language.spec.tree import JsonValue
from girih.services.runs.schemas import Printable

FeedbackKey = Annotated[Printable, Field(min_length=1, max_length=100)]
"""What feedback is about, as the app names it: `helpful`, `tone`."""


MOST_KEYS = 20
"""So many keys one stream gives links for."""


class FeedbackIn(BaseModel):
    """What a user says: at least one of the three. Sent again, it replaces what was said before."""

    model_config = ConfigDict(extra="forbid")

    score: Annotated[float | None, Field(allow_inf_nan=False)] = None
    value: Annotated[str, Field(max_length=1000)] | Annotated[float, Field(allow_inf_nan=False)] | bool | None = None
    comment: Annotated[str | None, Field(max_length=10_000)] = None

    @model_validator(mode="after")
    def _something(self) -> FeedbackIn:
        if self.score is None and self.value is None and self.comment is None:
            raise ValueError("give a `score`, a `value` or a `comment`")
        return self


class FeedbackOut(BaseModel):
    """What was said of a run under a key."""

    key: str
    score: float | None = None
    value: JsonValue = None
    comment: str | None = None
    given_at: datetime


class FeedbackList(BaseModel):
    """What was said of a run, by key."""

    items: list[FeedbackOut]

"""What bodies and lists of the API have in common."""

from __future__ import annotations

from typing import Generic, TypeVar

from pydantic import BaseModel, ConfigDict, Field

T = TypeVar("T")


class Body(BaseModel):
    """A request body: a field that is not known is refused, so that a misspelt one is never ignored."""

    model_config = ConfigDict(extra="forbid")


class Page(BaseModel, Generic[T]):
    """A part of a list, and the cursor of the next part."""

    items: list[T]
    next: str | None = Field(default=None, description="Send it as `cursor` for the next part; `null` at the end.")

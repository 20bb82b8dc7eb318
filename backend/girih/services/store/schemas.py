"""What the store takes and gives."""

from __future__ import annotations

from datetime import datetime
from typing import Annotated, Literal

from pydantic import BaseModel, ConfigDict, Field

from girih.language.spec.durations import LONGEST_DURATION
from girih.language.spec.tree import JsonObject

Label = Annotated[str, Field(min_length=1, max_length=200, pattern=r"^[^.\x00]+$")]
"""A label of a namespace: no period, they are joined by periods in addresses."""

Namespace = Annotated[list[Label], Field(min_length=1, max_length=20)]
Prefix = Annotated[list[Label], Field(max_length=20)]
Key = Annotated[str, Field(min_length=1, max_length=500, pattern=r"^[^\x00]+$")]
Index = Annotated[list[Annotated[str, Field(min_length=1, max_length=200)]], Field(max_length=50)] | Literal[False]
Ttl = Annotated[float | None, Field(gt=0, le=LONGEST_DURATION)]
Limit = Annotated[int, Field(ge=1, le=1000)]
Offset = Annotated[int, Field(ge=0, le=1_000_000)]


class _Strict(BaseModel):
    model_config = ConfigDict(extra="forbid")


class ItemIn(_Strict):
    """An item to keep, in the place of the one under that key.

    `index`: the places in `value` whose texts it is found by (`title`, `author.name`, `chapters[*].text`; `$` is the
    whole); none with `false`. `ttl`: seconds after its last use at which it is gone.
    """

    namespace: Namespace
    key: Key
    value: JsonObject
    index: Index = ["$"]
    ttl: Ttl = None


class ItemsWanted(_Strict):
    """Which items: below a prefix of labels, whose values fit the filter; by meaning where there is a query.

    `filter`: name → value, or name → `{$eq, $ne, $gt, $gte, $lt, $lte: value}`; all have to hold.
    """

    namespace_prefix: Prefix = []
    filter: Annotated[JsonObject | None, Field(max_length=50)] = None
    query: Annotated[str | None, Field(max_length=20_000)] = None
    limit: Limit = 10
    offset: Offset = 0
    refresh_ttl: bool = True


class NamespacesWanted(_Strict):
    """Which namespaces: that begin and end with these labels (`*` is any one), cut off after `max_depth` of them."""

    prefix: Prefix | None = None
    suffix: Prefix | None = None
    max_depth: Annotated[int | None, Field(ge=1, le=20)] = None
    limit: Limit = 100
    offset: Offset = 0


class ItemOut(BaseModel):
    """An item as it stands; `score` is its similarity to the query, at most 1, where it was found by one."""

    namespace: list[str]
    key: str
    value: JsonObject
    created_at: datetime
    updated_at: datetime
    expires_at: datetime | None = None
    score: float | None = None


class ItemList(BaseModel):
    """Items: the nearest first where there was a query, else those that were written last."""

    items: list[ItemOut]


class NamespaceList(BaseModel):
    """Namespaces, in order of their labels."""

    namespaces: list[list[str]]

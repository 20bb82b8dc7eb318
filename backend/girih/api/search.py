"""Search in a collection."""

from __future__ import annotations

from typing import Annotated, Any

from pydantic import BaseModel, Field

from girih.api.deps import GuardedRoute, Wired, requires
from girih.api.routers import Router
from girih.api.shapes import Body
from girih.db.tenancy import OrgScope
from girih.errors import InvalidInput
from girih.language.nodes.ports import Asker, SearchMode, SearchRequest
from girih.services.knowledge.explain import Explanation

router = Router(prefix="/collections", tags=["knowledge"], route_class=GuardedRoute)

Reader = Annotated[OrgScope, requires("knowledge:read")]
Name = Annotated[str, Field(min_length=1, max_length=200)]

MOST_CHOSEN = 200
"""Hits of a search that compares candidates with each other, shows them to somebody, or reads around them."""


class AskerIn(Body):
    """For whom a search is made. Without anybody, only documents that everybody may read are found."""

    user: Name | None = None
    groups: list[Name] = Field(default_factory=list, max_length=200)
    roles: list[Name] = Field(default_factory=list, max_length=200)


class SearchIn(Body):
    """A question to a collection."""

    query: Annotated[str, Field(min_length=1, max_length=10_000)]
    top_k: Annotated[
        int, Field(ge=1, le=1000, description=f"At most {MOST_CHOSEN} with `diversity`, `neighbours` or `rerank`.")
    ] = 8
    mode: SearchMode = "hybrid"
    min_score: float | None = Field(default=None, description="Hits below it are left out, in the scale of the mode.")
    filter: Annotated[str | None, Field(max_length=4000)] = Field(
        default=None, description="`metadata.year >= 2020 && document.name.startsWith('handbook/')`"
    )
    asker: AskerIn = AskerIn()
    diversity: Annotated[float, Field(ge=0, le=1)] = 0.0
    neighbours: Annotated[int, Field(ge=0, le=5)] = 0
    rewrite: Name | None = Field(default=None, description="A logical model that puts the question into other words.")
    queries: Annotated[int, Field(ge=1, le=5)] = Field(default=2, description="How many other wordings are asked.")
    rerank: Name | None = Field(default=None, description="`model://NAME` or `endpoint://NAME`")
    explain: bool = False

    @property
    def request(self) -> dict[str, Any]:
        """As a `SearchRequest` takes it. Raises `InvalidInput` for more hits than the way to choose them is fit for."""
        if self.top_k > MOST_CHOSEN and (self.diversity or self.neighbours or self.rerank):
            raise InvalidInput(
                f"`top_k` is {self.top_k}: with `diversity`, `neighbours` or `rerank` there are {MOST_CHOSEN} at most",
                help="ask for fewer hits, or for all of them without",
            )
        asked = self.model_dump(exclude={"asker", "explain", "rewrite", "rerank"})
        asker = Asker(self.asker.user, tuple(self.asker.groups), tuple(self.asker.roles))
        chosen = {key: (name,) if name else () for key, name in (("rewrite", self.rewrite), ("rerank", self.rerank))}
        return asked | {"asker": asker} | chosen


class ScoresOut(BaseModel):
    """What a hit's score is made of, as far as it applies."""

    vector_rank: int | None = None
    vector_score: float | None = None
    keyword_rank: int | None = None
    keyword_score: float | None = None
    fused: float | None = None
    rerank: float | None = None


class HitOut(BaseModel):
    """A passage that answers, and where it stands in its document."""

    chunk_id: str
    document_id: str
    document: str
    version: int = Field(description="Counts the document's contents.")
    text: str
    score: float
    place: dict[str, Any] = Field(description="What is known of `page`, `heading`, `start` and `end`.")
    metadata: dict[str, Any]
    scores: ScoresOut


class HitsOut(BaseModel):
    """The best passages, best first; with `explain`, how they were found."""

    hits: list[HitOut]
    explanation: Explanation | None = None


@router.post("/{name}/search", operation_id="search_collection")
async def search_collection(girih: Wired, scope: Reader, name: str, body: SearchIn) -> HitsOut:
    """The passages of a collection that answer best."""
    searches = girih.knowledge.searches
    ask = searches.explained if body.explain else searches.search
    found = await ask(scope, SearchRequest(collection=name, **body.request))
    hits = [HitOut.model_validate(hit.as_dict()) for hit in found.hits]
    return HitsOut(hits=hits, explanation=found.explanation if body.explain else None)

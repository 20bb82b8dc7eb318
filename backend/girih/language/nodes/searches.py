"""What is asked of a collection, for whom, and what comes back."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Literal

from girih.language.spec.tree import JsonObject

SearchMode = Literal["hybrid", "vector", "keyword"]


@dataclass(frozen=True)
class Asker:
    """For whom a search is made: a user, the groups that user is in, and the roles that user has.

    Documents that name readers are found by these alone; nobody in particular finds what everybody may read.
    """

    user: str | None = None
    groups: tuple[str, ...] = ()
    roles: tuple[str, ...] = ()

    @property
    def principals(self) -> list[str]:
        """As documents name their readers: `user:ID`, `group:NAME`, `role:NAME`."""
        user = [f"user:{self.user}"] if self.user is not None else []
        return [*user, *(f"group:{name}" for name in self.groups), *(f"role:{name}" for name in self.roles)]


NOBODY = Asker()


@dataclass(frozen=True)
class SearchRequest:
    """One question to a collection.

    `filter` narrows the search to documents (see `language.filters`); `given` are the values of the names that it may
    speak besides a document's. `diversity` (0 to 1) trades likeness to the question for difference between hits.
    `neighbours` passages before and after each hit are joined to it. `rewrite` are the logical models, in order of
    preference, that put the question into `queries` other wordings, which are asked beside it. `rerank` is what orders
    the best anew: such models as `model://NAME`, or one `endpoint://NAME`.
    """

    collection: str
    query: str
    top_k: int = 8
    mode: SearchMode = "hybrid"
    min_score: float | None = None
    filter: str | None = None
    given: JsonObject = field(default_factory=dict)
    asker: Asker = NOBODY
    diversity: float = 0.0
    neighbours: int = 0
    rewrite: tuple[str, ...] = ()
    queries: int = 2
    rerank: tuple[str, ...] = ()


@dataclass(frozen=True)
class Hit:
    """A chunk that answers: its text, its score (higher is better), and its place in the document.

    `place` holds what is known of `page` (from 1), `heading` (path of headings, outermost first), `start` and `end`
    (character offsets in the parsed text). `version` counts the document's contents. `scores` holds what the score is
    made of, as far as it applies: `vector_rank`, `vector_score`, `keyword_rank`, `keyword_score`, `fused`, `rerank`.
    """

    chunk_id: str
    document_id: str
    document: str
    text: str
    score: float
    place: JsonObject
    version: int = 1
    metadata: JsonObject = field(default_factory=dict)
    scores: JsonObject = field(default_factory=dict)

    def as_dict(self) -> JsonObject:
        """The form a graph sees."""
        return {
            "chunk_id": self.chunk_id,
            "document_id": self.document_id,
            "document": self.document,
            "text": self.text,
            "score": self.score,
            "place": self.place,
            "version": self.version,
            "metadata": self.metadata,
            "scores": self.scores,
        }

"""`retrieve`: searches a collection and returns the passages that answer, each with its place in the document."""

from __future__ import annotations

from collections.abc import Iterable
from typing import ClassVar

from girih.errors import NodeError
from girih.language.nodes.base import STRING, NodeConfig, NodeKind, Scope, Slot, Use, object_of
from girih.language.nodes.ports import NodeContext, SearchMode, SearchRequest
from girih.language.spec.model import Name
from girih.language.spec.tree import JsonObject, JsonSchema, JsonValue

PLACE: JsonSchema = object_of(
    {
        "page": {"type": "integer"},
        "heading": {"type": "array", "items": STRING},
        "start": {"type": "integer"},
        "end": {"type": "integer"},
    },
    optional=("page", "heading", "start", "end"),
)
HIT: JsonSchema = object_of(
    {
        "chunk_id": STRING,
        "document_id": STRING,
        "document": STRING,
        "text": STRING,
        "score": {"type": "number"},
        "place": PLACE,
    }
)

_MOST = 50


class RetrieveConfig(NodeConfig):
    """`retrieve: NAME` of a collection in `use:`, and the question."""

    retrieve: Name
    query: str
    top_k: int | str = 8
    mode: SearchMode = "hybrid"
    min_score: float | str | None = None


class RetrieveNode(NodeKind[RetrieveConfig]):
    """Searches a collection and returns its best passages.

    `query` is what to look for, `top_k` how many passages at the most (1 to 50). `mode` is `hybrid` (meaning and words
    together, the default), `vector` or `keyword`. With `min_score`, weaker passages are left out; a score is the cosine
    similarity for `vector`, BM25 for `keyword`, and fused ranks from 0 to 1 for `hybrid`. Each hit names its document
    and its place there (page or heading), so that an answer can cite it. No hit is no error: `hits` is empty.
    """

    verb: ClassVar[str] = "retrieve"
    Config = RetrieveConfig
    example: ClassVar[str] = """\
search:
  retrieve: kb
  query: "${ inputs.question }"
  top_k: 5
  next: $end
"""

    def uses(self, config: RetrieveConfig) -> Iterable[Use]:
        yield Use(("retrieve",), config.retrieve, "knowledge")

    def slots(self, config: RetrieveConfig, scope: Scope) -> Iterable[Slot]:
        yield Slot("query", ("query",), config.query, STRING)
        yield Slot("top_k", ("top_k",), config.top_k, {"type": "integer", "minimum": 1, "maximum": _MOST})
        if config.min_score is not None:
            yield Slot("min_score", ("min_score",), config.min_score, {"type": "number"})

    def returns(self, config: RetrieveConfig, scope: Scope) -> JsonSchema:
        return object_of({"hits": {"type": "array", "items": HIT}})

    def completed(self, mock: JsonObject) -> JsonObject:
        """A hit needs its text and its document; the rest tells hits apart."""
        hits = mock.get("hits")
        return (
            {**mock, "hits": [_completed(hit, i) for i, hit in enumerate(hits, 1)]} if isinstance(hits, list) else mock
        )

    def lower(self, config: RetrieveConfig, scope: Scope) -> JsonObject:
        return {
            "collection": scope.knowledge.get(config.retrieve, ""),
            "mode": config.mode,
        }

    async def run(self, settings: JsonObject, values: JsonObject, ctx: NodeContext) -> JsonObject:
        if not 1 <= values["top_k"] <= _MOST:
            raise NodeError(
                "invalid_output",
                f"top_k must be 1 to {_MOST}, it is {values['top_k']}",
                help="bound it in the expression",
                can_pass=False,
            )
        request = SearchRequest(
            collection=settings["collection"],
            query=values["query"],
            top_k=values["top_k"],
            mode=settings["mode"],
            min_score=values.get("min_score"),
        )
        hits = [hit.as_dict() for hit in await ctx.ports.retriever.search(request)]
        ctx.emit("retrieval.finished", {"collection": request.collection, "query": request.query, "hits": hits})
        return {"hits": hits}


def _completed(hit: JsonValue, number: int) -> JsonValue:
    if not isinstance(hit, dict):
        return hit
    return {"chunk_id": f"chunk-{number}", "document_id": f"document-{number}", "score": 1.0, "place": {}, **hit}

"""`retrieve`: searches a collection and returns the passages that answer, each with its place in the document."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Annotated, ClassVar

from pydantic import Field

from girih.errors import NodeError
from girih.language.expressions.names import Finding
from girih.language.filters.marks import mark, name_of, retold
from girih.language.filters.reader import read_filter
from girih.language.nodes.base import STRING, NodeConfig, NodeKind, Scope, Slot, Use, object_of
from girih.language.nodes.ports import NodeContext, SearchMode, SearchRequest
from girih.language.spec.model import Name
from girih.language.spec.tree import JsonObject, JsonSchema, JsonValue, Path

SCORES: JsonSchema = object_of(
    {
        "vector_rank": {"type": "integer"},
        "vector_score": {"type": "number"},
        "keyword_rank": {"type": "integer"},
        "keyword_score": {"type": "number"},
        "fused": {"type": "number"},
        "rerank": {"type": "number"},
    },
    optional=("vector_rank", "vector_score", "keyword_rank", "keyword_score", "fused", "rerank"),
)
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
        "version": {"type": "integer"},
        "metadata": {"type": "object"},
        "scores": SCORES,
    }
)

_MOST = 50
_MOST_NEIGHBOURS = 5
_MOST_QUERIES = 5
_ENDPOINT = "endpoint://"


class RetrieveConfig(NodeConfig):
    """`retrieve: NAME` of a collection in `use:`, and the question."""

    retrieve: Name
    query: str
    top_k: int | str = 8
    mode: SearchMode = "hybrid"
    min_score: float | str | None = None
    filter: str | None = None
    diversity: Annotated[float, Field(ge=0, le=1)] = 0.0
    neighbours: Annotated[int, Field(ge=0, le=_MOST_NEIGHBOURS)] = 0
    rewrite: Name | None = None
    queries: Annotated[int, Field(ge=1, le=_MOST_QUERIES)] = 2
    rerank: str | None = None


class RetrieveNode(NodeKind[RetrieveConfig]):
    """Searches a collection and returns its best passages.

    `query` is what to look for, `top_k` how many passages at the most (1 to 50). `mode` is `hybrid` (meaning and words
    together, the default), `vector` or `keyword`. With `min_score`, weaker passages are left out; a score is the cosine
    similarity for `vector`, BM25 for `keyword`, and both blended from 0 to 1 for `hybrid`. Each hit names its document
    and its place there (page or heading), so that an answer can cite it. No hit is no error: `hits` is empty.

    `filter` narrows the search to documents, by their metadata and their own fields:
    `metadata.year >= 2020 && document.name.startsWith('handbook/')`. A value of the graph stands in `${ … }`:
    `metadata.lang in ${ inputs.languages }`. It is checked against the collection's `metadata:`. A run finds only
    documents that its `user`, and the `groups` and `roles` of its metadata, may read.

    `diversity` (0 to 1) prefers passages that say something else than the better ones; `neighbours` joins so many
    passages before and after each hit to it. `rewrite` names a model of `use:` that puts the question into `queries`
    other wordings, which are asked as well; `rerank` names one that orders the best passages anew, or
    `endpoint://NAME`, a service of the operator. Where either fails, the search goes on without it.
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
        if config.rewrite is not None:
            yield Use(("rewrite",), config.rewrite, "model")
        if config.rerank is not None and not config.rerank.startswith(_ENDPOINT):
            yield Use(("rerank",), config.rerank, "model")

    def slots(self, config: RetrieveConfig, scope: Scope) -> Iterable[Slot]:
        yield Slot("query", ("query",), config.query, STRING)
        yield Slot("top_k", ("top_k",), config.top_k, {"type": "integer", "minimum": 1, "maximum": _MOST})
        if config.min_score is not None:
            yield Slot("min_score", ("min_score",), config.min_score, {"type": "number"})
        if config.filter is not None:
            yield Slot("filter", ("filter",), config.filter, apart=True)

    def faults(self, config: RetrieveConfig, scope: Scope) -> Iterable[tuple[Path, Finding]]:
        if config.filter is None:
            return
        marked = mark(config.filter)
        given = {name: scope.infer(f"${{ {text} }}") for name, text in marked.values.items()}
        schema = scope.metadata.get(scope.knowledge.get(config.retrieve, ""))
        for finding in read_filter(marked.text, schema, given).findings:
            yield ("filter",), retold(finding, marked)

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
        } | _wishes(config, scope)

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
            filter=settings.get("filter"),
            given={name_of(place): value for place, value in enumerate(values.get("filter", ()))},
            diversity=settings.get("diversity", 0.0),
            neighbours=settings.get("neighbours", 0),
            rewrite=tuple(settings.get("rewrite", ())),
            queries=settings.get("queries", 2),
            rerank=tuple(settings.get("rerank", ())),
        )
        hits = [hit.as_dict() for hit in await ctx.ports.retriever.search(request, ctx.ports.models)]
        ctx.emit("retrieval.finished", {"collection": request.collection, "query": request.query, "hits": hits})
        return {"hits": hits}


def _wishes(config: RetrieveConfig, scope: Scope) -> JsonObject:
    """What the author asks for besides a plain search; what nobody asked for stays out of the plan."""
    asked: JsonObject = {
        "filter": mark(config.filter).text if config.filter is not None else None,
        "diversity": config.diversity,
        "neighbours": config.neighbours,
    }
    if config.rewrite is not None:
        asked |= {"rewrite": list(scope.models.get(config.rewrite, ())), "queries": config.queries}
    if config.rerank is not None:
        names = scope.models.get(config.rerank, ())
        is_service = config.rerank.startswith(_ENDPOINT)
        asked["rerank"] = [config.rerank] if is_service else [f"model://{name}" for name in names]
    return {key: value for key, value in asked.items() if value}


def _completed(hit: JsonValue, number: int) -> JsonValue:
    if not isinstance(hit, dict):
        return hit
    told = {"chunk_id": f"chunk-{number}", "document_id": f"document-{number}", "score": 1.0, "place": {}}
    return {**told, "version": 1, "metadata": {}, "scores": {}, **hit}

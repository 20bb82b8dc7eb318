"""Search as a whole: a request in, hits and how they were found out."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from dataclasses import dataclass, replace
from typing import TypeAlias

from girih.db.tenancy import OrgScope
from girih.db.unit_of_work import UnitOfWork, Work
from girih.errors import InvalidInput, Unavailable
from girih.language.filters.reader import Reading, read_filter
from girih.language.filters.wording import worded
from girih.language.nodes.ports import Hit, Models, SearchRequest
from girih.providers.embeddings.ladder import Embedders
from girih.providers.parsers.document import clean
from girih.providers.stores.base import VectorStores
from girih.services.knowledge import finding, repository
from girih.services.knowledge.explain import Course, Explanation, told_of
from girih.services.knowledge.filters import both, where_of
from girih.services.knowledge.identities import dims_of, embedder_of
from girih.services.knowledge.neighbours import with_neighbours
from girih.services.knowledge.outside import Outside
from girih.services.knowledge.readers import asker_of, readers_where
from girih.services.knowledge.remarks import remarks
from girih.services.knowledge.rerank import MODEL, NoRerankers, Rerankers, check_reranker, reordered
from girih.services.knowledge.rewriting import Rewriting, rewritten
from girih.services.knowledge.search import Looking, Question, candidates, with_view
from girih.services.knowledge.selection import chosen, good_enough, in_order, note_shown, pool_of, without_repeats
from girih.services.knowledge.tables import SearchIndex
from girih.services.knowledge.where import Where

ModelsOf: TypeAlias = Callable[[OrgScope], Awaitable[Models]]
"""The chat models of a project, for searches that no run makes."""

_SWITCHES = 3
"""How often a search begins anew because another index became the active one meanwhile."""


@dataclass(frozen=True)
class Asked:
    """The index to search in, the filter as it was understood, the principals that count, and both as a condition."""

    source: SearchIndex
    filter: str | None
    readers: list[str] | None
    where: Where


@dataclass(frozen=True)
class Searched:
    """The hits, best first, and how they were found."""

    hits: list[Hit]
    explanation: Explanation


class SearchService:
    """Searches in collections. `models_of` and `rerankers` are what questions and hits may be made better by."""

    def __init__(
        self,
        uow: UnitOfWork,
        embedders: Embedders,
        *,
        outside: Outside | None = None,
        models_of: ModelsOf | None = None,
        rerankers: Rerankers | None = None,
    ) -> None:
        self._uow = uow
        self._embedders = embedders
        self._outside = outside or Outside(uow, VectorStores())
        self._models_of = models_of
        self._rerankers = rerankers or NoRerankers()

    async def explained(self, scope: OrgScope, request: SearchRequest) -> Searched:
        """The same as `search`, with remarks on why nothing was found, or not everything."""
        searched = await self.search(scope, request)
        told = searched.explanation
        async with self._uow(scope) as work:
            asked = await _asked(work, scope, request)
            narrowed = asked.where.narrows
            said = await remarks(work, asked.source, told.questions, request.mode, told.legs, narrowed=narrowed)
        return Searched(searched.hits, told.model_copy(update={"remarks": said}))

    async def search(self, scope: OrgScope, request: SearchRequest, models: Models | None = None) -> Searched:
        """The passages that answer best (see `candidates` on scores). `models` are the asker's own, else the project's.

        Raises `NotFound`, `InvalidInput` (a filter that cannot be read, with its place), `Unavailable`, `Conflict` (an
        embedder that gives other vectors than the index holds), and `NodeError` when nothing more may be spent on
        models.
        """
        request = replace(request, query=clean(request.query), asker=asker_of(scope, request.asker))
        check_reranker(request.rerank)
        course = Course()
        async with self._uow(scope) as work:
            asked = await _asked(work, scope, request)
        if not request.query.strip() or asked.source.passages == 0:
            return Searched([], _explanation(request, asked, Rewriting((request.query,)), course))
        models = await self._models(scope, request, models)
        with course.timed("rewrite"):
            rewriting = await _rewriting(request, models)
        asked, found = await self._candidates(scope, request, asked, rewriting, course)
        found = without_repeats(good_enough(found, request.min_score, course))
        hits = chosen(await self._reranked(request, found, models, course), request, course)
        hits = await self._wider(scope, asked.source, request, hits, course)
        return Searched(hits, _explanation(request, asked, rewriting, course))

    async def _models(self, scope: OrgScope, request: SearchRequest, models: Models | None) -> Models | None:
        needed = bool(request.rewrite) or any(name.startswith(MODEL) for name in request.rerank)
        if models is not None or not needed or self._models_of is None:
            return models
        return await self._models_of(scope)

    async def _candidates(
        self, scope: OrgScope, request: SearchRequest, asked: Asked, rewriting: Rewriting, course: Course
    ) -> tuple[Asked, list[Hit]]:
        """The candidates, found with vectors of the embedder whose vectors the searched index holds."""
        for left in reversed(range(_SWITCHES)):
            questions = await self._questions(asked.source, request, rewriting, course)
            looking = Looking(request.mode, pool_of(request), asked.where)
            vectors = [question.vector for question in questions if question.vector is not None]
            with course.timed("store"):
                view = await self._outside.look(scope, asked.source, asked.where, vectors, looking.depth)
            # Both rankings and the texts of their hits are read at one moment: passages are swapped meanwhile.
            async with self._uow.snapshot(scope) as work:
                now = await _asked(work, scope, request)
                is_same = now.source.id == asked.source.id
                if is_same and (left == 0 or await self._outside.holds(work, now.source, view)):
                    questions = with_view(questions, view)
                    looking = replace(looking, where=now.where)
                    return now, await candidates(work, now.source, questions, looking, course)
                asked = now
        raise Unavailable("the collection is given one new index after another", help="try again in a moment")

    async def _questions(
        self, source: SearchIndex, request: SearchRequest, rewriting: Rewriting, course: Course
    ) -> list[Question]:
        if request.mode == "keyword":
            return [Question(text) for text in rewriting.questions]
        # Outside of any transaction: a slow embedder must not hold a connection.
        with course.timed("embed"):
            embedder = await embedder_of(source, self._embedders)
            vectors = await embedder.embed(rewriting.questions)
        dims_of(source, embedder, vectors)
        return [Question(text, vector) for text, vector in zip(rewriting.questions, vectors, strict=True)]

    async def _reranked(
        self, request: SearchRequest, found: list[Hit], models: Models | None, course: Course
    ) -> list[Hit]:
        if not request.rerank:
            return found
        with course.timed("rerank"):
            texts = [hit.text for hit in found]
            order = await reordered(request.query, texts, request.rerank, models, self._rerankers)
        return in_order(found, order, course)

    async def _wider(
        self, scope: OrgScope, source: SearchIndex, request: SearchRequest, hits: list[Hit], course: Course
    ) -> list[Hit]:
        if request.neighbours == 0 or not hits:
            return hits
        async with self._uow(scope) as work:
            with course.timed("neighbours"):
                wider = await with_neighbours(work, source, hits, request.neighbours)
        note_shown(hits, wider, course)
        return wider


async def _asked(work: Work, scope: OrgScope, request: SearchRequest) -> Asked:
    """The index to search in, and what narrows the search: the filter, and who asks."""
    collection = await finding.collection(work, scope, request.collection)
    source = await repository.active_index(work, collection)
    readable = await readers_where(work, source, request.asker)
    readers = request.asker.principals if readable.narrows else None
    if request.filter is None or not request.filter.strip():
        return Asked(source, None, readers, readable)
    reading = read_filter(request.filter, collection.metadata_schema, {name: {} for name in request.given})
    if reading.filter is None:
        raise unreadable(reading)
    return Asked(source, worded(reading.filter), readers, both(readable, where_of(reading.filter, request.given)))


def unreadable(reading: Reading) -> InvalidInput:
    """The refusal of a filter: its first fault and where it is, the others in the details."""
    first = reading.findings[0]
    return InvalidInput(
        f"`filter`, column {first.offset + 1}: {first.message}",
        help=first.help,
        findings=[
            {"message": f.message, "column": f.offset + 1, "length": f.length, "help": f.help} for f in reading.findings
        ],
    )


async def _rewriting(request: SearchRequest, models: Models | None) -> Rewriting:
    if not request.rewrite or request.queries == 0:
        return Rewriting((request.query,))
    if models is None:
        return Rewriting((request.query,), request.rewrite[0], fault="there are no models to ask here")
    return await rewritten(request.query, request.queries, request.rewrite, models)


def _explanation(request: SearchRequest, asked: Asked, rewriting: Rewriting, course: Course) -> Explanation:
    told = told_of(MODEL + rewriting.model, rewriting.usage, rewriting.fault) if rewriting.model else None
    return Explanation(
        mode=request.mode,
        embedder=asked.source.embedder_model,
        language=asked.source.made_by.language,
        questions=list(rewriting.questions),
        filter=asked.filter,
        readers=asked.readers,
        rewrite=told,
        rerank=course.rerank,
        legs=course.legs,
        left_out=course.left_out,
        milliseconds=course.milliseconds,
    )

"""Why a search finds nothing, or not everything, in words: what its collection lacks, and what its question does."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from sqlalchemy import text

from girih.db.unit_of_work import Work
from girih.language.nodes.ports import SearchMode
from girih.services.knowledge import document_repository, index_rows
from girih.services.knowledge.explain import LegTold
from girih.services.knowledge.lexemes import wording_of
from girih.services.knowledge.tables import Collection, SearchIndex

_ENDED = frozenset({"ready", "failed"})
"""States of documents of which nothing more is to come."""

_WORDS = text("SELECT length(to_tsvector(CAST(:configuration AS regconfig), :query))")


async def remarks(
    work: Work,
    source: SearchIndex,
    questions: Sequence[str],
    mode: SearchMode,
    legs: Sequence[LegTold],
    *,
    narrowed: bool,
) -> list[str]:
    """What is to be said of a search in that index; `narrowed` if a filter or readers leave some documents out."""
    if not any(question.strip() for question in questions):
        return ["the question is blank"]
    said = list(_of_documents(await document_repository.by_status(work, source.collection_id), source))
    said += await _of_building(work, source)
    if source.passages == 0:
        return said
    if mode != "vector" and not any(leg.found for leg in legs if leg.by == "keyword"):
        said.append(await _of_words(work, source, questions, narrowed=narrowed))
    if narrowed and mode != "keyword" and not any(leg.found for leg in legs):
        said.append("the filter and the readers of the documents leave no passage at all")
    return said


def _of_documents(by_status: dict[str, int], source: SearchIndex) -> Iterator[str]:
    if not by_status:
        yield "the collection has no documents: upload some"
        return
    coming = sum(count for status, count in by_status.items() if status not in _ENDED)
    failed = by_status.get("failed", 0)
    if coming:
        yield f"{_documents(coming)} being brought in, and not found before that is done"
    if failed and source.passages == 0:
        yield f"{_documents(failed, 'has', 'have')} failed: see their reasons"
    if not coming and not failed and source.passages == 0:
        yield "the documents of the collection hold no passages"


async def _of_building(work: Work, source: SearchIndex) -> list[str]:
    collection = await work.session.get_one(Collection, source.collection_id)
    said = []
    for one in await index_rows.indexes(work, collection):
        if one.status == "building":
            far = await index_rows.progress(work, one)
            said.append(
                f"index {one.number} is being built ({far.done} of {_documents(far.total, '', '')}); "
                f"index {source.number} is searched until it is complete"
            )
    return said


async def _of_words(work: Work, source: SearchIndex, questions: Sequence[str], *, narrowed: bool) -> str:
    asked = [wording_of(question, source.made_by) for question in questions]
    lengths = [
        await work.session.scalar(_WORDS, {"configuration": each.configuration, "query": each.text}) for each in asked
    ]
    if not any(lengths):
        return "the question has no word that is looked for: signs and the commonest words of a language are not"
    where = "a passage that the filter and the readers of the documents leave" if narrowed else "any passage"
    return f"no word of the question stands in {where}"


def _documents(count: int, one: str = "is", many: str = "are") -> str:
    return f"{count} document {one}".rstrip() if count == 1 else f"{count} documents {many}".rstrip()

"""The passages of a document in the database: one swap in a transaction, and what hangs on them goes with them."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Iterator, Sequence
from typing import Any
from uuid import UUID, uuid5

from sqlalchemy import text

from girih.db.halfvecs import halfvec, take_halfvecs
from girih.db.unit_of_work import Work
from girih.language.spec.tree import JsonObject
from girih.services.knowledge.chunking import Passage
from girih.services.knowledge.identities import require_lengths
from girih.services.knowledge.lexemes import passage_wording
from girih.services.knowledge.postings import TERM, keep_up
from girih.services.knowledge.tables import Document, SearchIndex

_BATCH = 256

_THERE = text("""
SELECT id, ordinal, page, heading, start, "end", notes
FROM chunks WHERE org_id = :org_id AND index_id = :index_id AND document_id = :document_id
""")

# A trigger deletes all that hangs on them, and counts the index down (see migration 0026).
_DELETE = text("DELETE FROM chunks WHERE org_id = :org_id AND index_id = :index_id AND id = ANY(:ids)")

_DELETE_ALL = text("DELETE FROM chunks WHERE org_id = :org_id AND index_id = :index_id AND document_id = :document_id")

_DELETE_SOME = text("""
WITH gone AS (
  DELETE FROM chunks WHERE org_id = :org_id AND id IN (
    SELECT id FROM chunks WHERE org_id = :org_id AND index_id = :index_id ORDER BY document_id LIMIT :at_most)
  RETURNING 1
)
SELECT count(*) FROM gone
""")

_PLACES = """
unnest(CAST(:ids AS uuid[]), CAST(:ordinals AS int[]), CAST(:pages AS int[]), CAST(:headings AS text[]),
       CAST(:starts AS int[]), CAST(:ends AS int[]), CAST(:notes AS text[]))
  AS p (id, ordinal, page, heading, start, "end", notes)
"""

_MOVE = text(
    """
UPDATE chunks c
SET ordinal = p.ordinal, page = p.page, heading = CAST(p.heading AS jsonb), start = p.start, "end" = p.end,
    notes = CAST(p.notes AS jsonb)
FROM {places}
WHERE c.org_id = :org_id AND c.index_id = :index_id AND c.document_id = :document_id AND c.id = p.id
""".replace("{places}", _PLACES)
)

_INSERT_CHUNKS = text(
    """
INSERT INTO chunks (id, org_id, index_id, document_id, ordinal, text, page, heading, start, "end", notes)
SELECT p.id, :org_id, :index_id, :document_id, p.ordinal, t.text, p.page, CAST(p.heading AS jsonb), p.start, p.end,
       CAST(p.notes AS jsonb)
FROM {places} JOIN unnest(CAST(:ids AS uuid[]), CAST(:texts AS text[])) AS t (id, text) USING (id)
""".replace("{places}", _PLACES)
)

# COPY FROM is refused under row-level security; arrays in binary form are nearly as fast.
_VECTORS = "unnest(CAST(:ids AS uuid[]), CAST(:vectors AS halfvec[])) AS v (id, embedding)"

_INSERT_VECTORS = text(
    """
INSERT INTO chunk_vectors (shelf, org_id, index_id, chunk_id, embedding)
SELECT :shelf, :org_id, :index_id, v.id, v.embedding FROM {vectors}
""".replace("{vectors}", _VECTORS)
)

_UPDATE_VECTORS = """
UPDATE chunk_vectors c SET embedding = v.embedding
FROM {vectors}
WHERE c.shelf = {shelf} AND c.org_id = :org_id AND c.index_id = :index_id AND c.chunk_id = v.id
  AND c.embedding IS DISTINCT FROM v.embedding
"""

_INSERT_WORDS = text(
    """
WITH kept AS (
  INSERT INTO chunk_words (org_id, index_id, chunk_id, number, words, terms)
  SELECT :org_id, :index_id, g.id,
         (SELECT numbered FROM search_indexes WHERE org_id = :org_id AND id = :index_id) + g.n,
         (SELECT coalesce(sum(t & 65535), 0) FROM unnest(g.terms) t), g.terms
  FROM (
    SELECT id, n, ARRAY(
      SELECT {term} | cardinality(l.positions)
      FROM unnest(to_tsvector(CAST(:configuration AS regconfig), body)) l ORDER BY 1) AS terms
    FROM unnest(CAST(:ids AS uuid[]), CAST(:bodies AS text[])) WITH ORDINALITY AS g (id, body, n) OFFSET 0
  ) g
  RETURNING words
)
UPDATE search_indexes s
SET passages = s.passages + k.passages, numbered = s.numbered + k.passages, words = s.words + k.words
FROM (SELECT count(*) AS passages, sum(words) AS words FROM kept) k
WHERE s.org_id = :org_id AND s.id = :index_id
RETURNING s.numbered, s.bounds
""".replace("{term}", TERM.format(lexeme="l.lexeme"))
)

# Of an index that goes, all postings at once: to take one passage after another out of them takes far longer.
_DELETE_POSTINGS = text("DELETE FROM chunk_postings WHERE org_id = :org_id AND index_id = :index_id")

_HAS_NO_POSTINGS = text(
    "UPDATE search_indexes SET bounds = ARRAY[numbered] WHERE org_id = :org_id AND id = :index_id AND bounds[2] > 0"
)

_EMPTY_SHELF = text("SELECT empty_shelf(:index_id)")


async def clear(work: Work, index: SearchIndex, document: Document) -> None:
    """Take the document's passages out of the index, which must be held."""
    await work.session.execute(_DELETE_ALL, _whose(index) | {"document_id": document.id})
    await _count_anew(work, index)


async def swap(
    work: Work, index: SearchIndex, document: Document, passages: Sequence[Passage], vectors: Sequence[Sequence[float]]
) -> None:
    """Make these the document's passages in the index, which must be held.

    A passage that is there already keeps its rows and its id, wherever it stands now: only what is new is written, and
    only what is gone is deleted. Vectors that are kept on another store lie there already (see `Outside`). Raises
    `Conflict`, before anything is written, for vectors that are not all as long as those of the index.
    """
    if vectors:
        lengths = {len(vector) for vector in vectors}
        require_lengths(index, index.embedder_dims or min(lengths), lengths, "whoever embedded them")
    whose = _whose(index) | {"document_id": document.id}
    wanted = _Wanted(index, document.id, passages, vectors)
    is_here = index.made_by.store.is_database
    there = {row.id: tuple(row[1:]) for row in await work.session.execute(_THERE, whose)}
    gone = there.keys() - wanted.ordinals.keys()
    if gone:
        await work.session.execute(_DELETE, whose | {"ids": list(gone)})
    stayed = [one for one in wanted.ordinals if one in there]
    moved = [one for one in stayed if wanted.place(one) != there[one]]
    if moved:  # in one statement: on its way from one order to another the document has two passages at one place
        await work.session.execute(_MOVE, whose | wanted.places(moved))
    if is_here:
        await take_halfvecs(work.session)
    for ids in _batches(stayed if is_here else ()):
        await _revise(work, index, wanted.embeddings(ids))
    for ids in _batches([one for one in wanted.ordinals if one not in there]):
        await work.session.execute(_INSERT_CHUNKS, whose | wanted.places(ids) | {"texts": wanted.texts(ids)})
        if is_here:
            await work.session.execute(_INSERT_VECTORS, whose | wanted.embeddings(ids) | {"shelf": index.shelf})
        [counted] = await work.session.execute(_INSERT_WORDS, whose | wanted.wordings(ids))
        await keep_up(work, index, counted.numbered, counted.bounds)
    await _count_anew(work, index)


def ids_of(index: SearchIndex, document_id: UUID, passages: Sequence[Passage]) -> list[UUID]:
    """The ids that the document's passages have in the index, or will have, in their order."""
    return list(_Wanted(index, document_id, passages, ()).ordinals)


async def drop(work: Work, index: SearchIndex, at_most: int | None = None) -> bool:
    """Take all passages out of an index that nothing searches or fills any more; it must be held.

    With `at_most`, so many of them, so that a large index goes in several short transactions. Returns whether it is
    empty now.
    """
    await work.session.execute(_EMPTY_SHELF, {"index_id": index.id})
    await work.session.execute(_DELETE_POSTINGS, _whose(index))
    await work.session.execute(_HAS_NO_POSTINGS, _whose(index))
    deleted = await work.session.scalar(_DELETE_SOME, _whose(index) | {"at_most": at_most})
    await _count_anew(work, index)
    return at_most is None or int(deleted or 0) < at_most


class _Wanted:
    """What a document's passages are to be, by their ids.

    The same content gives the same id, wherever it stands and however often it is brought in: citations stay good. Of
    equal passages the second, third … in a document have ids of their own.
    """

    def __init__(
        self,
        index: SearchIndex,
        document_id: UUID,
        passages: Sequence[Passage],
        vectors: Sequence[Sequence[float]],
    ) -> None:
        self._made_by = index.made_by
        self._passages = passages
        self._vectors = vectors
        space = uuid5(index.id, str(document_id))
        seen: Counter[str] = Counter()
        self.ordinals: dict[UUID, int] = {}
        for ordinal, passage in enumerate(passages):
            wording = passage_wording(passage, self._made_by)
            content = json.dumps([wording.configuration, wording.text, passage.text])
            seen[content] += 1
            self.ordinals[uuid5(space, f"{seen[content]}:{content}")] = ordinal

    def place(self, one: UUID) -> tuple[int, int | None, list[str], int, int, JsonObject | None]:
        """Number, page, headings, start and end of a passage in the document, and its notes."""
        ordinal = self.ordinals[one]
        passage = self._passages[ordinal]
        return ordinal, passage.page, list(passage.heading), passage.start, passage.end, passage.notes

    def places(self, ids: Sequence[UUID]) -> dict[str, Any]:
        """The places of these, in columns."""
        ordinals, pages, headings, starts, ends, notes = zip(*map(self.place, ids), strict=True)
        return {
            "ids": ids,
            "ordinals": list(ordinals),
            "pages": list(pages),
            "headings": [json.dumps(heading) for heading in headings],
            "starts": list(starts),
            "ends": list(ends),
            "notes": [None if note is None else json.dumps(note) for note in notes],
        }

    def texts(self, ids: Sequence[UUID]) -> list[str]:
        """What is shown of each."""
        return [self._passages[self.ordinals[one]].text for one in ids]

    def embeddings(self, ids: Sequence[UUID]) -> dict[str, Any]:
        """The vectors of these, in columns."""
        return {"ids": ids, "vectors": [halfvec(self._vectors[self.ordinals[one]]) for one in ids]}

    def wordings(self, ids: Sequence[UUID]) -> dict[str, Any]:
        """What is to be found of each by its words."""
        wordings = [passage_wording(self._passages[self.ordinals[one]], self._made_by) for one in ids]
        bodies = [wording.text for wording in wordings]
        return {"ids": ids, "bodies": bodies, "configuration": wordings[0].configuration}


async def _revise(work: Work, index: SearchIndex, embeddings: dict[str, Any]) -> None:
    """Equal passages may have other vectors: what is put before each to embed it may have changed."""
    # The shelf as a literal, so that the other partitions are not even locked.
    statement = text(_UPDATE_VECTORS.format(vectors=_VECTORS, shelf=index.shelf))
    await work.session.execute(statement, _whose(index) | embeddings)


async def _count_anew(work: Work, index: SearchIndex) -> None:
    """Statements and a trigger have counted in the database: let the object say what it says."""
    await work.session.refresh(index, ["passages", "words", "numbered", "bounds", "shelf"])


def _whose(index: SearchIndex) -> dict[str, Any]:
    return {"org_id": index.org_id, "index_id": index.id}


def _batches(ids: Sequence[UUID]) -> Iterator[Sequence[UUID]]:
    for at in range(0, len(ids), _BATCH):
        yield ids[at : at + _BATCH]

"""The passages of a document in the database: one swap in a transaction, and the words that ranking counts."""

from __future__ import annotations

import json
from collections.abc import Sequence
from uuid import UUID, uuid5

from sqlalchemy import text

from girih.db.unit_of_work import Work
from girih.services.knowledge.chunking import Passage
from girih.services.knowledge.index_config import IndexConfig
from girih.services.knowledge.lexemes import wording_of
from girih.services.knowledge.tables import Document, SearchIndex

_BATCH = 200

_DELETE_POSTINGS = text("""
DELETE FROM chunk_postings p
USING chunks c, unnest(c.lexemes) l, chunk_terms t
WHERE c.org_id = :org_id AND c.index_id = :index_id AND c.document_id = :document_id
  AND t.org_id = :org_id AND t.index_id = :index_id AND t.term = l.lexeme
  AND p.org_id = :org_id AND p.term_id = t.id AND p.chunk_id = c.id
""")

_DELETE_CHUNKS = text("""
WITH gone AS (
  DELETE FROM chunks WHERE org_id = :org_id AND index_id = :index_id AND document_id = :document_id RETURNING words
)
SELECT count(*) AS passages, coalesce(sum(words), 0) AS words FROM gone
""")

_INSERT_CHUNKS = text("""
WITH given AS (
  SELECT *, to_tsvector(CAST(:configuration AS regconfig), searched) AS lexemes
  FROM unnest(
    CAST(:ids AS uuid[]), CAST(:ordinals AS int[]), CAST(:texts AS text[]), CAST(:searched AS text[]),
    CAST(:pages AS int[]), CAST(:headings AS text[]), CAST(:starts AS int[]), CAST(:ends AS int[]),
    CAST(:vectors AS text[])
  ) AS g (id, ordinal, body, searched, page, heading, first, last, vector)
), made AS (
  INSERT INTO chunks (id, org_id, index_id, document_id, ordinal, text, page, heading, start, "end", words, lexemes,
                      embedding)
  SELECT id, :org_id, :index_id, :document_id, ordinal, body, page, CAST(heading AS jsonb), first, last,
         (SELECT coalesce(sum(cardinality(positions)), 0) FROM unnest(lexemes)), lexemes, CAST(vector AS vector)
  FROM given
  RETURNING words
)
SELECT coalesce(sum(words), 0) FROM made
""")

_INSERT_TERMS = text("""
INSERT INTO chunk_terms (org_id, index_id, term)
SELECT DISTINCT CAST(:org_id AS uuid), CAST(:index_id AS uuid), l.lexeme
FROM chunks c, unnest(c.lexemes) l
WHERE c.org_id = :org_id AND c.index_id = :index_id AND c.document_id = :document_id
ORDER BY l.lexeme
ON CONFLICT DO NOTHING
""")

_INSERT_POSTINGS = text("""
INSERT INTO chunk_postings (org_id, term_id, chunk_id, count, words)
SELECT c.org_id, t.id, c.id, cardinality(l.positions), c.words
FROM chunks c, unnest(c.lexemes) l
JOIN chunk_terms t ON t.org_id = :org_id AND t.index_id = :index_id AND t.term = l.lexeme
WHERE c.org_id = :org_id AND c.index_id = :index_id AND c.document_id = :document_id
""")


async def clear(work: Work, index: SearchIndex, document: Document) -> None:
    """Take the document's passages out of the index, which must be held."""
    whose = {"org_id": document.org_id, "index_id": index.id, "document_id": document.id}
    await work.session.execute(_DELETE_POSTINGS, whose)
    gone = (await work.session.execute(_DELETE_CHUNKS, whose)).one()
    index.passages -= int(gone.passages)
    index.words -= int(gone.words)


async def fill(
    work: Work, index: SearchIndex, document: Document, passages: Sequence[Passage], vectors: Sequence[list[float]]
) -> None:
    """Put the document's passages into the index, which must be held and clear of it."""
    whose = {"org_id": document.org_id, "index_id": index.id, "document_id": document.id}
    for at in range(0, len(passages), _BATCH):
        rows = _columns(whose, at, passages[at : at + _BATCH], vectors[at : at + _BATCH], index.made_by)
        index.words += int(await work.session.scalar(_INSERT_CHUNKS, whose | rows) or 0)
    index.passages += len(passages)
    await work.session.execute(_INSERT_TERMS, whose)
    await work.session.execute(_INSERT_POSTINGS, whose)


def _columns(
    whose: dict[str, UUID],
    at: int,
    passages: Sequence[Passage],
    vectors: Sequence[list[float]],
    made_by: IndexConfig,
) -> dict[str, object]:
    ordinals = range(at, at + len(passages))
    space = uuid5(whose["index_id"], str(whose["document_id"]))
    return {
        # The same content gives the same ids, however often its ingestion was interrupted: citations stay good.
        "ids": [uuid5(space, f"{o}:{p.start}:{p.text}") for o, p in zip(ordinals, passages, strict=True)],
        "configuration": made_by.language,
        "ordinals": list(ordinals),
        "texts": [passage.text for passage in passages],
        "searched": [wording_of(passage.searched, made_by).text for passage in passages],
        "pages": [passage.page for passage in passages],
        "headings": [json.dumps(passage.heading) for passage in passages],
        "starts": [passage.start for passage in passages],
        "ends": [passage.end for passage in passages],
        "vectors": [json.dumps(vector) for vector in vectors],
    }

"""Words of passages as numbers, and postings made of many passages at once: what a search by words reads."""

from __future__ import annotations

from collections.abc import Sequence

from sqlalchemy import text

from girih.db.unit_of_work import Work
from girih.services.knowledge.tables import SearchIndex

SMALL, LARGE = 500, 8_000
"""Passages that get postings together: as soon as so many have none, and anew, when small segments come to so many."""

TERM = "(hashtextextended({lexeme}, 0) & -65536)"
"""A word's number: 48 bits of a hash, above 16 for how often a passage has it. Hash partitions rest on the same
function, so PostgreSQL keeps it from version to version."""

FOUND = "w.terms[width_bucket(a.term | 65535, w.terms)]"
"""The last of a passage's sorted numbers `w.terms` that may be the word `a.term`: it is if the upper 48 bits say so."""

_ENTRY = "(w.number << 31) | ((t & 1023) << 21) | w.words"
"""A passage's number, how often it has the word (255 at most: `tsvector` counts no further), and its length (which
`tsvector` holds below 2^19)."""

_DELETE = text("""
DELETE FROM chunk_postings WHERE org_id = :org_id AND index_id = :index_id AND segment >= :since
""")

_MAKE = text(
    """
INSERT INTO chunk_postings (org_id, index_id, segment, term, df, entries)
SELECT CAST(:org_id AS uuid), CAST(:index_id AS uuid), CAST(:since AS bigint), s.term, count(*), array_agg(s.entry)
FROM (
  SELECT t & -65536 AS term, {entry} AS entry
  FROM chunk_words w, unnest(w.terms) t
  WHERE w.org_id = :org_id AND w.index_id = :index_id AND w.number > :since
  ORDER BY 1
) s
GROUP BY s.term
ORDER BY s.term
""".replace("{entry}", _ENTRY)
)

_MARK = text("""
UPDATE search_indexes SET bounds = CAST(:bounds AS bigint[]) WHERE org_id = :org_id AND id = :index_id
""")


async def keep_up(work: Work, index: SearchIndex, numbered: int, bounds: Sequence[int]) -> None:
    """Make postings of the passages that have none, if those are many. The index must be held.

    `numbered` is the number that its last passage got, `bounds` where its segments begin and the last one ends.
    """
    kept = next_bounds(numbered, bounds)
    if kept == bounds:
        return
    whose = {"org_id": index.org_id, "index_id": index.id}
    await work.session.execute(_DELETE, whose | {"since": kept[-2]})
    await work.session.execute(_MAKE, whose | {"since": kept[-2]})
    await work.session.execute(_MARK, whose | {"bounds": list(kept)})


def next_bounds(numbered: int, bounds: Sequence[int]) -> Sequence[int]:
    """Where segments are to begin and the last one is to end; the same bounds if there is nothing to do.

    Small segments are made anew as one when they have come to a large one, so each passage is posted twice at most.
    """
    if numbered - bounds[-1] < SMALL:
        return bounds
    first = len(bounds) - 1
    while first > 0 and bounds[first] - bounds[first - 1] < LARGE:
        first -= 1
    if numbered - bounds[first] < LARGE:
        first = len(bounds) - 1
    return [*bounds[: first + 1], numbered]

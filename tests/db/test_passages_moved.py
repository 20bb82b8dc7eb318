"""Passages of a database from before their tables were parted are found afterwards, and again before."""

from __future__ import annotations

from sqlalchemy import text
from tests.conftest import Logins, make_scope

from girih.db.engine import make_engine, make_sessions
from girih.db.migrations import downgrade, upgrade
from girih.db.unit_of_work import UnitOfWork
from girih.services.knowledge import repository
from girih.services.knowledge.wording import by_words

BEFORE = (
    "INSERT INTO collections (id, org_id, project_id, name, description, digest, index_id) "
    "VALUES (:id, :org, :project, 'c', '', '', :id)",
    "INSERT INTO search_indexes (id, org_id, project_id, collection_id, number, status, config, passages, words) "
    "VALUES (:id, :org, :project, :id, 1, 'active', '{}', 1, 2)",
    "INSERT INTO documents (id, org_id, project_id, collection_id, name, key, size, sha256, generation, status) "
    "VALUES (:id, :org, :project, :id, 'd', 'd', 1, '', 1, 'ready')",
    'INSERT INTO chunks (id, org_id, index_id, document_id, ordinal, text, heading, start, "end", words, lexemes, '
    "embedding) VALUES (:id, :org, :id, :id, 0, 'blue parcels', '[]', 0, 12, 2, "
    "to_tsvector('english', 'blue parcels'), '[1,0.5]')",
    "INSERT INTO chunk_terms (org_id, index_id, term) VALUES (:org, :id, 'blue'), (:org, :id, 'parcel')",
    "INSERT INTO chunk_postings (org_id, term_id, chunk_id, count, words) SELECT :org, id, :id, 1, 2 FROM chunk_terms",
)


async def test_passages_move_there_and_back(empty_database: Logins) -> None:
    await upgrade(empty_database.owner, "0025")
    engine = make_engine(empty_database.app, pool_size=1)
    uow = UnitOfWork(make_sessions(engine), lambda *_: None)
    scope = await make_scope(uow)
    row = {"id": scope.project_id, "org": scope.org_id, "project": scope.project_id}
    async with uow(scope) as work:
        for statement in BEFORE:
            used = {name: value for name, value in row.items() if f":{name}" in statement}
            await work.session.execute(text(statement), used)
    await engine.dispose()

    await upgrade(empty_database.owner)
    async with uow(scope) as work:
        [vector] = await work.session.execute(text("SELECT shelf, chunk_id, embedding::text FROM chunk_vectors"))
        assert tuple(vector) == (0, scope.project_id, "[1,0.5]")
        [said] = await work.session.execute(text("SELECT words, cardinality(terms) FROM chunk_words"))
        assert tuple(said) == (2, 2)
        [counted] = await work.session.execute(text("SELECT numbered, bounds FROM search_indexes"))
        assert tuple(counted) == (1, [0, 1])
        postings = await work.session.execute(text("SELECT segment, df, entries FROM chunk_postings"))
        assert [tuple(row) for row in postings] == [(0, 1, [1 << 31 | 1 << 21 | 2])] * 2
        index = await repository.index_by_id(work, scope, scope.project_id)
        assert index is not None
        assert len(await by_words(work, index, "parcel", 5)) == 1
    await engine.dispose()

    await downgrade(empty_database.owner, "0025")
    async with uow(scope) as work:
        [chunk] = await work.session.execute(text("SELECT words, lexemes::text, embedding::text FROM chunks"))
        assert tuple(chunk) == (2, "'blue':1 'parcel':2", "[1,0.5]")
        postings = await work.session.execute(
            text(
                "SELECT t.term, p.chunk_id, p.count, p.words FROM chunk_postings p "
                "JOIN chunk_terms t ON t.org_id = p.org_id AND t.id = p.term_id ORDER BY 1"
            )
        )
        row_id = scope.project_id
        assert [tuple(row) for row in postings] == [("blue", row_id, 1, 2), ("parcel", row_id, 1, 2)]
    await engine.dispose()

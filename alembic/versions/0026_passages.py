"""Passages lie in narrow tables by what reads them, and the vectors of a large index in a partition of their own."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op
from pgvector.sqlalchemy import HALFVEC, VECTOR
from sqlalchemy.dialects import postgresql

from girih.db.tenancy import APP_ROLE, guard, readable_by, speaking_for

revision = "0026"
down_revision = "0025"
branch_labels = None
depends_on = None

ORG = "nullif(current_setting('app.org_id', true), '')::uuid"
QUOTED_ORG = ORG.replace("'", "''")

MOVE_IN = (
    # Within one organization after the other nothing would be faster: the owner is held by row-level security, too,
    # unless it is lifted for the moment.
    "INSERT INTO chunk_vectors (shelf, org_id, index_id, chunk_id, embedding) "
    "SELECT 0, org_id, index_id, id, embedding::halfvec FROM chunks",
    "INSERT INTO chunk_words (org_id, index_id, chunk_id, number, words, terms) "
    "SELECT c.org_id, c.index_id, c.id, row_number() OVER (PARTITION BY c.org_id, c.index_id ORDER BY c.created_at), "
    "c.words, ARRAY(SELECT (hashtextextended(l.lexeme, 0) & -65536) | cardinality(l.positions) "
    "FROM unnest(c.lexemes) l ORDER BY 1) FROM chunks c",
    "INSERT INTO chunk_postings (org_id, index_id, segment, term, df, entries) "
    "SELECT org_id, index_id, segment, term, count(*), array_agg(entry) FROM ("
    "SELECT w.org_id, w.index_id, (w.number - 1) / 8000 * 8000 AS segment, t & -65536 AS term, "
    "(w.number << 31) | ((t & 1023) << 21) | w.words AS entry FROM chunk_words w, unnest(w.terms) t ORDER BY 1, 2, 3, 4"
    ") s GROUP BY org_id, index_id, segment, term ORDER BY org_id, index_id, segment, term",
    "UPDATE search_indexes s SET numbered = n.last, "
    "bounds = ARRAY(SELECT generate_series(0, n.last - 1, 8000)) || n.last "
    "FROM (SELECT org_id, index_id, max(number) AS last FROM chunk_words GROUP BY org_id, index_id) n "
    "WHERE n.org_id = s.org_id AND n.index_id = s.id",
)

MOVE_OUT = (
    "UPDATE chunks c SET embedding = v.embedding::vector FROM chunk_vectors v "
    "WHERE v.org_id = c.org_id AND v.index_id = c.index_id AND v.chunk_id = c.id",
    "UPDATE chunks c SET words = w.words, lexemes = to_tsvector('english', c.text) FROM chunk_words w "
    "WHERE w.org_id = c.org_id AND w.chunk_id = c.id",
    "INSERT INTO chunk_terms (org_id, index_id, term) "
    "SELECT DISTINCT c.org_id, c.index_id, l.lexeme FROM chunks c, unnest(c.lexemes) l",
    "INSERT INTO chunk_postings (org_id, term_id, chunk_id, count, words) "
    "SELECT c.org_id, t.id, c.id, cardinality(l.positions), c.words FROM chunks c, unnest(c.lexemes) l, chunk_terms t "
    "WHERE t.org_id = c.org_id AND t.index_id = c.index_id AND t.term = l.lexeme",
)

MOVED = ("search_indexes", "chunks", "chunk_vectors", "chunk_words", "chunk_postings")
FORMER = ("chunks", "chunk_vectors", "chunk_words", "chunk_terms", "chunk_postings")

# What hangs on passages goes with them, whatever deletes them: a new content, a document, a collection.
FORGET = """
CREATE FUNCTION forget_passages() RETURNS trigger LANGUAGE plpgsql SET search_path = pg_catalog, public, pg_temp AS $$
DECLARE
  place record;
  held search_indexes;
BEGIN
  FOR place IN
    SELECT g.org_id, g.index_id, s.shelf, count(*) AS passages
    FROM gone g LEFT JOIN search_indexes s ON s.org_id = g.org_id AND s.id = g.index_id
    GROUP BY g.org_id, g.index_id, s.shelf
  LOOP
    -- The shelf as a literal: the other partitions are not even locked.
    EXECUTE 'DELETE FROM chunk_vectors v USING gone g WHERE v.org_id = $1 AND v.index_id = $2 AND v.chunk_id = g.id'
      || coalesce(' AND v.shelf = ' || place.shelf, '')
    USING place.org_id, place.index_id;
    UPDATE search_indexes s
    SET passages = s.passages - place.passages,
        words = s.words - (SELECT coalesce(sum(w.words), 0) FROM gone g JOIN chunk_words w
                           ON w.org_id = g.org_id AND w.chunk_id = g.id WHERE g.index_id = place.index_id)
    WHERE s.org_id = place.org_id AND s.id = place.index_id
    RETURNING * INTO held;
    IF held.id IS NULL OR held.passages = 0 THEN
      DELETE FROM chunk_postings p WHERE p.org_id = place.org_id AND p.index_id = place.index_id;
      UPDATE search_indexes s SET bounds = ARRAY[s.numbered]
      WHERE s.org_id = place.org_id AND s.id = place.index_id;
    ELSIF cardinality(held.bounds) > 1 THEN
      WITH lost AS MATERIALIZED (
        SELECT held.bounds[width_bucket(w.number - 1, held.bounds)] AS segment, t & -65536 AS term,
               array_agg((w.number << 31) | ((t & 1023) << 21) | w.words) AS entries
        FROM gone g JOIN chunk_words w ON w.org_id = g.org_id AND w.chunk_id = g.id CROSS JOIN unnest(w.terms) t
        WHERE g.index_id = place.index_id
          AND w.number > held.bounds[1] AND w.number <= held.bounds[cardinality(held.bounds)]
        GROUP BY 1, 2
      ), emptied AS (
        DELETE FROM chunk_postings p USING lost l
        WHERE p.org_id = place.org_id AND p.index_id = place.index_id AND p.segment = l.segment AND p.term = l.term
          AND p.df = cardinality(l.entries)
      )
      UPDATE chunk_postings p
      SET df = p.df - cardinality(l.entries),
          entries = ARRAY(SELECT unnest(p.entries) EXCEPT SELECT unnest(l.entries))
      FROM lost l
      WHERE p.org_id = place.org_id AND p.index_id = place.index_id AND p.segment = l.segment AND p.term = l.term
        AND p.df > cardinality(l.entries);
    END IF;
  END LOOP;
  DELETE FROM chunk_words w USING gone g WHERE w.org_id = g.org_id AND w.chunk_id = g.id;
  RETURN NULL;
END $$
"""

FORGETTING = """
CREATE TRIGGER forget_passages AFTER DELETE ON chunks REFERENCING OLD TABLE AS gone
FOR EACH STATEMENT EXECUTE FUNCTION forget_passages()
"""

# The application owns nothing, so what has to be made of tables is made for it, for its own organization only.
SHELVE = f"""
CREATE FUNCTION shelve_passages(wanted uuid) RETURNS boolean LANGUAGE plpgsql SECURITY DEFINER
SET search_path = pg_catalog, public, pg_temp SET maintenance_work_mem = '256MB' AS $$
DECLARE
  org CONSTANT uuid := {ORG};
  source search_indexes;
  held search_indexes;
  place_no integer;
  place text;
  is_new boolean;
BEGIN
  IF org IS NULL OR NOT pg_try_advisory_xact_lock(hashtextextended('shelf:' || wanted, 0)) THEN
    RETURN false;
  END IF;
  SELECT * INTO source FROM search_indexes WHERE org_id = org AND id = wanted AND shelf = 0;
  IF NOT FOUND OR source.embedder_dims IS NULL OR source.embedder_dims > 4000 THEN
    RETURN false;
  END IF;
  DELETE FROM shelves.free f
  WHERE f.number = (SELECT o.number FROM shelves.free o ORDER BY o.number LIMIT 1 FOR UPDATE SKIP LOCKED)
  RETURNING f.number INTO place_no;
  is_new := place_no IS NULL;
  IF is_new THEN
    place_no := nextval('shelves.numbers');
  END IF;
  place := format('shelves.vectors_%s', place_no);
  IF is_new THEN
    EXECUTE format('CREATE TABLE %s (LIKE chunk_vectors INCLUDING ALL, CHECK (shelf = %s))', place, place_no);
    EXECUTE format('ALTER TABLE %s ENABLE ROW LEVEL SECURITY', place);
    EXECUTE format('ALTER TABLE %s FORCE ROW LEVEL SECURITY', place);
    EXECUTE format('CREATE POLICY vectors_%s_org ON %s USING (org_id = {QUOTED_ORG}) '
      'WITH CHECK (org_id = {QUOTED_ORG})', place_no, place);
  ELSE
    EXECUTE format('DROP INDEX IF EXISTS shelves.nearest_%s', place_no);
  END IF;
  EXECUTE format('INSERT INTO %s (shelf, org_id, index_id, chunk_id, embedding) '
    'SELECT %s, org_id, index_id, chunk_id, embedding FROM chunk_vectors '
    'WHERE shelf = 0 AND org_id = $1 AND index_id = $2', place, place_no) USING org, wanted;
  EXECUTE format('CREATE INDEX nearest_%s ON %s USING hnsw ((embedding::halfvec(%s)) halfvec_cosine_ops)',
    place_no, place, source.embedder_dims);
  -- Until here the index was read and written as ever; what changed meanwhile is brought in while it is held.
  SELECT * INTO held FROM search_indexes WHERE org_id = org AND id = wanted AND shelf = 0 FOR NO KEY UPDATE;
  IF held.id IS NULL OR held.embedder_dims IS DISTINCT FROM source.embedder_dims THEN
    EXECUTE format('TRUNCATE %s', place);
    INSERT INTO shelves.free VALUES (place_no);
  ELSE
    EXECUTE format('DELETE FROM %s t WHERE NOT EXISTS (SELECT FROM chunk_vectors v WHERE v.shelf = 0 AND v.org_id = $1 '
      'AND v.index_id = $2 AND v.chunk_id = t.chunk_id AND v.embedding = t.embedding)', place) USING org, wanted;
    EXECUTE format('INSERT INTO %s (shelf, org_id, index_id, chunk_id, embedding) '
      'SELECT %s, v.org_id, v.index_id, v.chunk_id, v.embedding FROM chunk_vectors v '
      'WHERE v.shelf = 0 AND v.org_id = $1 AND v.index_id = $2 '
      'AND NOT EXISTS (SELECT FROM %s t WHERE t.chunk_id = v.chunk_id)', place, place_no, place) USING org, wanted;
  END IF;
  IF is_new THEN
    EXECUTE format('ALTER TABLE chunk_vectors ATTACH PARTITION %s FOR VALUES IN (%s)', place, place_no);
  END IF;
  IF held.id IS NULL OR held.embedder_dims IS DISTINCT FROM source.embedder_dims THEN
    RETURN false;
  END IF;
  DELETE FROM chunk_vectors WHERE shelf = 0 AND org_id = org AND index_id = wanted;
  UPDATE search_indexes SET shelf = place_no WHERE org_id = org AND id = wanted;
  EXECUTE format('ANALYZE %s', place);
  RETURN true;
END $$
"""

# A partition that is not used any more is kept for the next index: to drop it, every search would have to wait.
EMPTY_SHELF = f"""
CREATE FUNCTION empty_shelf(wanted uuid) RETURNS void LANGUAGE plpgsql SECURITY DEFINER
SET search_path = pg_catalog, public, pg_temp AS $$
DECLARE
  org CONSTANT uuid := {ORG};
  place_no integer;
BEGIN
  SELECT s.shelf INTO place_no FROM search_indexes s
  WHERE s.org_id = org AND s.id = wanted AND s.shelf <> 0 FOR NO KEY UPDATE;
  IF FOUND THEN
    EXECUTE format('TRUNCATE shelves.vectors_%s', place_no);
    INSERT INTO shelves.free VALUES (place_no);
    UPDATE search_indexes SET shelf = 0 WHERE org_id = org AND id = wanted;
  END IF;
END $$
"""


def upgrade() -> None:
    op.add_column("search_indexes", sa.Column("shelf", sa.Integer(), server_default="0", nullable=False))
    op.execute(readable_by("search_indexes", "sweep", f"shelf = 0 AND {speaking_for('sweep')}"))
    unfinished = "status IN ('queued', 'running')"
    op.execute(readable_by("ingest_jobs", "sweep", f"{unfinished} AND {speaking_for('sweep')}"))
    make_vectors()
    op.drop_table("chunk_postings")
    op.drop_table("chunk_terms")
    make_words()
    with_all_rows(MOVED, MOVE_IN)
    for column in ("embedding", "lexemes", "words"):
        op.drop_column("chunks", column)
    # Passages change places within one statement.
    op.drop_constraint("uq_chunks_org_id_index_id_document_id_ordinal", "chunks")
    op.create_unique_constraint(
        "uq_chunks_org_id_index_id_document_id_ordinal",
        "chunks",
        ["org_id", "index_id", "document_id", "ordinal"],
        deferrable=True,
    )
    for statement in (FORGET, FORGETTING, SHELVE, EMPTY_SHELF):
        op.execute(statement)
    for function in ("shelve_passages(uuid)", "empty_shelf(uuid)"):
        op.execute(f"REVOKE ALL ON FUNCTION {function} FROM PUBLIC")
        op.execute(f"GRANT EXECUTE ON FUNCTION {function} TO {APP_ROLE}")


def downgrade() -> None:
    for statement in (
        "DROP FUNCTION empty_shelf(uuid)",
        "DROP FUNCTION shelve_passages(uuid)",
        "DROP TRIGGER forget_passages ON chunks",
        "DROP FUNCTION forget_passages()",
    ):
        op.execute(statement)
    op.drop_constraint("uq_chunks_org_id_index_id_document_id_ordinal", "chunks")
    op.create_unique_constraint(
        "uq_chunks_org_id_index_id_document_id_ordinal", "chunks", ["org_id", "index_id", "document_id", "ordinal"]
    )
    op.add_column("chunks", sa.Column("words", sa.Integer(), server_default="0", nullable=False))
    op.add_column("chunks", sa.Column("lexemes", postgresql.TSVECTOR(), server_default="", nullable=False))
    op.add_column("chunks", sa.Column("embedding", VECTOR(), nullable=True))
    op.drop_table("chunk_postings")
    make_former_postings()
    with_all_rows(FORMER, MOVE_OUT)
    op.alter_column("chunks", "embedding", nullable=False)
    for column in ("words", "lexemes"):
        op.alter_column("chunks", column, server_default=None)
    op.drop_column("search_indexes", "bounds")
    op.drop_column("search_indexes", "numbered")
    op.drop_table("chunk_words")
    op.drop_table("chunk_vectors")
    op.execute("DROP SCHEMA shelves CASCADE")
    op.execute("DROP POLICY ingest_jobs_sweep ON ingest_jobs")
    op.execute("DROP POLICY search_indexes_sweep ON search_indexes")
    op.drop_column("search_indexes", "shelf")


def with_all_rows(tables: tuple[str, ...], statements: tuple[str, ...]) -> None:
    """Do these for every organization at once, although the owner is held by row-level security as well."""
    for table in tables:
        op.execute(f"ALTER TABLE {table} NO FORCE ROW LEVEL SECURITY")
    for statement in statements:
        op.execute(statement)
    for table in tables:
        op.execute(f"ALTER TABLE {table} FORCE ROW LEVEL SECURITY")


def reference(name: str) -> sa.Column:
    return sa.Column(name, sa.Uuid(), nullable=False)


def make_vectors() -> None:
    op.create_table(
        "chunk_vectors",
        reference("org_id"),
        reference("index_id"),
        reference("chunk_id"),
        sa.Column("shelf", sa.Integer(), nullable=False),
        sa.Column("embedding", HALFVEC(), nullable=False),
        sa.PrimaryKeyConstraint("org_id", "index_id", "chunk_id", "shelf", name="pk_chunk_vectors"),
        postgresql_partition_by="LIST (shelf)",
    )
    for statement in guard("chunk_vectors"):
        op.execute(statement)
    # A schema that the application has no way into: it reaches partitions through their table alone.
    op.execute("CREATE SCHEMA shelves")
    op.execute("CREATE SEQUENCE shelves.numbers AS integer")
    op.execute("CREATE TABLE shelves.free (number integer PRIMARY KEY)")
    op.execute("CREATE TABLE shelves.vectors_0 PARTITION OF chunk_vectors FOR VALUES IN (0)")
    for statement in guard("shelves.vectors_0")[:2]:
        op.execute(statement)
    op.execute(f"CREATE POLICY vectors_0_org ON shelves.vectors_0 USING (org_id = {ORG}) WITH CHECK (org_id = {ORG})")


def make_words() -> None:
    op.add_column("search_indexes", sa.Column("numbered", sa.BigInteger(), server_default="0", nullable=False))
    bounds = sa.Column("bounds", postgresql.ARRAY(sa.BigInteger()), server_default="{0}", nullable=False)
    op.add_column("search_indexes", bounds)
    op.create_table(
        "chunk_words",
        reference("org_id"),
        reference("chunk_id"),
        reference("index_id"),
        sa.Column("number", sa.BigInteger(), nullable=False),
        sa.Column("words", sa.Integer(), nullable=False),
        sa.Column("terms", postgresql.ARRAY(sa.BigInteger()), nullable=False),
        sa.PrimaryKeyConstraint("org_id", "chunk_id", name="pk_chunk_words"),
        sa.UniqueConstraint("org_id", "index_id", "number", name="uq_chunk_words_org_id_index_id_number"),
    )
    op.create_table(
        "chunk_postings",
        reference("org_id"),
        reference("index_id"),
        sa.Column("segment", sa.BigInteger(), nullable=False),
        sa.Column("term", sa.BigInteger(), nullable=False),
        sa.Column("df", sa.Integer(), nullable=False),
        sa.Column("entries", postgresql.ARRAY(sa.BigInteger()), nullable=False),
        sa.PrimaryKeyConstraint("org_id", "index_id", "segment", "term", name="pk_chunk_postings"),
    )
    for table in ("chunk_words", "chunk_postings"):
        for statement in guard(table):
            op.execute(statement)


def make_former_postings() -> None:
    op.create_table(
        "chunk_terms",
        sa.Column("id", sa.BigInteger(), sa.Identity(always=True), nullable=False),
        reference("org_id"),
        reference("index_id"),
        sa.Column("term", sa.Text(), nullable=False),
        sa.PrimaryKeyConstraint("id", name="pk_chunk_terms"),
        sa.ForeignKeyConstraint(
            ["org_id"], ["organizations.id"], name="fk_chunk_terms_org_id_organizations", ondelete="CASCADE"
        ),
        sa.UniqueConstraint("org_id", "id", name="uq_chunk_terms_org_id_id"),
        sa.UniqueConstraint("org_id", "index_id", "term", name="uq_chunk_terms_org_id_index_id_term"),
    )
    op.create_table(
        "chunk_postings",
        reference("org_id"),
        sa.Column("term_id", sa.BigInteger(), nullable=False),
        reference("chunk_id"),
        sa.Column("count", sa.Integer(), nullable=False),
        sa.Column("words", sa.Integer(), nullable=False),
        sa.PrimaryKeyConstraint("org_id", "term_id", "chunk_id", name="pk_chunk_postings"),
        sa.ForeignKeyConstraint(
            ["org_id", "term_id"],
            ["chunk_terms.org_id", "chunk_terms.id"],
            name="fk_chunk_postings_org_id_term_id_chunk_terms",
            ondelete="CASCADE",
        ),
    )
    for table in ("chunk_terms", "chunk_postings"):
        for statement in guard(table):
            op.execute(statement)

"""Runs that wait: the states between, questions, timers and domain events; keys that make requests safe to repeat."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects.postgresql import JSONB

from girih.db.tenancy import guard, readable_by, speaking_for

revision = "0006"
down_revision = "0005"
branch_labels = None
depends_on = None

BEFORE = (
    "uuid, uuid, uuid, text, text, uuid, text, text, json, json, text, text, text, interval, timestamptz, json, boolean"
)
EVENTS = "uuid, uuid, bigint, int, timestamptz[], text[], text[], text[]"
PAUSES = "uuid[], text[], text[], text[], text[], text[], text[], text[], timestamptz[], json"
MOMENT = sa.DateTime(timezone=True)
ENDED = "('succeeded', 'failed', 'cancelled', 'expired')"


def upgrade() -> None:
    change_runs()
    make_pauses()
    make_events()
    make_keys()
    for table in ("run_pauses", "domain_events", "idempotency_keys"):
        for statement in guard(table):
            op.execute(statement)
    op.execute(readable_by("run_pauses", "reconcile", speaking_for("reconcile")))
    op.execute(f"DROP FUNCTION open_run({BEFORE})")
    for statement in (OPEN_RUN, LOCK_EVENT_TYPE, DROP_PAUSES, TAKE_EVENTS, INTERRUPT, *GUARDS):
        op.execute(statement)


def downgrade() -> None:
    for name in ("runs_drop_pauses", "runs_steps", "runs_final"):
        op.execute(f"DROP TRIGGER {name} ON runs")
    op.execute(f"DROP FUNCTION interrupt_run({EVENTS}, {PAUSES})")
    for function in ("take_events(uuid, uuid)", "drop_pauses()", "lock_event_type(uuid, uuid, text)"):
        op.execute(f"DROP FUNCTION {function}")
    op.execute(f"DROP FUNCTION open_run({BEFORE}, text, text[], timestamptz)")
    op.execute(OPEN_RUN_BEFORE)
    for table in ("idempotency_keys", "domain_events", "run_pauses"):
        op.drop_table(table)
    # The states there were before know no waiting and no time that was over.
    op.execute("ALTER TABLE runs NO FORCE ROW LEVEL SECURITY")
    op.execute(
        "UPDATE runs SET status = 'cancelled', finished_at = coalesce(finished_at, now()) "
        "WHERE status IN ('interrupted', 'expired')"
    )
    op.execute("ALTER TABLE runs FORCE ROW LEVEL SECURITY")
    op.drop_index("ix_runs_expiring", "runs")
    for name in ("status", "finished"):
        op.drop_constraint(f"ck_runs_{name}", "runs")
    op.create_check_constraint(
        op.f("ck_runs_status"), "runs", "status IN ('queued', 'running', 'succeeded', 'failed', 'cancelled')"
    )
    op.create_check_constraint(
        op.f("ck_runs_finished"), "runs", "(status IN ('queued', 'running')) = (finished_at IS NULL)"
    )
    for name in ("interruptions", "expires_at", "tags", "end_user"):
        op.drop_column("runs", name)
    op.execute(
        "CREATE TRIGGER runs_final BEFORE UPDATE ON runs FOR EACH ROW "
        "WHEN (OLD.status IN ('succeeded', 'failed', 'cancelled')) EXECUTE FUNCTION refuse_change()"
    )


def change_runs() -> None:
    op.add_column("runs", sa.Column("end_user", sa.Text(), nullable=True))
    op.add_column("runs", sa.Column("tags", sa.ARRAY(sa.Text()), server_default="{}", nullable=False))
    op.add_column("runs", sa.Column("expires_at", MOMENT, nullable=True))
    op.add_column("runs", sa.Column("interruptions", sa.Integer(), server_default=sa.text("0"), nullable=False))
    op.execute("DROP TRIGGER runs_final ON runs")
    for name in ("status", "finished"):
        op.drop_constraint(f"ck_runs_{name}", "runs")
    op.create_check_constraint(
        op.f("ck_runs_status"), "runs", f"status IN ('queued', 'running', 'interrupted') OR status IN {ENDED}"
    )
    op.create_check_constraint(op.f("ck_runs_finished"), "runs", f"(status IN {ENDED}) = (finished_at IS NOT NULL)")
    op.create_index(
        "ix_runs_expiring",
        "runs",
        ["org_id", "expires_at"],
        postgresql_where=sa.text("expires_at IS NOT NULL AND status IN ('queued', 'interrupted')"),
    )


def of_project(table: str) -> list[sa.SchemaItem]:
    """The columns and keys of a row of a project."""
    return [
        sa.Column("org_id", sa.Uuid(), nullable=False),
        sa.Column("project_id", sa.Uuid(), nullable=False),
        sa.ForeignKeyConstraint(
            ["org_id"], ["organizations.id"], name=f"fk_{table}_org_id_organizations", ondelete="CASCADE"
        ),
        sa.ForeignKeyConstraint(
            ["org_id", "project_id"],
            ["projects.org_id", "projects.id"],
            name=f"fk_{table}_org_id_project_id_projects",
            ondelete="CASCADE",
        ),
    ]


def make_pauses() -> None:
    op.create_table(
        "run_pauses",
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("created_at", MOMENT, server_default=sa.func.now(), nullable=False),
        *of_project("run_pauses"),
        sa.Column("run_id", sa.Uuid(), nullable=False),
        sa.Column("agent", sa.Text(), nullable=False),
        sa.Column("kind", sa.Text(), nullable=False),
        sa.Column("node", sa.Text(), nullable=False),
        sa.Column("message", sa.Text(), nullable=False),
        sa.Column("schema", sa.JSON(), nullable=False),
        sa.Column("details", sa.JSON(), nullable=False),
        sa.Column("event", sa.Text(), nullable=True),
        sa.Column("match", JSONB(), nullable=True),
        sa.Column("attempt", sa.Integer(), nullable=False),
        sa.Column("opened_at", MOMENT, nullable=False),
        sa.Column("expires_at", MOMENT, nullable=True),
        sa.Column("state", sa.Text(), server_default="open", nullable=False),
        sa.Column("answer", sa.JSON(), nullable=True),
        sa.Column("answered_by", sa.Text(), nullable=True),
        sa.Column("answered_at", MOMENT, nullable=True),
        sa.Column("event_id", sa.Uuid(), nullable=True),
        sa.PrimaryKeyConstraint("id", name="pk_run_pauses"),
        sa.ForeignKeyConstraint(
            ["org_id", "run_id"],
            ["runs.org_id", "runs.id"],
            name="fk_run_pauses_org_id_run_id_runs",
            ondelete="CASCADE",
        ),
        sa.CheckConstraint("kind IN ('ask', 'approve', 'timer', 'event')", name=op.f("ck_run_pauses_kind")),
        sa.CheckConstraint("state IN ('open', 'answered', 'timed_out', 'dropped')", name=op.f("ck_run_pauses_state")),
        sa.CheckConstraint("(state = 'answered') = (answered_at IS NOT NULL)", name=op.f("ck_run_pauses_answered")),
    )
    op.create_index("ix_run_pauses_org_id_run_id", "run_pauses", ["org_id", "run_id"])
    for name, columns in (
        ("open", ["org_id", "project_id", "opened_at", "id"]),
        ("due", ["org_id", "expires_at"]),
        ("event", ["org_id", "project_id", "event"]),
    ):
        more = {"due": " AND expires_at IS NOT NULL", "event": " AND kind = 'event'"}.get(name, "")
        op.create_index(
            f"ix_run_pauses_{name}", "run_pauses", columns, postgresql_where=sa.text(f"state = 'open'{more}")
        )


def make_events() -> None:
    op.create_table(
        "domain_events",
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("created_at", MOMENT, server_default=sa.func.now(), nullable=False),
        *of_project("domain_events"),
        sa.Column("type", sa.Text(), nullable=False),
        sa.Column("key", sa.Text(), nullable=False),
        sa.Column("data", JSONB(), nullable=False),
        sa.Column("at", MOMENT, nullable=False),
        sa.Column("source", sa.Text(), nullable=False),
        sa.PrimaryKeyConstraint("id", name="pk_domain_events"),
        sa.UniqueConstraint("org_id", "project_id", "key", name="uq_domain_events_org_id_project_id_key"),
    )
    op.create_index(
        "ix_domain_events_org_id_project_id_type_at", "domain_events", ["org_id", "project_id", "type", "at"]
    )


def make_keys() -> None:
    op.create_table(
        "idempotency_keys",
        *of_project("idempotency_keys"),
        sa.Column("key", sa.Text(), nullable=False),
        sa.Column("route", sa.Text(), nullable=False),
        sa.Column("request_hash", sa.Text(), nullable=False),
        sa.Column("status", sa.Integer(), nullable=True),
        sa.Column("headers", sa.JSON(), nullable=True),
        sa.Column("response", sa.LargeBinary(), nullable=True),
        sa.Column("held_until", MOMENT, nullable=False),
        sa.Column("expires_at", MOMENT, nullable=False),
        sa.PrimaryKeyConstraint("org_id", "project_id", "key", name="pk_idempotency_keys"),
        sa.CheckConstraint("(status IS NULL) = (response IS NULL)", name=op.f("ck_idempotency_keys_response")),
    )
    op.create_index("ix_idempotency_keys_org_id_expires_at", "idempotency_keys", ["org_id", "expires_at"])


# As before, and with the end user, tags and the moment after which nobody wants the run any more.
OPEN_RUN = """
CREATE FUNCTION open_run(
  p_org uuid, p_project uuid, p_run uuid, p_agent text, p_alias text, p_version_id uuid, p_version text, p_digest text,
  p_inputs json, p_metadata json, p_key text, p_hash text, p_worker text, p_lease interval,
  p_at timestamptz, p_started json, p_background boolean DEFAULT false,
  p_user text DEFAULT NULL, p_tags text[] DEFAULT '{}', p_expires timestamptz DEFAULT NULL
) RETURNS text LANGUAGE plpgsql AS $$
BEGIN
  PERFORM speak_for(p_org);
  IF NOT EXISTS (
    SELECT FROM agent_versions v WHERE v.org_id = p_org AND v.id = p_version_id AND (p_alias IS NULL OR EXISTS (
      SELECT FROM agent_aliases a WHERE a.org_id = p_org AND a.agent_id = v.agent_id AND a.alias = p_alias
      AND a.version_id = v.id
    ))
  ) THEN RETURN ''; END IF;
  INSERT INTO runs (
    id, org_id, project_id, agent, version_id, version, digest, inputs, metadata, idempotency_key, request_hash,
    created_at, background, end_user, tags, expires_at, status, worker, attempt, fence, lease_until, started_at
  ) VALUES (
    p_run, p_org, p_project, p_agent, p_version_id, p_version, p_digest, p_inputs, p_metadata, p_key, p_hash,
    p_at, p_background, p_user, p_tags, p_expires,
    CASE WHEN p_worker IS NULL THEN 'queued' ELSE 'running' END, p_worker,
    CASE WHEN p_worker IS NULL THEN 0 ELSE 1 END, CASE WHEN p_worker IS NULL THEN 0 ELSE 1 END,
    CASE WHEN p_worker IS NULL THEN NULL ELSE now() + p_lease END, CASE WHEN p_worker IS NULL THEN NULL ELSE p_at END
  ) ON CONFLICT (org_id, project_id, idempotency_key) DO NOTHING;
  IF NOT FOUND THEN RETURN NULL; END IF;
  IF p_worker IS NOT NULL THEN
    INSERT INTO run_events (org_id, run_id, seq, attempt, at, type, data)
    VALUES (p_org, p_run, 1, 1, p_at, 'run.started', p_started);
  END IF;
  RETURN (
    SELECT md5(coalesce(string_agg(concat_ws(' ', m.name, m.digest, m.updated_at), ',' ORDER BY m.name), ''))
    FROM models m WHERE m.org_id = p_org AND m.project_id = p_project
  );
END $$
"""

OPEN_RUN_BEFORE = """
CREATE FUNCTION open_run(
  p_org uuid, p_project uuid, p_run uuid, p_agent text, p_alias text, p_version_id uuid, p_version text, p_digest text,
  p_inputs json, p_metadata json, p_key text, p_hash text, p_worker text, p_lease interval,
  p_at timestamptz, p_started json, p_background boolean DEFAULT false
) RETURNS text LANGUAGE plpgsql AS $$
BEGIN
  PERFORM speak_for(p_org);
  IF NOT EXISTS (
    SELECT FROM agent_versions v WHERE v.org_id = p_org AND v.id = p_version_id AND (p_alias IS NULL OR EXISTS (
      SELECT FROM agent_aliases a WHERE a.org_id = p_org AND a.agent_id = v.agent_id AND a.alias = p_alias
      AND a.version_id = v.id
    ))
  ) THEN RETURN ''; END IF;
  INSERT INTO runs (
    id, org_id, project_id, agent, version_id, version, digest, inputs, metadata, idempotency_key, request_hash,
    created_at, background, status, worker, attempt, fence, lease_until, started_at
  ) VALUES (
    p_run, p_org, p_project, p_agent, p_version_id, p_version, p_digest, p_inputs, p_metadata, p_key, p_hash,
    p_at, p_background,
    CASE WHEN p_worker IS NULL THEN 'queued' ELSE 'running' END, p_worker,
    CASE WHEN p_worker IS NULL THEN 0 ELSE 1 END, CASE WHEN p_worker IS NULL THEN 0 ELSE 1 END,
    CASE WHEN p_worker IS NULL THEN NULL ELSE now() + p_lease END, CASE WHEN p_worker IS NULL THEN NULL ELSE p_at END
  ) ON CONFLICT (org_id, project_id, idempotency_key) DO NOTHING;
  IF NOT FOUND THEN RETURN NULL; END IF;
  IF p_worker IS NOT NULL THEN
    INSERT INTO run_events (org_id, run_id, seq, attempt, at, type, data)
    VALUES (p_org, p_run, 1, 1, p_at, 'run.started', p_started);
  END IF;
  RETURN (
    SELECT md5(coalesce(string_agg(concat_ws(' ', m.name, m.digest, m.updated_at), ',' ORDER BY m.name), ''))
    FROM models m WHERE m.org_id = p_org AND m.project_id = p_project
  );
END $$
"""

# Held to the end of the transaction by whoever publishes an event of the type and by whoever begins to wait for one:
# so one of the two sees the other. It is taken before any run's row is locked.
LOCK_EVENT_TYPE = """
CREATE FUNCTION lock_event_type(p_org uuid, p_project uuid, p_type text) RETURNS void LANGUAGE plpgsql AS $$
BEGIN
  PERFORM pg_advisory_xact_lock(hashtextextended(concat_ws(' ', 'event', p_org, p_project, p_type), 0));
END $$
"""

DROP_PAUSES = """
CREATE FUNCTION drop_pauses() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
  UPDATE run_pauses SET state = 'dropped' WHERE org_id = NEW.org_id AND run_id = NEW.id AND state = 'open';
  RETURN NULL;
END $$
"""

# Answers the run's open waits for events with the first that came since the run was made, each event once.
TAKE_EVENTS = """
CREATE FUNCTION take_events(p_org uuid, p_run uuid) RETURNS void LANGUAGE plpgsql AS $$
DECLARE pause record; held record;
BEGIN
  SELECT project_id, created_at INTO held FROM runs WHERE org_id = p_org AND id = p_run;
  FOR pause IN
    SELECT id, event, match FROM run_pauses
    WHERE org_id = p_org AND run_id = p_run AND kind = 'event' AND state = 'open' ORDER BY opened_at, id
  LOOP
    UPDATE run_pauses p SET state = 'answered', answer = e.data::json, answered_at = clock_timestamp(),
      answered_by = e.source, event_id = e.id
    FROM (
      SELECT d.id, d.data, d.source FROM domain_events d
      WHERE d.org_id = p_org AND d.project_id = held.project_id AND d.type = pause.event
        AND d.at >= held.created_at AND d.data @> pause.match
        AND NOT EXISTS (
          SELECT FROM run_pauses used WHERE used.org_id = p_org AND used.run_id = p_run AND used.event_id = d.id
        )
      ORDER BY d.at, d.id LIMIT 1
    ) e WHERE p.id = pause.id;
  END LOOP;
END $$
"""

# The run waits from here on: its state, its pauses and the event that tells of them, in one commit. Answers, besides
# 0 and 1: 3 when the run is asked to stop (then nothing was written), 4 when something it waits for is there already
# (then it is queued at once). A pause that is known keeps what it has; one that is not among these is dropped.
INTERRUPT = """
CREATE FUNCTION interrupt_run(
  p_org uuid, p_run uuid, p_fence bigint,
  p_first int, p_at timestamptz[], p_type text[], p_node text[], p_data text[],
  p_ids uuid[], p_kinds text[], p_nodes text[], p_messages text[], p_schemas text[], p_details text[],
  p_events text[], p_matches text[], p_expires timestamptz[], p_usage json
) RETURNS int LANGUAGE plpgsql AS $$
DECLARE held record; project uuid; awaited text;
BEGIN
  PERFORM speak_for(p_org);
  SELECT project_id INTO project FROM runs WHERE org_id = p_org AND id = p_run;
  FOR awaited IN SELECT DISTINCT e FROM unnest(p_events) AS e WHERE e IS NOT NULL ORDER BY e LOOP
    PERFORM lock_event_type(p_org, project, awaited);
  END LOOP;
  SELECT attempt, agent, cancel_requested INTO held FROM runs
  WHERE org_id = p_org AND id = p_run AND fence = p_fence AND status = 'running' FOR UPDATE;
  IF NOT FOUND THEN RETURN 0; END IF;
  IF held.cancel_requested THEN RETURN 3; END IF;
  UPDATE runs SET status = 'interrupted', lease_until = NULL, worker = NULL, crashes = 0, usage = p_usage,
    interruptions = interruptions + 1
  WHERE org_id = p_org AND id = p_run;
  PERFORM add_run_events(p_org, p_run, held.attempt, p_first, p_at, p_type, p_node, p_data);
  INSERT INTO run_pauses AS kept (
    id, org_id, project_id, run_id, agent, kind, node, message, schema, details, event, match, attempt, opened_at,
    expires_at
  )
  SELECT n.id, p_org, project, p_run, held.agent, n.kind, n.node, n.message, n.schema::json, n.details::json, n.event,
    n.match::jsonb, held.attempt, clock_timestamp(), n.expires
  FROM unnest(p_ids, p_kinds, p_nodes, p_messages, p_schemas, p_details, p_events, p_matches, p_expires)
    AS n(id, kind, node, message, schema, details, event, match, expires)
  ON CONFLICT (id) DO UPDATE SET attempt = excluded.attempt,
    state = CASE WHEN kept.state = 'dropped' THEN 'open' ELSE kept.state END
  WHERE kept.run_id = p_run;
  UPDATE run_pauses SET state = 'dropped'
  WHERE org_id = p_org AND run_id = p_run AND state = 'open' AND id <> ALL (p_ids);
  PERFORM take_events(p_org, p_run);
  UPDATE run_pauses SET state = 'timed_out'
  WHERE org_id = p_org AND run_id = p_run AND state = 'open' AND expires_at <= clock_timestamp();
  IF EXISTS (
    SELECT FROM run_pauses
    WHERE org_id = p_org AND run_id = p_run AND id = ANY (p_ids) AND state IN ('answered', 'timed_out')
  ) THEN
    UPDATE runs SET status = 'queued' WHERE org_id = p_org AND id = p_run;
    RETURN 4;
  END IF;
  RETURN 1;
END $$
"""

GUARDS = (
    "CREATE TRIGGER runs_final BEFORE UPDATE ON runs FOR EACH ROW "
    f"WHEN (OLD.status IN {ENDED}) EXECUTE FUNCTION refuse_change()",
    "CREATE TRIGGER runs_steps BEFORE UPDATE ON runs FOR EACH ROW WHEN (OLD.status <> NEW.status AND NOT ("
    "(OLD.status = 'queued' AND NEW.status IN ('running', 'failed', 'cancelled', 'expired')) OR "
    "(OLD.status = 'running' AND NEW.status IN ('interrupted', 'succeeded', 'failed', 'cancelled')) OR "
    "(OLD.status = 'interrupted' AND NEW.status IN ('queued', 'failed', 'cancelled', 'expired')))) "
    "EXECUTE FUNCTION refuse_change()",
    # Runs that never waited are spared the look for pauses.
    "CREATE TRIGGER runs_drop_pauses AFTER UPDATE ON runs FOR EACH ROW "
    f"WHEN (NEW.status IN {ENDED} AND NEW.interruptions > 0) EXECUTE FUNCTION drop_pauses()",
)

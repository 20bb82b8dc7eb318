"""What model calls under way may use is held against the budgets; threads know how runs ended that were removed."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

from girih.db.tenancy import guard

revision = "0024"
down_revision = "0023"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table(
        "spending_holds",
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("created_at", sa.DateTime(timezone=True), server_default=sa.func.now(), nullable=False),
        sa.Column("org_id", sa.Uuid(), nullable=False),
        sa.Column("project_id", sa.Uuid(), nullable=False),
        sa.Column("actor", sa.Text(), nullable=False),
        sa.Column("tokens", sa.BigInteger(), nullable=False),
        sa.Column("cost_usd", sa.Numeric(), nullable=True),
        sa.Column("until", sa.DateTime(timezone=True), nullable=False),
        sa.PrimaryKeyConstraint("id", name="pk_spending_holds"),
        sa.ForeignKeyConstraint(
            ["org_id"], ["organizations.id"], name="fk_spending_holds_org_id_organizations", ondelete="CASCADE"
        ),
        sa.ForeignKeyConstraint(
            ["org_id", "project_id"],
            ["projects.org_id", "projects.id"],
            name="fk_spending_holds_org_id_project_id_projects",
            ondelete="CASCADE",
        ),
    )
    op.create_index("ix_spending_holds_org_id", "spending_holds", ["org_id"])
    for statement in guard("spending_holds"):
        op.execute(statement)
    op.execute(HOLD_SPENDING)
    op.add_column("threads", sa.Column("removed_seq", sa.BigInteger(), nullable=True))
    op.add_column("threads", sa.Column("removed_status", sa.Text(), nullable=True))
    op.execute(NOTE_REMOVAL)
    op.execute(
        "CREATE TRIGGER note_removal AFTER DELETE ON runs FOR EACH ROW"
        " WHEN (OLD.thread_id IS NOT NULL AND OLD.attempt > 0) EXECUTE FUNCTION note_removal()"
    )


def downgrade() -> None:
    op.execute("DROP TRIGGER note_removal ON runs")
    op.execute("DROP FUNCTION note_removal()")
    op.drop_column("threads", "removed_status")
    op.drop_column("threads", "removed_seq")
    op.execute("DROP FUNCTION hold_spending(uuid, uuid, text, uuid, bigint, numeric, interval)")
    op.drop_table("spending_holds")


# How the newest one ended of a thread's runs that are not kept any more: it may have been the thread's last.
NOTE_REMOVAL = """
CREATE FUNCTION note_removal() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
  UPDATE threads SET removed_seq = OLD.thread_seq, removed_status = OLD.status
  WHERE org_id = OLD.org_id AND id = OLD.thread_id AND coalesce(removed_seq, 0) < OLD.thread_seq;
  RETURN NULL;
END $$
"""

# One call after another is looked at for each budget: the rows of the budgets are locked, and what was held or counted
# by those before is seen. `held`: it fits beside all that is under way, or is alone and something is left. `wait`: not
# yet. `over`: nothing is left. A cost of NULL is not known: such a call goes alone.
HOLD_SPENDING = """
CREATE FUNCTION hold_spending(
  p_org uuid, p_project uuid, p_actor text, p_id uuid, p_tokens bigint, p_usd numeric, p_lasts interval
) RETURNS text LANGUAGE plpgsql AS $$
DECLARE b record; spent record; held record; today date := (now() AT TIME ZONE 'UTC')::date; fits boolean := true;
BEGIN
  DELETE FROM spending_holds WHERE org_id = p_org AND until < now();
  FOR b IN SELECT * FROM budgets WHERE org_id = p_org AND (
      target = 'organization' OR (target = 'project' AND subject = p_project)
      OR (target = 'key' AND p_actor = 'key:' || subject)
    ) ORDER BY id FOR UPDATE
  LOOP
    SELECT coalesce(sum(c.cost_usd), 0) AS usd, coalesce(sum(c.input_tokens + c.output_tokens), 0) AS tokens INTO spent
    FROM usage_counts c
    WHERE c.org_id = p_org
      AND c.day >= CASE WHEN b.period = 'day' THEN today ELSE date_trunc('month', today::timestamp)::date END
      AND (b.target = 'organization' OR (b.target = 'project' AND c.project_id = b.subject)
        OR (b.target = 'key' AND c.actor = 'key:' || b.subject));
    IF spent.tokens >= b.tokens OR spent.usd >= b.cost_usd THEN RETURN 'over'; END IF;
    SELECT count(*) AS calls, coalesce(sum(h.tokens), 0) AS tokens, coalesce(sum(h.cost_usd), 0) AS usd,
      coalesce(bool_or(h.cost_usd IS NULL), false) AS unknown INTO held
    FROM spending_holds h
    WHERE h.org_id = p_org
      AND (b.target = 'organization' OR (b.target = 'project' AND h.project_id = b.subject)
        OR (b.target = 'key' AND h.actor = 'key:' || b.subject));
    IF held.calls > 0 AND (
      coalesce(spent.tokens + held.tokens + p_tokens > b.tokens, false)
      OR (b.cost_usd IS NOT NULL
        AND (held.unknown OR p_usd IS NULL OR spent.usd + held.usd + p_usd > b.cost_usd))
    ) THEN fits := false; END IF;
  END LOOP;
  IF NOT fits THEN RETURN 'wait'; END IF;
  INSERT INTO spending_holds (id, org_id, project_id, actor, tokens, cost_usd, until)
  VALUES (p_id, p_org, p_project, p_actor, p_tokens, p_usd, now() + p_lasts);
  RETURN 'held';
END $$
"""

"""What was spent and what is held are seen in one moment, so that a call which ends in between is missed in neither."""

from __future__ import annotations

from alembic import op

revision = "0041"
down_revision = "0040"
branch_labels = None
depends_on = None

# As before, but for one thing: both sums are of one statement, and so of one moment. A call writes down what it used
# and lets go of its hold in one transaction; between two statements it could be missing in both sums.
HOLD_SPENDING = """
CREATE OR REPLACE FUNCTION hold_spending(
  p_org uuid, p_project uuid, p_actor text, p_id uuid, p_tokens bigint, p_usd numeric, p_lasts interval
) RETURNS text LANGUAGE plpgsql AS $$
DECLARE b record; seen record; today date := (now() AT TIME ZONE 'UTC')::date; fits boolean := true;
BEGIN
  DELETE FROM spending_holds WHERE org_id = p_org AND until < now();
  FOR b IN SELECT * FROM budgets WHERE org_id = p_org AND (
      target = 'organization' OR (target = 'project' AND subject = p_project)
      OR (target = 'key' AND p_actor = 'key:' || subject)
    ) ORDER BY id FOR UPDATE
  LOOP
    SELECT * INTO seen FROM (
      SELECT coalesce(sum(c.cost_usd), 0) AS spent_usd,
        coalesce(sum(c.input_tokens + c.output_tokens), 0) AS spent_tokens
      FROM usage_counts c
      WHERE c.org_id = p_org
        AND c.day >= CASE WHEN b.period = 'day' THEN today ELSE date_trunc('month', today::timestamp)::date END
        AND (b.target = 'organization' OR (b.target = 'project' AND c.project_id = b.subject)
          OR (b.target = 'key' AND c.actor = 'key:' || b.subject))
    ) spent, (
      SELECT count(*) AS calls, coalesce(sum(h.tokens), 0) AS held_tokens, coalesce(sum(h.cost_usd), 0) AS held_usd,
        coalesce(bool_or(h.cost_usd IS NULL), false) AS unknown
      FROM spending_holds h
      WHERE h.org_id = p_org
        AND (b.target = 'organization' OR (b.target = 'project' AND h.project_id = b.subject)
          OR (b.target = 'key' AND h.actor = 'key:' || b.subject))
    ) held;
    IF seen.spent_tokens >= b.tokens OR seen.spent_usd >= b.cost_usd THEN RETURN 'over'; END IF;
    IF seen.calls > 0 AND (
      coalesce(seen.spent_tokens + seen.held_tokens + p_tokens > b.tokens, false)
      OR (b.cost_usd IS NOT NULL
        AND (seen.unknown OR p_usd IS NULL OR seen.spent_usd + seen.held_usd + p_usd > b.cost_usd))
    ) THEN fits := false; END IF;
  END LOOP;
  IF NOT fits THEN RETURN 'wait'; END IF;
  INSERT INTO spending_holds (id, org_id, project_id, actor, tokens, cost_usd, until)
  VALUES (p_id, p_org, p_project, p_actor, p_tokens, p_usd, now() + p_lasts);
  RETURN 'held';
END $$
"""

# As it was in 0024.
FORMER = """
CREATE OR REPLACE FUNCTION hold_spending(
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


def upgrade() -> None:
    op.execute(HOLD_SPENDING)


def downgrade() -> None:
    op.execute(FORMER)

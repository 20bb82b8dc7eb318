"""Shorter ways for doors: a thread made, a chat found and a run opened on its thread, each in one round trip.

No function of an earlier step is replaced: `open_thread_run` calls those that record runs.
"""

from __future__ import annotations

from alembic import op

revision = "0025"
down_revision = "0024"
branch_labels = None
depends_on = None

RUN = (
    "uuid, uuid, uuid, text, text, uuid, text, text, json, json, text, text, text, interval, timestamptz, json, "
    "boolean, text, text[], timestamptz, text, text"
)


def upgrade() -> None:
    for statement in (MAKE_THREAD, CHAT_STANDING, OPEN_THREAD_RUN, NEXT_ON_THREAD):
        op.execute(statement)


def downgrade() -> None:
    op.execute("DROP FUNCTION next_on_thread(uuid, uuid)")
    op.execute(f"DROP FUNCTION open_thread_run({RUN}, json, json, json)")
    op.execute("DROP FUNCTION chat_standing(uuid, uuid, uuid, json)")
    op.execute("DROP FUNCTION make_thread(uuid, uuid, uuid, json, interval, text)")


# A thread without a state. Answers with the moment; with NULL if the organization has a thread of that id.
MAKE_THREAD = """
CREATE FUNCTION make_thread(
  p_org uuid, p_project uuid, p_thread uuid, p_metadata json, p_ttl interval, p_agent text
) RETURNS timestamptz LANGUAGE plpgsql AS $$
BEGIN
  PERFORM speak_for(p_org);
  INSERT INTO threads (id, org_id, project_id, metadata, ttl, expires_at, agent)
  VALUES (p_thread, p_org, p_project, p_metadata::jsonb, p_ttl, now() + p_ttl, p_agent) ON CONFLICT DO NOTHING;
  RETURN CASE WHEN FOUND THEN now() END;
END $$
"""

# How a chat stands: as JSON `there` (whether the project has the thread), `state`, and `run`, the columns of the run
# that was last asked for on it, without its messages. A thread that is not there is made where `p_about` is given.
CHAT_STANDING = """
CREATE FUNCTION chat_standing(p_org uuid, p_project uuid, p_thread uuid, p_about json)
RETURNS text LANGUAGE plpgsql AS $$
DECLARE r runs%ROWTYPE; t threads%ROWTYPE; head json;
BEGIN
  PERFORM speak_for(p_org);
  SELECT * INTO r FROM runs WHERE org_id = p_org AND project_id = p_project AND thread_id = p_thread
  ORDER BY thread_seq DESC LIMIT 1;
  IF r.id IS NULL AND p_about IS NOT NULL THEN
    PERFORM make_thread(p_org, p_project, p_thread, p_about, NULL, NULL);
  END IF;
  SELECT * INTO t FROM threads WHERE org_id = p_org AND project_id = p_project AND id = p_thread;
  IF t.state_id IS NOT NULL THEN
    SELECT state INTO head FROM thread_states WHERE org_id = p_org AND thread_id = p_thread AND id = t.state_id;
  END IF;
  r.chat := NULL;
  RETURN json_build_object(
    'there', t.id IS NOT NULL, 'state', head, 'run', CASE WHEN r.id IS NOT NULL THEN row_to_json(r) END
  )::text;
END $$
"""

# As `open_linked_run`, `open_chat_run` where `p_chat` is given, or `open_run_with_options` where `p_options` are. With
# `make` in `p_link` the thread is made where the organization has none of that id. Answers, as JSON: what that function
# `told`, and the state that the thread was in `before`.
OPEN_THREAD_RUN = """
CREATE FUNCTION open_thread_run(
  p_org uuid, p_project uuid, p_run uuid, p_agent text, p_alias text, p_version_id uuid, p_version text, p_digest text,
  p_inputs json, p_metadata json, p_key text, p_hash text, p_worker text, p_lease interval,
  p_at timestamptz, p_started json, p_background boolean, p_user text, p_tags text[], p_expires timestamptz,
  p_actor text, p_traceparent text, p_link json, p_chat json, p_options json
) RETURNS text LANGUAGE plpgsql AS $$
DECLARE told text; before uuid; v_thread uuid := (p_link->>'thread')::uuid;
BEGIN
  PERFORM speak_for(p_org);
  IF (p_link->>'make')::boolean THEN
    PERFORM make_thread(p_org, p_project, v_thread, '{}', NULL, NULL);
  END IF;
  IF p_options IS NOT NULL THEN
    told := open_run_with_options(
      p_org, p_project, p_run, p_agent, p_alias, p_version_id, p_version, p_digest, p_inputs, p_metadata, p_key,
      p_hash, p_worker, p_lease, p_at, p_started, p_background, p_user, p_tags, p_expires, p_actor, p_traceparent,
      p_link, p_chat, p_options
    );
  ELSIF p_chat IS NOT NULL THEN
    told := open_chat_run(
      p_org, p_project, p_run, p_agent, p_alias, p_version_id, p_version, p_digest, p_inputs, p_metadata, p_key,
      p_hash, p_worker, p_lease, p_at, p_started, p_background, p_user, p_tags, p_expires, p_actor, p_traceparent,
      p_link, p_chat
    );
  ELSE
    told := open_linked_run(
      p_org, p_project, p_run, p_agent, p_alias, p_version_id, p_version, p_digest, p_inputs, p_metadata, p_key,
      p_hash, p_worker, p_lease, p_at, p_started, p_background, p_user, p_tags, p_expires, p_actor, p_traceparent,
      p_link
    );
  END IF;
  SELECT state_id INTO before FROM threads WHERE org_id = p_org AND id = v_thread;
  RETURN json_build_object('told', told::json, 'before', before)::text;
END $$
"""

# The thread's first run that has not ended, as JSON `run` and `background`, if it waits for a process; else NULL.
NEXT_ON_THREAD = """
CREATE FUNCTION next_on_thread(p_org uuid, p_thread uuid) RETURNS text LANGUAGE plpgsql AS $$
DECLARE r record;
BEGIN
  PERFORM speak_for(p_org);
  SELECT id, background, status INTO r FROM runs
  WHERE org_id = p_org AND thread_id = p_thread AND finished_at IS NULL ORDER BY thread_seq LIMIT 1;
  RETURN CASE WHEN r.status = 'queued' THEN json_build_object('run', r.id, 'background', r.background)::text END;
END $$
"""

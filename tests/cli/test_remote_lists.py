"""Schedules, threads, usage and retention on the command line, against a real server."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from tests.cli.conftest import Girih

COUNTER = """\
kind: graph/v1
name: counter
inputs: { by: { type: integer, default: 1 } }
state: { total: { type: integer, merge: sum, default: 0 } }
nodes:
  add: { set: { n: "${ inputs.by }" }, write: { total: "${ add.n }" }, next: $end }
outputs: { n: "${ add.n }" }
"""


@pytest.fixture
def counter(girih: Girih, tmp_path: Path) -> None:
    (tmp_path / "counter.yaml").write_text(COUNTER)
    assert girih("apply", str(tmp_path)).code == 0


@pytest.mark.usefixtures("counter")
def test_a_schedule_from_its_making_to_its_end(girih: Girih) -> None:
    assert "there are no schedules" in girih("schedules").err
    made = girih(
        "schedules", "create", "nightly", "--cron", "0 3 * * *", "--agent", "counter", "-i", "by=5",
        "--timezone", "Europe/Berlin", "--overlap", "allow", "--catch-up", "none",
    )  # fmt: skip
    assert made.code == 0, made.err
    number = made.out.strip()
    assert "the first run is due at" in made.err
    (shown,) = json.loads(girih("schedules", "--format", "json").out)["schedules"]
    assert (shown["id"], shown["overlap"], shown["catch_up"]) == (number, "allow", "none")
    assert (shown["run"]["agent"], shown["run"]["inputs"]) == ("counter", {"by": 5})
    listed = girih("schedules").out
    for part in (number, "nightly", "0 3 * * * Europe/Berlin", "counter"):
        assert part in listed
    run = json.loads(girih("schedules", "run", number).out)
    assert json.loads(girih("schedules", "history", number).out)["items"][0]["run_id"] == run["id"]
    assert json.loads(girih("schedules", "pause", number).out)["next_at"] is None
    assert "paused" in girih("schedules").out
    assert json.loads(girih("schedules", "resume", number).out)["next_at"]
    taken = girih("schedules", "create", "nightly", "--cron", "0 3 * * *", "--agent", "counter")
    assert (taken.code, taken.out) == (5, "")
    assert "named 'nightly' already" in taken.err
    done = girih("schedules", "delete", number)
    assert (done.code, done.out) == (0, "")
    assert girih("schedules", "pause", number).code == 1


@pytest.mark.usefixtures("counter")
@pytest.mark.parametrize(
    ("args", "code", "words"),
    [
        (["create"], 2, "a schedule needs a name, --cron and --agent"),
        (["create", "x", "--cron", "0 3 * * *"], 2, "a schedule needs a name, --cron and --agent"),
        (["create", "x", "--cron", "now and then", "--agent", "counter"], 1, "cron"),
        (["create", "x", "--cron", "0 3 * * *", "--agent", "counter", "--timezone", "Mars"], 1, "no time zone"),
        (["create", "x", "--cron", "0 3 * * *", "--agent", "counter", "-i", "by"], 2, "is not an input"),
        (["pause"], 2, "needs the id of a schedule"),
        (["pause", "../keys"], 1, ""),
        (["forget", "x"], 2, "forget"),
    ],
)
def test_a_schedule_that_is_none_is_said(girih: Girih, args: list[str], code: int, words: str) -> None:
    done = girih("schedules", *args)
    assert (done.code, done.out) == (code, "")
    assert words in done.err


@pytest.mark.usefixtures("counter")
def test_a_thread_from_its_making_to_its_end(girih: Girih) -> None:
    assert "there are no threads like that" in girih("threads").err
    number = girih("threads", "--new").out.strip()
    for _ in range(2):
        assert girih("run", "counter", "--thread", number, "-i", "by=3").code == 0
    assert json.loads(girih("threads", number).out) == {"total": 6}
    assert number in girih("threads", "--status", "idle").out
    assert girih("threads", "--status", "busy").out == ""
    (shown,) = json.loads(girih("threads", "--format", "json", "--limit", "1").out)["threads"]
    assert (shown["id"], shown["status"], shown["agent"], shown["version"]) == (number, "idle", "counter", 2)
    assert girih("threads", number, "--delete").code == 0
    gone = girih("threads", number)
    assert (gone.code, gone.out) == (1, "")
    assert "there is no thread" in gone.err
    assert girih("threads", "--status", "sleepy").code == 2


@pytest.mark.usefixtures("published")
def test_usage_is_shown_as_it_was_grouped(girih: Girih) -> None:
    assert "no model was called in these days" in girih("usage").err
    for _ in range(2):
        assert girih("run", "hello", "-i", "question=why").code == 0
    lines = girih("usage").out.splitlines()
    assert lines[0].split() == ["agent", "calls", "errors", "tokens", "in", "tokens", "out", "USD"]
    assert lines[1].split()[:3] == ["hello", "2", "0"]
    (row,) = json.loads(girih("usage", "--by", "agent,node,model", "--format", "json").out)["usage"]
    assert (row["agent"], row["node"], row["calls"], row["output_tokens"]) == ("hello", "answer", 2, 24)
    assert "no model was called" in girih("usage", "--from", "2020-01-01", "--to", "2020-01-02").err
    assert len(girih("usage", "--by", "day", "--organization").out.splitlines()) == 2
    for args, words in (
        (["--by", "weather"], "cannot be grouped by 'weather'"),
        (["--by", "agent,node,model,day"], "three things at most"),
        (["--from", "yesterday"], "'yesterday' is not a day"),
    ):
        done = girih("usage", *args)
        assert (done.code, done.out) == (2, "")
        assert words in done.err


def test_retention_is_shown_and_set_in_parts(girih: Girih) -> None:
    shown = girih("retention")
    assert shown.code == 0, shown.err
    assert "checkpoints       30 days (default)" in shown.out
    assert "runs              for ever (default)" in shown.out
    assert "nothing was removed yet" in shown.err
    assert "runs              365 days\n" in girih("retention", "--runs", "365", "--events", "forever").out
    changed = json.loads(girih("retention", "--events", "default", "--checkpoints", "0.5", "--format", "json").out)
    assert changed["own"]["runs_days"] == 365
    assert changed["own"]["run_events_days"] is None
    assert changed["effective"]["checkpoints_days"] == 0.5
    for text in ("0", "-3", "soon", "nan", "40000"):
        done = girih("retention", "--runs", text)
        assert (done.code, done.out) == (2, "")
        assert f"'{text}' is no number of days" in done.err


def test_a_model_is_bound_tried_and_unbound(girih: Girih, tmp_path: Path) -> None:
    listed = girih("models")
    assert [line.split()[:3] for line in listed.out.splitlines()] == [
        ["default", "girih-demo", "demo"], ["demo", "girih-demo", "demo"],
    ]  # fmt: skip
    (tmp_path / "binding.yaml").write_text("provider: openai\nmodel: small\nparams: { top_k: 3 }\n")
    bound = girih(
        "models", "bind", "writer", "--file", "binding.yaml", "--url", "https://models.example/v1", "--model", "large",
        "--secret", "models", "--price", "0.25/2", "--param", "temperature=0.3", "--tools", "prompted",
        "--fallback", "demo",
    )  # fmt: skip
    assert bound.code == 0, bound.err
    for part in ("writer", "openai large at https://models.example/v1, then demo", "[binding 1]", "0.25/2 USD"):
        assert part in bound.out
    assert "no document of a model is named 'writer'" in bound.err
    shown = json.loads(girih("models", "show", "writer").out)
    assert (shown["params"], shown["answers"]["secret"]) == ({"temperature": 0.3}, "secret://models")
    assert shown["capabilities"]["tools"] == "prompted"
    sick = girih("models", "test", "writer")
    assert (sick.code, "secret 'models', which is not set" in sick.out) == (1, True)
    assert girih("models", "unbind", "writer").code == 0
    assert [one["revision"] for one in json.loads(girih("models", "history", "writer").out)] == [2, 1]


def test_all_models_are_tried_and_one_that_is_not_healthy_fails_the_command(girih: Girih) -> None:
    healthy = girih("models", "test", "--all")
    assert healthy.code == 0, healthy.out + healthy.err
    for part in ("default: healthy", "demo: healthy", "streams", "ok   tools (native)"):
        assert part in healthy.out
    assert girih("models", "bind", "default").code == 0
    sick = girih("models", "test", "--all", "--format", "json")
    assert sick.code == 1
    assert [one["healthy"] for one in json.loads(sick.out)["models"]] == [False, True]
    assert "nobody: model 'default' needs an OpenAI key" in girih("models").out


@pytest.mark.parametrize(
    ("args", "code", "words"),
    [
        (("bind",), 2, "needs a model"),
        (("test",), 2, "--all"),
        (("test", "ghost"), 1, "there is no model `ghost`"),
        (("bind", "Not A Name"), 1, "name"),
        (("bind", "a", "--price", "much"), 2, "--price takes IN/OUT"),
        (("bind", "a", "--param", "x"), 2, "NAME=JSON"),
        (("bind", "a", "--file", "gone.yaml"), 2, "cannot be read"),
        (("bind", "demo", "--provider", "demo"), 1, "always the demo model"),
    ],
)
def test_what_models_cannot_do_is_said(girih: Girih, args: tuple[str, ...], code: int, words: str) -> None:
    done = girih("models", *args)
    assert (done.code, done.out) == (code, "")
    assert words in done.err


def test_members_from_the_invitation_to_what_is_refused(girih: Girih) -> None:
    assert "there are no members" in girih("members").err
    assert "there are no invitations" in girih("members", "invitations").err
    made = girih("members", "invite", "Ann@Example.com", "--role", "editor@main")
    assert made.code == 0, made.err
    assert made.out.startswith("girih_invite_")
    assert "ann@example.com  editor  until" in girih("members", "invitations").out
    assert made.out.strip() not in girih("members", "invitations", "--format", "json").out
    assert "owner  agents:" in girih("members", "roles").out
    for arguments, code, words in (
        (("invite", "ann@example.com"), 2, "one role"),
        (("invite", "ann@example.com", "--role", "editr"), 1, "did you mean"),
        (("invite", "ann@example.com", "--role", "editor@attic"), 1, "no project"),
        (("invite",), 2, "e-mail address"),
        (("set", "bob@example.com", "--role", "viewer"), 1, "nobody here"),
    ):
        refused = girih("members", *arguments)
        assert (refused.code, words in refused.err) == (code, True), refused.err


def test_the_audit_log_is_read_exported_and_verified(girih: Girih, tmp_path: Path) -> None:
    girih("members", "invite", "bob@example.com", "--role", "viewer")
    listed = girih("audit", "--action", "invitation.", "--limit", "1")
    assert "invitation.created  invitation:" in listed.out
    assert "email=bob@example.com role=viewer" in listed.out
    assert "nothing of that kind" in girih("audit", "--actor", "key:none").err
    held = girih("audit", "verify")
    assert (held.code, "entries hold; the last seal is" in held.out) == (0, True)
    export = tmp_path / "audit.ndjson"
    assert girih("audit", "export", str(export)).code == 0
    assert girih("audit", "verify", str(export)).out == held.out
    export.write_text(export.read_text().replace("bob@example.com", "eve@example.com"))
    broken = girih("audit", "verify", str(export))
    assert (broken.code, "does not hold from entry" in broken.err) == (1, True)
    export.write_text("no log\n")
    assert girih("audit", "verify", str(export)).code == 2
    assert girih("audit", "export").code == 2


def test_the_policy_is_a_table_of_routes(girih: Girih) -> None:
    shown = girih("doctor", "--policies")
    assert shown.code == 0, shown.err
    (line,) = [line for line in shown.out.splitlines() if line.startswith("POST") and line.split()[1] == "/v1/runs"]
    assert line.split()[2:] == ["runs:create", "editor", "publisher", "admin", "owner"]
    rules = json.loads(girih("doctor", "--policies", "--format", "json").out)
    assert len(rules) == len(shown.out.splitlines())
    assert all(rule["roles"] for rule in rules if rule["permission"] not in ("public", "account"))

"""`girih apply`, `publish` and `versions` against a real server."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from tests.cli.conftest import Girih

from girih.cli.sending import needed


def test_a_workspace_is_published_and_the_second_time_unchanged(girih: Girih, workspace: Path) -> None:
    first = girih("apply", str(workspace))
    assert first.code == 0, first.err
    assert "create" in first.out
    assert "1.0.0" in first.out
    assert "4 of 4 changed" in first.err
    second = girih("apply", str(workspace), "--format", "json")
    assert second.code == 0
    assert {change["action"] for change in json.loads(second.out)["changes"]} == {"unchanged"}


def test_a_dry_run_says_what_would_change_with_3(girih: Girih, workspace: Path) -> None:
    done = girih("apply", str(workspace), "--dry-run")
    assert done.code == 3
    assert "would change" in done.err
    assert girih("versions", "hello").code == 1, "nothing was published"
    assert girih("apply", str(workspace)).code == 0
    assert girih("apply", str(workspace), "--dry-run").code == 0


def test_a_fault_is_shown_with_its_line_and_nothing_is_published(girih: Girih, workspace: Path) -> None:
    (workspace / "bad.yaml").write_text((workspace / "hello.yaml").read_text().replace("next: $end", "next: nowhere"))
    done = girih("apply", str(workspace))
    assert done.code == 1
    assert done.out == ""
    assert "E101" in done.err
    assert "next: nowhere" in done.err
    assert "nothing was published" in done.err
    assert girih("versions", "hello").code == 1
    as_json = girih("apply", str(workspace), "--format", "json")
    assert as_json.code == 1
    assert "E101" in [item["code"] for item in json.loads(as_json.out)["diagnostics"]]


def test_what_only_the_server_knows_is_asked_of_it(girih: Girih, workspace: Path, tmp_path: Path) -> None:
    caller = (
        "kind: graph/v1\nname: caller\ninputs: { question: string }\nuse: { hi: graph://hello }\nnodes:\n"
        '  ask: { graph: hi, with: { question: "${ inputs.question }" }, next: $end }\n'
        'outputs: { text: "${ ask.text }" }\n'
    )
    lone = tmp_path / "lone"
    lone.mkdir()
    (lone / "caller.yaml").write_text(caller)
    refused = girih("apply", str(lone))
    assert refused.code == 1
    assert "E401" in refused.err
    assert "graph://hello" in refused.err, "the excerpt shows the author's own line"
    assert girih("apply", str(workspace)).code == 0
    assert girih("apply", str(lone)).code == 0


def test_versions_count_and_an_alias_moves_and_comes_back(girih: Girih, published: Path) -> None:
    text = (published / "hello.yaml").read_text()
    (published / "hello.yaml").write_text(text.replace("tokens: 12", "tokens: 13"))
    assert girih("apply", str(published)).code == 0
    listed = girih("versions", "hello")
    newest, first = listed.out.splitlines()
    assert "latest" in newest
    assert "prod" in first
    assert first.startswith("1.0.0")
    version = newest.split()[0]
    assert girih("publish", "hello").out == f"hello@prod is now {version}\n"
    assert girih("publish", "hello", "--version", "1.0.0", "--alias", "stable").out == "hello@stable is now 1.0.0\n"
    found = json.loads(girih("versions", "hello", "--format", "json").out)["versions"]
    assert [set(item["aliases"]) for item in found] == [{"latest", "prod"}, {"stable"}]
    assert girih("publish", "hello", "--version", "latest").out == f"hello@prod is now {version}\n"
    assert girih("rollback", "hello").out == "hello@prod is 1.0.0 again\n"
    assert girih("rollback", "hello").code == 5
    newest, second, first = girih("history", "hello").out.splitlines()
    assert ("back to 1.0.0" in newest, f"set to {version}" in second, "set to 1.0.0" in first) == (True, True, True)
    moves = json.loads(girih("history", "hello", "--format", "json").out)["moves"]
    assert [move["reason"] for move in moves] == ["rolled_back", "set", "set"]
    assert girih("history", "hello", "--alias", "nowhere").code == 1
    assert girih("publish", "hello", "--version", "7.0.0").code == 1
    assert girih("publish", "nobody").code == 1


def test_a_version_gets_a_share_and_is_watched(girih: Girih, published: Path) -> None:
    text = (published / "hello.yaml").read_text()
    (published / "hello.yaml").write_text(text.replace("tokens: 12", "tokens: 13"))
    assert girih("apply", str(published)).code == 0
    watched = ("--max-error-rate", "0.05", "--promote-after", "50")
    shared = girih("publish", "hello", "--share", "10", *watched)
    assert (shared.code, shared.out) == (0, "hello@prod gives 10 % to 1.0.1\n"), shared.err
    assert "shared: 90 % to 1.0.0, 10 % to 1.0.1" in girih("history", "hello").out
    assert girih("rollback", "hello").out == "hello@prod is 1.0.0 again\n"
    for wrong in (("--min-runs", "5"), ("--share", "10", "--version", "1.0.0")):
        assert girih("publish", "hello", *wrong).code == 2


def test_a_protected_alias_waits_for_somebody_else(
    girih: Girih, published: Path, key: str, other_key: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    (published / "hello.yaml").write_text((published / "hello.yaml").read_text().replace("tokens: 12", "tokens: 13"))
    assert girih("apply", str(published)).code == 0
    assert girih("protect", "hello").out == "hello@prod is protected\n"
    waiting = girih("publish", "hello", "--comment", "friendlier")
    assert waiting.code == 6
    number = waiting.out.strip()
    assert f"girih approve {number}" in waiting.err
    assert girih("approvals").out.startswith(f"{number}  hello@prod to 1.0.1  asked by key:")
    refused = girih("approve", number)
    assert refused.code == 4
    assert "cannot decide on it" in refused.err
    monkeypatch.setenv("GIRIH_API_KEY", other_key)
    assert girih("approve", number).out == "approved: hello@prod to 1.0.1\n"
    assert girih("refuse", number).code == 5
    assert girih("approvals").out == ""
    assert ", asked by key:" in girih("history", "hello").out.splitlines()[0]
    assert girih("rollback", "hello").out == "hello@prod is 1.0.0 again\n", "the way back is open"
    again = girih("publish", "hello", "--share", "5").out.strip()
    monkeypatch.setenv("GIRIH_API_KEY", key)
    assert girih("refuse", again, "--comment", "no").out == "refused: hello@prod: 95 % to 1.0.0, 5 % to 1.0.1\n"
    mine = girih("publish", "hello").out.strip()
    assert girih("refuse", mine, "--withdraw").out == "withdrawn: hello@prod to 1.0.1\n"
    states = [one["state"] for one in json.loads(girih("approvals", "--all", "--format", "json").out)["proposals"]]
    assert states == ["withdrawn", "refused", "approved"]
    assert girih("protect", "hello", "--off").code == 0
    assert girih("publish", "hello").code == 0


def test_a_version_says_where_it_came_from_and_what_it_refers_to(
    girih: Girih, workspace: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    commit = "0123456789abcdef0123456789abcdef01234567"
    monkeypatch.setenv("GITHUB_SHA", commit)
    assert girih("apply", str(workspace), "-m", "Answers\nwhat is asked").code == 0
    (line,) = girih("versions", "hello").out.splitlines()
    assert line.endswith("latest, prod  0123456789ab  Answers what is asked")
    shown = girih("versions", "hello@^1")
    assert shown.code == 0, shown.err
    for part in ("hello@1.0.0\n", f"commit     {commit}\n", "message    Answers what is asked\n"):
        assert part in shown.out
    assert "    model://demo = built in\n" in shown.out
    found = json.loads(girih("versions", "hello@prod", "--format", "json").out)
    assert (found["commit"], found["dirty"], found["message"]) == (commit, None, "Answers\nwhat is asked")
    assert found["source"] == (workspace / "hello.yaml").read_text()
    assert [(one["uri"], one["drifted"]) for one in found["lock"]] == [("model://demo", False)]
    assert girih("versions", "hello@^2").code == 1
    assert girih("history", "hello").out.endswith("  0123456789ab  Answers what is asked\n")
    assert girih("apply", str(workspace), "-m", "x" * 2001).code == 1


def test_a_range_runs_the_newest_version_that_fits(girih: Girih, published: Path) -> None:
    text = (published / "hello.yaml").read_text()
    for number, changed in (("1.0.9", text.replace("12", "13")), ("2.0.0", text.replace("question:", "asked:"))):
        changed = changed.replace("inputs.question", "inputs.asked" if number == "2.0.0" else "inputs.question")
        (published / "hello.yaml").write_text(changed.replace("name: hello", f"name: hello\nversion: {number}"))
        done = girih("apply", str(published))
        assert done.code == 0, done.err
    for ref, number in (("hello@^1", "1.0.9"), ("hello@~1.0", "1.0.9")):
        began = json.loads(girih("run", ref, "--input", "question=x", "--json").out.splitlines()[0])
        assert (began["type"], began["data"]["version"]) == ("run.started", number)
    low = (published / "hello.yaml").read_text().replace("asked", "wanted").replace("2.0.0", "2.1.0")
    (published / "hello.yaml").write_text(low)
    refused = girih("apply", str(published))
    assert refused.code == 1
    assert "hello.yaml:3:10 E406 version 2.1.0 is too low after 2.0.0" in refused.err.replace(f"{published}/", "")
    assert "write version: 3.0.0 (major), or leave it out" in refused.err


def test_a_folder_that_is_none_is_usage(girih: Girih, tmp_path: Path) -> None:
    assert girih("apply", str(tmp_path / "nowhere")).code == 2


def test_a_folder_without_specs_is_said(girih: Girih, tmp_path: Path) -> None:
    (tmp_path / "notes.yaml").write_text("just: notes")
    done = girih("apply", str(tmp_path))
    assert done.code == 1
    assert "there are no specs in" in done.err


def test_only_specs_and_what_they_name_leave_this_machine() -> None:
    files = {
        "a.yaml": "kind: graph/v1\nnodes: { x: { prompt: { file: prompts/p.md } } }",
        "prompts/p.md": "Hello",
        "handbook/private.md": "Secret",
        "package.json": "{}",
    }
    assert set(needed(files)) == {"a.yaml", "prompts/p.md"}

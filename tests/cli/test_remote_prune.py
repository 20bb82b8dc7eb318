"""`girih plan --prune`, `girih apply --prune`, and what who comes second is shown, against a real server."""

from __future__ import annotations

import json
from pathlib import Path

from tests.cli.conftest import Girih

CALLER = """\
kind: graph/v1
name: hall
inputs: { question: string }
use: { inner: graph://slow }
nodes:
  go: { graph: inner, with: { question: "${ inputs.question }" }, next: $end }
outputs: { text: "${ go.text }" }
"""


def test_a_plan_names_what_would_go_in_every_form_and_holds_the_flag(girih: Girih, published: Path) -> None:
    folder = str(published)
    (published / "slow.yaml").unlink()
    assert girih("plan", folder).code == 0
    told = girih("plan", folder, "--prune", "--out", "plan.json")
    assert told.code == 3
    assert "- delete graph slow\n" in told.out
    assert told.err.endswith("0 to create, 0 to update, 1 to delete, 3 unchanged\n")
    assert "| delete | graph `slow` |" in girih("plan", folder, "--prune", "--format", "markdown").out
    assert "::warning::delete graph slow" in girih("plan", folder, "--prune", "--format", "github").out
    outcome = json.loads(girih("plan", folder, "--prune", "--format", "json").out)
    assert [one["name"] for one in outcome["changes"] if one["action"] == "delete"] == ["slow"]
    assert json.loads(Path("plan.json").read_text())["prune"] is True
    done = girih("apply", folder, "--plan", "plan.json")
    assert done.code == 0, done.err
    assert "delete" in done.out
    assert "no agent `slow` is published" in girih("versions", "slow").err
    assert girih("plan", folder, "--prune").code == 0


def test_a_plan_without_the_flag_deletes_nothing(girih: Girih, published: Path) -> None:
    assert girih("plan", str(published), "--out", "plan.json").code == 0
    refused = girih("apply", str(published), "--plan", "plan.json", "--prune")
    assert refused.code == 2
    assert "the plan is without --prune" in refused.err
    assert girih("apply", str(published), "--prune-data").code == 2


def test_a_refusal_shows_the_line_it_comes_from(girih: Girih, published: Path) -> None:
    (published / "hall.yaml").write_text(CALLER)
    assert girih("apply", str(published)).code == 0
    (published / "slow.yaml").unlink()
    refused = girih("apply", str(published), "--prune")
    assert refused.code == 5
    assert "hall.yaml:4:15 refused graph `slow` would be deleted, and hall.yaml refers to it" in refused.err
    assert "4 | use: { inner: graph://slow }" in refused.err
    outcome = json.loads(girih("apply", str(published), "--prune", "--format", "json").out)
    assert [(one["file"], one["line"], one["column"]) for one in outcome["diagnostics"]] == [("hall.yaml", 4, 15)]
    told = girih("plan", str(published), "--prune", "--format", "github")
    assert "::error file=hall.yaml,line=4" in told.out


def test_who_comes_second_is_shown_what_would_change_now(girih: Girih, published: Path) -> None:
    file = published / "hello.yaml"
    text = file.read_text()
    file.write_text(text.replace("tokens: 12", "tokens: 13"))
    assert girih("plan", str(published), "--out", "../mine.json").code == 3
    file.write_text(text.replace("tokens: 12", "tokens: 14"))
    assert girih("apply", str(published)).code == 0
    file.write_text(text.replace("tokens: 12", "tokens: 13"))
    late = girih("apply", str(published), "--plan", "../mine.json")
    assert late.code == 5
    assert "~ update graph hello  1.0.1 → 1.0.2  (patch)" in late.out
    assert "what would change now" in late.err
    assert "somebody has published since this was planned" in late.err
    outcome = json.loads(girih("apply", str(published), "--plan", "../mine.json", "--format", "json").out)
    assert {one["name"]: one["previous"] for one in outcome["fresh"]["changes"]}["hello"] == "1.0.1"


def test_a_plan_says_what_goes_on(girih: Girih, published: Path) -> None:
    (published / "hall.yaml").write_text(CALLER)
    assert girih("apply", str(published)).code == 0
    begun = girih("run", "slow", "--input", "question=x", "--detach")
    assert begun.code == 0, begun.err
    (published / "hall.yaml").unlink()
    slow = published / "slow.yaml"
    slow.write_text(slow.read_text().replace("question: string", "question: string, tier: string"))
    told = girih("plan", str(published))
    assert "called by hall@1.0.0, which stays with 1.0.0" in told.out
    assert "! applied again, hall would break: input 'tier' is new and required" in told.out
    assert "aliases: latest → 2.0.0, prod → 1.0.0" in told.out
    comment = girih("plan", str(published), "--format", "markdown").out
    assert "- called by hall@1.0.0, which stays with 1.0.0\n" in comment
    assert "::warning file=slow.yaml::" in girih("plan", str(published), "--format", "github").out

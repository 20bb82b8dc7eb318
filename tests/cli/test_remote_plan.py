"""`girih plan`, `girih apply --plan` and `girih diff` against a real server."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from tests.cli.conftest import Girih

CHANGED = {"tokens: 12": "tokens: 13"}
BREAKING = {"  times:": "  tier: string\n  times:"}


@pytest.fixture
def file(published: Path) -> Path:
    return published / "hello.yaml"


def write(file: Path, changes: dict[str, str]) -> None:
    text = file.read_text()
    for old, new in changes.items():
        assert old in text
        text = text.replace(old, new)
    file.write_text(text)


def test_a_plan_says_what_would_change_and_apply_does_it(girih: Girih, file: Path, tmp_path: Path) -> None:
    folder = str(file.parent)
    nothing = girih("plan", folder)
    assert (nothing.code, nothing.err) == (0, "0 to create, 0 to update, 4 unchanged\n")
    write(file, BREAKING)
    planned = girih("plan", folder, "--out", "plan.json")
    assert planned.code == 3
    assert "update graph hello  1.0.0 → 2.0.0  (major)" in planned.out
    assert "+ inputs.tier: text, required  (callers may break)" in planned.out
    assert "! input 'tier' is new and required" in planned.out
    assert planned.err.endswith("0 to create, 1 to update, 3 unchanged; 1 would break callers\n")
    assert len(girih("versions", "hello").out.splitlines()) == 1, "nothing was published"
    done = girih("apply", folder, "--plan", "plan.json")
    assert done.code == 0, done.err
    assert girih("versions", "hello").out.startswith("2.0.0")
    kept = file.parent / "plan.json"
    kept.write_text(Path("plan.json").read_text())
    again = girih("apply", folder, "--plan", str(kept))
    assert again.code == 5, "a plan that lies in the folder is none of its texts"
    assert "somebody has published since this was planned" in again.err
    assert "plan it again" in again.err


def test_a_plan_is_for_the_texts_it_was_made_of(girih: Girih, file: Path) -> None:
    write(file, CHANGED)
    assert girih("plan", str(file.parent), "--out", "plan.json").code == 3
    write(file, BREAKING)
    refused = girih("apply", str(file.parent), "--plan", "plan.json")
    assert refused.code == 1
    assert "other texts than the plan is for" in refused.err
    Path("plan.json").write_text('{"girih_plan": 7}')
    assert "is not a plan of this version" in girih("apply", str(file.parent), "--plan", "plan.json").err


def test_the_forms_of_a_plan(girih: Girih, file: Path) -> None:
    write(file, BREAKING | CHANGED)
    told = girih("plan", str(file.parent), "--format", "markdown")
    assert "| update | graph `hello` | 1.0.0 → 2.0.0 |" in told.out
    assert "```diff" in told.out
    annotated = girih("plan", str(file.parent), "--format", "github")
    assert "::warning file=hello.yaml::update graph hello  1.0.0 → 2.0.0  (major); input 'tier'" in annotated.out
    outcome = json.loads(girih("plan", str(file.parent), "--format", "json").out)
    (change,) = (one for one in outcome["changes"] if one["name"] == "hello")
    assert change["difference"]["verdict"] == "major"
    assert outcome["base"].startswith("sha256:")
    write(file, {"next: $end": "next: nowhere"})
    wrong = girih("plan", str(file.parent), "--format", "github")
    assert wrong.code == 1
    assert "::error file=hello.yaml" in wrong.out


def test_versions_files_and_both_are_compared(girih: Girih, file: Path, tmp_path: Path) -> None:
    same = girih("diff", str(file))
    assert (same.code, same.out) == (0, "")
    assert "hello@1.0.0 → hello: the same" in same.err
    before = tmp_path / "before" / "hello.yaml"
    before.parent.mkdir()
    before.write_text(file.read_text())
    write(file, CHANGED)
    there = girih("diff", str(file), "--workspace", str(file.parent))
    assert there.code == 3
    assert "patch, 1 change" in there.err
    assert girih("apply", str(file.parent)).code == 0
    assert girih("diff", "hello@1.0.0").out == there.out
    assert girih("diff", "hello@1.0.0", "hello@latest", "--format", "json").code == 3
    back = json.loads(girih("diff", str(file), "hello@prod", "--format", "json").out)
    assert (back["old"], back["new"]) == ("hello", "hello@1.0.0")
    assert girih("diff", "hello@1.0.0", "--format", "markdown").out.startswith("### `hello@1.0.0` → `hello@1.0.1`")


def test_two_files_are_compared_without_a_server(
    girih: Girih, file: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("GIRIH_URL")
    one, other = tmp_path / "one" / "hello.yaml", tmp_path / "other" / "hello.yaml"
    for path in (one, other):
        path.parent.mkdir()
        path.write_text(file.read_text())
    write(other, CHANGED)
    assert girih("diff", str(one), str(one)).code == 0
    assert girih("diff", str(one), str(other)).code == 3
    write(other, {"next: $end": "next: nowhere"})
    wrong = girih("diff", str(one), str(other))
    assert wrong.code == 1
    assert "E101" in wrong.err


def test_what_cannot_be_compared_is_said(girih: Girih, file: Path, tmp_path: Path) -> None:
    assert "is a folder" in girih("diff", str(file.parent)).err
    assert "there is no file 'nothing.yaml'" in girih("diff", "nothing.yaml").err
    assert girih("diff", "hello@7.0.0").code == 1
    assert girih("diff", "nobody").code == 1
    (tmp_path / "notes.txt").write_text("no graph")
    assert "holds no graph" in girih("diff", str(tmp_path / "notes.txt")).err
    write(file, {"next: $end": "next: nowhere"})
    wrong = girih("diff", str(file))
    assert wrong.code == 1
    assert "E101" in wrong.err

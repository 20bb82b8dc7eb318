"""The workflow for GitHub: sound, with the least rights, pinned, and its commands do what they say."""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from ruamel.yaml import YAML
from tests.api.process import ApiProcess
from tests.cli.conftest import Girih

ROOT = Path(__file__).parents[2]
FILE = ROOT / "docs" / "howto" / "girih-workflow.yml"
HOOKS = ROOT / ".pre-commit-hooks.yaml"
WORKFLOW: dict[str, Any] = YAML(typ="safe", pure=True).load(FILE.read_text())
JOBS: dict[str, Any] = WORKFLOW["jobs"]
PINNED = re.compile(r"actions/[a-z-]+@[0-9a-f]{40}")


def test_it_is_a_workflow() -> None:
    command = [sys.executable, "-m", "check_jsonschema", "--builtin-schema", "vendor.github-workflows", str(FILE)]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout


def test_nothing_has_more_rights_than_it_needs() -> None:
    assert WORKFLOW["permissions"] == {}
    assert {name: job["permissions"] for name, job in JOBS.items()} == {
        "check": {"contents": "read"},
        "plan": {"contents": "read"},
        "comment": {"pull-requests": "write"},
        "apply": {"contents": "read"},
    }
    text = FILE.read_text()
    assert "pull_request_target" not in text
    uses = [step["uses"] for job in JOBS.values() for step in job["steps"] if "uses" in step]
    assert uses and all(PINNED.fullmatch(one) for one in uses)
    assert not [step for step in JOBS["comment"]["steps"] if "checkout" in step.get("uses", "")]
    assert "secrets." not in json.dumps(JOBS["check"])
    assert "head.repo.full_name == github.repository" in JOBS["plan"]["if"]
    # What somebody else wrote reaches a shell through the environment alone.
    assert not [step for job in JOBS.values() for step in job["steps"] if "${{" in step.get("run", "")]


def run(job: str, name: str, folder: Path, **more: str) -> subprocess.CompletedProcess[str]:
    """A step's commands, as GitHub runs them."""
    (step,) = (step for step in JOBS[job]["steps"] if step.get("name") == name)
    own = {"FOLDER": "desk", "GITHUB_OUTPUT": "output", "GITHUB_STEP_SUMMARY": "summary", "GITHUB_REPOSITORY": "o/r"}
    path = f"{folder / 'bin'}:{Path(sys.executable).parent}:{os.environ['PATH']}"
    env = os.environ | own | {"PATH": path} | more
    command = ["bash", "--noprofile", "--norc", "-eo", "pipefail", "-c", step["run"]]
    return subprocess.run(command, cwd=folder, env=env, capture_output=True, text=True, timeout=120, check=False)


@pytest.fixture
def desk(tmp_path: Path) -> Path:
    (tmp_path / "desk").mkdir()
    page = (FILE.parent / "publish-from-a-repository.md").read_text()
    (tmp_path / "desk" / "door.yaml").write_text(page.partition("file=desk/door.yaml\n")[2].partition("```")[0])
    return tmp_path


def test_a_workspace_is_checked(desk: Path) -> None:
    for name in ("Validate", "Layout", "Test"):
        done = run("check", name, desk)
        assert done.returncode == 0, done.stdout + done.stderr
    file = desk / "desk" / "door.yaml"
    file.write_text(file.read_text().replace("inputs.name", "inputs.nobody"))
    refused = run("check", "Validate", desk)
    assert (refused.returncode, "::error file=" in refused.stdout) == (1, True)


def test_it_is_planned_told_and_applied(girih: Girih, server: ApiProcess, key: str, desk: Path) -> None:
    here = {"GIRIH_URL": server.url, "GIRIH_API_KEY": key}
    planned = run("plan", "Plan", desk, **here)
    assert planned.returncode == 0, planned.stderr
    assert (desk / "output").read_text() == "changes=true\n"
    assert "door" in (desk / "summary").read_text()
    (desk / "bin").mkdir()
    gh = desk / "bin" / "gh"
    gh.write_text('#!/bin/sh\necho "$@" >> asked\ncase "$*" in *--paginate*) printf "%s" "$KNOWN";; esac\n')
    gh.chmod(0o755)
    for known, last in (("", "api repos/o/r/issues/7/comments --field"), ("41", "api --method PATCH")):
        assert run("comment", "Comment", desk, PULL="7", KNOWN=known).returncode == 0
        assert (desk / "asked").read_text().splitlines()[-1].startswith(last)
    assert (desk / "comment.md").read_text().startswith("<!-- girih plan -->\n")
    applied = run("apply", "Apply", desk, **here)
    assert applied.returncode == 0, applied.stderr
    assert girih("versions", "door").out.startswith("1.0.0")
    assert run("apply", "Apply", desk, **here).returncode == 5, "somebody has published since"
    assert run("plan", "Plan", desk, **here).returncode == 0
    assert (desk / "output").read_text().endswith("changes=false\n")


def test_the_checks_for_pre_commit_are_commands() -> None:
    done = subprocess.run(
        [sys.executable, "-m", "pre_commit", "validate-manifest", str(HOOKS)],
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stdout
    hooks = YAML(typ="safe", pure=True).load(HOOKS.read_text())
    assert [hook["entry"] for hook in hooks] == ["girih validate", "girih fmt", "girih test"]
    assert {hook["language"] for hook in hooks} == {"python"}

"""Where a folder comes from, as git and CI systems say it."""

from __future__ import annotations

import os
import subprocess
from pathlib import Path

import pytest

from girih.cli.provenance import provenance

COMMIT = "0123456789abcdef0123456789abcdef01234567"


def git(folder: Path, *arguments: str) -> str:
    who = ["-c", "user.name=T", "-c", "user.email=t@example.com", "-c", "commit.gpgsign=false"]
    done = subprocess.run(["git", *who, *arguments], cwd=folder, capture_output=True, text=True, check=True)
    return done.stdout.strip()


@pytest.fixture
def repository(tmp_path: Path) -> Path:
    """A repository with two folders of specs, committed."""
    for name in ("specs", "others"):
        (tmp_path / name).mkdir()
        (tmp_path / name / "a.yaml").write_text("kind: graph/v1\n")
    git(tmp_path, "init", "--quiet")
    git(tmp_path, "add", ".")
    git(tmp_path, "commit", "--quiet", "-m", "Begin")
    return tmp_path


def test_the_commit_of_a_folder_and_whether_that_folder_has_changes(repository: Path) -> None:
    specs, commit = repository / "specs", git(repository, "rev-parse", "HEAD")
    assert provenance(specs, environment={"GITHUB_SHA": COMMIT}) == {"commit": commit, "dirty": False}
    (repository / "others" / "a.yaml").write_text("changed\n")
    assert provenance(specs, environment={})["dirty"] is False
    (specs / "b.yaml").write_text("new\n")
    assert provenance(specs, "Greets", {}) == {"commit": commit, "dirty": True, "message": "Greets"}


def test_nothing_of_the_repository_is_written_or_started(repository: Path) -> None:
    trace = repository / "started"
    hook = repository / "hook.sh"
    hook.write_text(f"#!/bin/sh\ntouch {trace}\n")
    hook.chmod(0o755)
    git(repository, "config", "core.fsmonitor", str(hook))
    index = repository / ".git" / "index"
    os.utime(repository / "specs" / "a.yaml")
    before = index.read_bytes()
    assert provenance(repository / "specs", environment={})["dirty"] is False
    assert index.read_bytes() == before
    assert not trace.exists()


@pytest.mark.parametrize(
    ("environment", "found"),
    [
        ({}, {}),
        ({"GITHUB_SHA": COMMIT}, {"commit": COMMIT}),
        ({"CI_COMMIT_SHA": COMMIT.upper()}, {"commit": COMMIT}),
        ({"GITHUB_SHA": "$(reboot)", "CIRCLE_SHA1": COMMIT}, {"commit": COMMIT}),
        ({"GITHUB_SHA": "main"}, {}),
    ],
)
def test_a_folder_without_a_repository_has_the_commit_that_ci_names(
    tmp_path: Path, environment: dict[str, str], found: dict[str, str]
) -> None:
    assert provenance(tmp_path, environment=environment) == found


def test_a_repository_without_a_commit_and_a_machine_without_git_say_nothing(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    git(tmp_path, "init", "--quiet")
    assert provenance(tmp_path, environment={}) == {}
    monkeypatch.setenv("PATH", str(tmp_path))
    assert provenance(tmp_path, "Why", {"GITHUB_SHA": COMMIT}) == {"commit": COMMIT, "message": "Why"}

"""Where a folder of specs comes from: the commit of its git repository, or the one that a CI system names."""

from __future__ import annotations

import os
import re
import subprocess
from collections.abc import Mapping
from pathlib import Path

from girih.language.spec.tree import JsonObject

_COMMIT = re.compile(r"[0-9a-f]{7,64}")
_PATIENCE = 10.0
"""Seconds until git has had its say: an odd repository must not hold up a publish."""

_NAMED_BY_CI = (
    *("GITHUB_SHA", "CI_COMMIT_SHA", "BITBUCKET_COMMIT", "BUILD_SOURCEVERSION", "BUILDKITE_COMMIT"),
    *("CIRCLE_SHA1", "GIT_COMMIT"),
)

# Nothing is written, not even git's own index, and nothing that a repository's settings name is started.
_GIT = ("git", "--no-optional-locks", "-c", "core.fsmonitor=false", "-c", "core.hooksPath=/dev/null")


def provenance(folder: Path, message: str | None = None, environment: Mapping[str, str] | None = None) -> JsonObject:
    """`commit`, `dirty` and `message`, as an apply takes them; what is not known is missing."""
    found = _of_repository(folder) or _of_ci(os.environ if environment is None else environment)
    return found | ({"message": message} if message else {})


def _of_repository(folder: Path) -> JsonObject:
    commit = _asked(folder, "rev-parse", "--verify", "--quiet", "HEAD")
    if commit is None or not _COMMIT.fullmatch(commit.strip()):
        return {}
    changes = _asked(folder, "status", "--porcelain", "--untracked-files=normal", "--", ".")
    return {"commit": commit.strip()} | ({"dirty": bool(changes.strip())} if changes is not None else {})


def _of_ci(environment: Mapping[str, str]) -> JsonObject:
    named = (environment.get(name, "").strip().lower() for name in _NAMED_BY_CI)
    return next(({"commit": commit} for commit in named if _COMMIT.fullmatch(commit)), {})


def _asked(folder: Path, *arguments: str) -> str | None:
    """What git says of the folder; `None` where there is no git, or no repository."""
    try:
        done = subprocess.run(  # noqa: S603 - git itself, with arguments of ours
            [*_GIT, *arguments],
            cwd=folder,
            capture_output=True,
            timeout=_PATIENCE,
            check=False,
            env={**os.environ, "LC_ALL": "C"},
        )
    except (OSError, subprocess.TimeoutExpired):
        return None
    return done.stdout.decode("utf-8", "replace") if done.returncode == 0 else None

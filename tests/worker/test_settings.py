"""A worker that can never work says so and ends, instead of trying for ever."""

from __future__ import annotations

import os
import subprocess
import sys

import pytest

DATABASE = "postgresql://girih_app:secret-canary@127.0.0.1:1/girih"


@pytest.mark.parametrize(
    ("given", "missing"),
    [
        ({}, "GIRIH_DATABASE_URL is not set"),
        ({"GIRIH_DATABASE_URL": "mysql://localhost/girih"}, "GIRIH_DATABASE_URL is not a PostgreSQL URL"),
        ({"GIRIH_DATABASE_URL": DATABASE}, "GIRIH_REDIS_URL is not set"),
        (
            {"GIRIH_DATABASE_URL": DATABASE, "GIRIH_REDIS_URL": "redis://x", "GIRIH_WORKER_ROLES": "runs,cooking"},
            "GIRIH_WORKER_ROLES names 'cooking', which is no role",
        ),
        (
            {"GIRIH_DATABASE_URL": DATABASE, "GIRIH_REDIS_URL": "redis://x", "GIRIH_WORKER_ROLES": ","},
            "GIRIH_WORKER_ROLES names ''",
        ),
    ],
)
def test_settings_that_cannot_work_end_the_worker_with_a_sentence(given: dict[str, str], missing: str) -> None:
    env = {name: value for name, value in os.environ.items() if not name.startswith("GIRIH_")} | given
    command = [sys.executable, "-m", "girih.worker"]
    done = subprocess.run(command, env=env, capture_output=True, text=True, timeout=60, check=False)
    assert done.returncode == 1
    assert missing in done.stderr
    assert "Traceback" not in done.stderr
    assert "canary" not in done.stderr

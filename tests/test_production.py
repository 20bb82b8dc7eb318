"""In production a server names everything that is missing, short or well known, and does not start."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from tests.api.process import MASTER_KEY, environment

from girih.errors import InvalidInput
from girih.settings import Settings
from girih.wiring.production import NEEDS, SERVERS, Process, missing, require_production

PASSWORD = "q7Zr1mX0pT4sVb2Ld9Ka"
GOOD: dict[str, Any] = {
    "production": True,
    "master_key": MASTER_KEY,
    "database_url": f"postgresql://girih_app:{PASSWORD}@db.example/girih",
    "redis_url": f"redis://:{PASSWORD}@queue.example:6379/0",
    "public_url": "https://girih.example.com",
    "cors_origins": ["https://app.example.com"],
    "storage_access_key": "girih",
    "storage_secret_key": PASSWORD,
    "GIRIH_VAULT_URL": "https://vault.example",
}
BAD: dict[str, list[dict[str, Any]]] = {
    "GIRIH_MASTER_KEY": [
        {"master_key": ""},
        {"master_key": "c2hvcnQ="},
        {"master_key": "A" * 43 + "="},
        {"master_key": "", "master_key_file": Path("/nowhere")},
    ],
    "GIRIH_DATABASE_URL": [
        {"database_url": ""},
        {"database_url": "postgresql://girih_app:changeme@db.example/girih"},
        {"database_url": "postgresql://girih_app:aaaaaaaaaaaaaaaaaaaa@127.0.0.1/girih"},
    ],
    "GIRIH_REDIS_URL": [
        {"redis_url": "redis://queue.example:6379/0"},
        {"redis_url": "redis://:redis@queue.example:6379/0"},
    ],
    "GIRIH_PUBLIC_URL": [{"public_url": ""}, {"public_url": "http://girih.example.com"}, {"public_url": "girih"}],
    "GIRIH_CORS_ORIGINS": [
        {"cors_origins": ["*"]},
        {"cors_origins": ["null"]},
        {"cors_origins": ["https://*.example.com"]},
        {"cors_origins": ["https://app.example.com", "http://app.example.com"]},
    ],
    "GIRIH_STORAGE_SECRET_KEY": [{"storage_secret_key": ""}, {"storage_secret_key": "minioadmin"}],
    "GIRIH_VAULT_URL": [{"GIRIH_VAULT_URL": "http://vault.example"}],
    "GIRIH_SMTP_URL": [{"smtp_url": "file:///srv/outbox"}, {"smtp_url": "smtp://evil.example?starttls=never"}],
    "GIRIH_TEST_BUILD": [{"test_build": True}, {"crash_at": "anywhere"}],
    "GIRIH_PRODUCTION": [{}],
}
"""What each need refuses. Each of them is here."""
FINE: list[dict[str, Any]] = [
    {},
    {"redis_url": ""},
    {"redis_url": "redis://127.0.0.1:6379/0"},
    {"redis_url": "unix:///run/redis.sock"},
    {"database_url": "postgresql://girih_app@db.example/girih"},
    {"public_url": "http://127.0.0.1:8321"},
    {"cors_origins": []},
    {"cors_origins": ["http://localhost:3000"]},
    {"master_key": "aws-kms:alias/girih"},
    {"smtp_url": "smtp://127.0.0.1:25?starttls=never"},
    {"smtp_url": f"smtps://girih:{PASSWORD}@mail.example"},
    {"GIRIH_VAULT_URL": "", "storage_access_key": "", "storage_secret_key": ""},
]


def settings(**more: Any) -> Settings:
    return Settings.model_validate(GOOD | more)


def test_each_need_is_tried_here() -> None:
    assert BAD.keys() == {need.variable for need in NEEDS}


@pytest.mark.parametrize("more", FINE, ids=str)
@pytest.mark.parametrize("process", SERVERS)
def test_what_is_fit_starts(process: Process, more: dict[str, Any]) -> None:
    assert missing(settings(**more), process) == []
    require_production(settings(**more), process)


@pytest.mark.parametrize(("variable", "more"), [(name, more) for name, tried in BAD.items() for more in tried])
def test_what_is_not_is_named(variable: str, more: dict[str, Any]) -> None:
    (need,) = [need for need in NEEDS if need.variable == variable]
    for process in need.processes:
        given = settings(**more)
        (said,) = missing(given, process)
        assert said.startswith(variable) and need.help in said
        with pytest.raises(InvalidInput, match=variable) as refused:
            require_production(given, process)
        for value in ("changeme", "minioadmin", "c2hvcnQ", "aaaaaaaa", PASSWORD, "evil"):
            assert value not in refused.value.message + str(refused.value.help)
        require_production(given.model_copy(update={"production": False}), process)


WRONG = {
    "GIRIH_PRODUCTION": "1",
    "GIRIH_MASTER_KEY": "c2hvcnQ=",
    "GIRIH_REDIS_URL": "redis://queue.example/0",
    "GIRIH_PUBLIC_URL": "http://girih.example.com",
    "GIRIH_CORS_ORIGINS": '["http://app.example.com"]',
    "GIRIH_STORAGE_ACCESS_KEY": "minioadmin",
    "GIRIH_STORAGE_SECRET_KEY": "minioadmin",
    "GIRIH_VAULT_URL": "http://vault.example",
    "GIRIH_SMTP_URL": "file:///srv/outbox",
    "GIRIH_TEST_BUILD": "1",
}


@pytest.mark.parametrize(
    ("process", "program"),
    [
        ("api", ["-m", "girih.api"]),
        ("worker", ["-m", "girih.worker"]),
        ("dev", ["-m", "girih.cli", "dev", "--once", "--port", "0"]),
    ],
)
def test_every_process_names_all_at_once(process: Process, program: list[str], tmp_path: Path) -> None:
    """As real processes: nothing is opened, nothing listens, and no value is shown."""
    given = environment("postgresql://girih_app:girih@127.0.0.1:1/girih", tmp_path / "data", **WRONG)
    done = subprocess.run(
        [sys.executable, *program], cwd=tmp_path, env=given, capture_output=True, text=True, timeout=60, check=False
    )
    assert done.returncode in (1, 2), done.stderr
    named = {need.variable for need in NEEDS if f"- {need.variable} " in done.stderr}
    assert named == {need.variable for need in NEEDS if process in need.processes}
    assert "Traceback" not in done.stderr
    assert not any(value in done.stderr for value in ("minioadmin", "c2hvcnQ", "girih:girih"))
    assert not (tmp_path / "data").exists()


def test_by_default_a_server_is_reached_from_its_own_machine_alone() -> None:
    fields = Settings.model_fields
    assert {fields[name].default for name in ("host", "metrics_host")} == {"127.0.0.1"}

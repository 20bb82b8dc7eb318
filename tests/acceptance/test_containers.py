"""The container set-up, as far as it can be judged without an engine."""

import os
import re
import shutil
import subprocess
import tomllib
from pathlib import Path
from typing import Any

import pytest
import yaml

from girih.settings import Settings

ROOT = Path(__file__).parents[2]
SECRETS = {"POSTGRES_PASSWORD": "a", "GIRIH_APP_PASSWORD": "b", "REDIS_PASSWORD": "c", "GIRIH_MASTER_KEY": "d"}


@pytest.fixture(scope="module")
def compose() -> dict[str, Any]:
    return yaml.safe_load((ROOT / "docker-compose.yml").read_text())


def client() -> list[str] | None:
    """A client of docker compose: the plugin, or the program that Debian 12 and Ubuntu 22.04 have."""
    for command in (["docker", "compose"], ["docker-compose"]):
        version = [*command, "version"]
        if shutil.which(command[0]) and not subprocess.run(version, capture_output=True, check=False).returncode:
            return command
    return None


def test_a_client_accepts_the_file_and_wants_the_secrets() -> None:
    command = client()
    if command is None:
        pytest.skip("no client of docker compose here")
    config = [*command, "--file", str(ROOT / "docker-compose.yml"), "config", "--quiet"]
    assert subprocess.run(config, env=os.environ | SECRETS, capture_output=True, check=False).returncode == 0
    bare = {name: value for name, value in os.environ.items() if name not in SECRETS}
    assert subprocess.run(config, env=bare, capture_output=True, check=False).returncode != 0


def test_every_secret_is_required_and_none_is_written_down() -> None:
    text = (ROOT / "docker-compose.yml").read_text()
    for name in SECRETS:
        uses = re.findall(rf"(?<!\$)\$\{{{name}([^}}]*)\}}", text)
        assert uses
        assert all(use.startswith(":?") for use in uses)


def test_every_long_running_service_says_whether_it_is_well(compose: dict[str, Any]) -> None:
    dockerfile = (ROOT / "Dockerfile").read_text()
    for name, service in compose["services"].items():
        once = name in ("roles", "migrate")
        own_image = str(service.get("image", "")).startswith("girih:")
        assert once or "healthcheck" in service or (own_image and "HEALTHCHECK" in dockerfile), name


def test_the_application_logs_in_as_one_who_owns_nothing(compose: dict[str, Any]) -> None:
    for name in ("api", "worker", "runner", "syncs"):
        environment = compose["services"][name]["environment"]
        assert environment["GIRIH_DATABASE_URL"].startswith("postgresql://girih_app:")
        assert "GIRIH_MIGRATION_DATABASE_URL" not in environment


def test_containers_are_set_up_by_the_same_settings(compose: dict[str, Any]) -> None:
    known = {f"GIRIH_{name.upper()}" for name in Settings.model_fields}
    for name in ("migrate", "api", "worker", "runner", "syncs"):
        assert set(compose["services"][name]["environment"]) <= known


def test_the_image_is_built_from_all_that_the_wheel_takes() -> None:
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())
    wheel = project["tool"]["hatch"]["build"]["targets"]["wheel"]
    build = (ROOT / "Dockerfile").read_text().rpartition("FROM ")[0]
    copied = [word.removeprefix("./") for line in re.findall(r"^COPY (.*)$", build, re.M) for word in line.split()]
    sent = [line[1:] for line in (ROOT / ".dockerignore").read_text().splitlines() if line.startswith("!")]
    for path in (*wheel["force-include"], *wheel["packages"], project["project"]["readme"], "LICENSE"):
        for lets_through in (copied, sent):
            assert any(path == folder or path.startswith(f"{folder}/") for folder in lets_through), path


def test_the_image_runs_as_nobody_special() -> None:
    last = (ROOT / "Dockerfile").read_text().rpartition("FROM ")[2]
    assert re.search(r"^USER girih$", last, re.MULTILINE)
    assert "slim" in last.splitlines()[0]

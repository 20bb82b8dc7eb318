"""`girih dev` as a person has it: real processes that are found, killed, restarted and stopped."""

import os
import signal
import stat
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest
from tests.acceptance.dev_process import Dev, girih_dev

from girih.embedded.processes import alive, free_port, wait_until

pytestmark = pytest.mark.timeout(240)

SPEC = """\
kind: graph/v1
name: note
title: {title}
inputs:
  text: string
nodes:
  keep:
    set: {{ text: "${{ inputs.text }}" }}
    next: $end
outputs:
  text: "${{ keep.text }}"
"""


@pytest.fixture(scope="module")
def place() -> Iterator[Path]:
    with tempfile.TemporaryDirectory(prefix="girih-dev-") as folder:
        Path(folder).chmod(0o755)  # below a private folder root's database would lie elsewhere
        workspace = Path(folder) / "specs"
        workspace.mkdir()
        (workspace / "note.yaml").write_text(SPEC.format(title="First"))
        yield Path(folder)


@pytest.fixture(scope="module")
def dev(place: Path) -> Iterator[Dev]:
    with girih_dev(place / "data", str(place / "specs"), "--port", "0", output=place / "out.txt") as dev:
        yield dev


def girih(*arguments: str, **environment: str) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-m", "girih.cli", *arguments]
    known = os.environ | environment
    return subprocess.run(command, capture_output=True, text=True, timeout=60, check=False, env=known)


def test_it_says_where_it_is_in_a_private_file(dev: Dev) -> None:
    file = dev.data_dir / "dev.json"
    assert stat.S_IMODE(file.stat().st_mode) == 0o600
    assert {"url", "api_key", "database_url", "pids"} <= dev.facts.keys()
    assert {"dev", "postgres", "valkey", "worker", "syncs", "api"} == dev.facts["pids"].keys()
    assert all(alive(pid) for pid in dev.facts["pids"].values())
    assert dev.facts["api_key"] in dev.said()


def test_the_workspace_is_published_and_the_key_holds(dev: Dev) -> None:
    assert dev.get("/healthz").status_code == 200
    assert dev.get("/v1/agents/note").json()["version"] == "1.0.0"


def test_a_saved_file_is_published_again_and_a_broken_one_is_explained(place: Path, dev: Dev) -> None:
    spec = place / "specs" / "note.yaml"
    spec.write_text(SPEC.format(title="Second"))
    assert wait_until(lambda: dev.get("/v1/agents/note").json()["version"] != "1.0.0", 30), dev.said()
    spec.write_text(SPEC.format(title="Third").replace("next: $end", "next: nowhere"))
    assert wait_until(lambda: "E101" in dev.said(), 30), dev.said()
    spec.write_text(SPEC.format(title="Second"))


def test_a_second_one_on_the_same_folder_is_refused_and_told_who_the_first_is(dev: Dev) -> None:
    second = girih("dev", "--data-dir", str(dev.data_dir), "--port", "0")
    assert second.returncode == 5
    assert f"(pid {dev.process.pid})" in second.stderr
    assert "--data-dir" in second.stderr
    assert dev.get("/healthz").status_code == 200


def test_a_port_that_is_taken_is_named_with_the_way_out(place: Path, dev: Dev) -> None:
    port = dev.facts["url"].rsplit(":", 1)[1]
    second = girih("dev", "--data-dir", str(place / "other"), "--port", port)
    assert second.returncode == 5
    assert f"port {port} is taken" in second.stderr
    assert "--port" in second.stderr


def test_the_doctor_finds_everything_there(dev: Dev, monkeypatch: pytest.MonkeyPatch) -> None:
    for variable, name in (("URL", "url"), ("API_KEY", "api_key"), ("DATABASE_URL", "database_url")):
        monkeypatch.setenv(f"GIRIH_{variable}", dev.facts[name])
    monkeypatch.setenv("GIRIH_REDIS_URL", dev.facts["redis_url"])
    found = girih("doctor")
    assert found.returncode == 0, found.stdout + found.stderr
    assert "✓ worker     answers\n" in found.stdout
    assert "✓ syncs      answers\n" in found.stdout
    monkeypatch.setenv("GIRIH_REDIS_URL", f"redis://127.0.0.1:{free_port()}/0")
    monkeypatch.setenv("GIRIH_API_KEY", "girih_dev_wrong")
    lost = girih("doctor")
    assert lost.returncode == 4
    assert "✗ key" in lost.stdout
    assert "✗ queue" in lost.stdout
    monkeypatch.delenv("GIRIH_API_KEY")
    keyless = girih("doctor").stdout
    assert "✓ server" in keyless
    assert "✗ key        no key is known here" in keyless


def test_killed_parts_come_back(dev: Dev) -> None:
    before = dev.pids()
    for name in ("worker", "syncs", "api", "valkey", "postgres"):
        os.kill(before[name], signal.SIGKILL)
    assert wait_until(lambda: not set(before.values()) & (set(dev.pids().values()) - {before["dev"]}), 60), dev.said()

    def works() -> bool:
        try:
            return dev.get("/readyz").json()["status"] == "ok"
        except (OSError, ValueError, KeyError):
            return False
        except Exception as fault:  # httpx's own faults while nobody listens
            return "httpx" not in type(fault).__module__

    assert wait_until(works, 60), dev.said()
    assert "the worker ended; starting it again" in dev.said()
    assert dev.get("/v1/agents/note").status_code == 200


def test_ctrl_c_stops_all_and_takes_the_file_along(place: Path) -> None:
    with girih_dev(place / "data2", str(place / "specs"), "--port", "0", output=place / "out2.txt") as dev:
        assert dev.end(signal.SIGINT) == 130
        assert dev.leaves_nothing()
        assert not (dev.data_dir / "dev.json").exists()


def test_a_killed_one_leaves_nothing_that_blocks_the_next(place: Path) -> None:
    data, output = place / "data3", place / "out3.txt"
    with girih_dev(data, str(place / "specs"), "--port", "0", output=output) as first:
        assert first.end(signal.SIGKILL) == -signal.SIGKILL
        assert first.leaves_nothing()
        assert (data / "dev.json").exists()
    port = first.facts["url"].rsplit(":", 1)[1]
    with girih_dev(data, str(place / "specs"), "--port", port, output=output) as second:
        assert second.facts["api_key"] == first.facts["api_key"]
        assert second.facts["api_key"] not in second.said(), "it is shown once"
        assert second.get("/v1/agents/note").json()["version"] == "1.0.0"
        assert second.end(signal.SIGTERM) == 0
        assert second.leaves_nothing()


def test_a_workspace_that_is_not_there_is_a_usage_error(place: Path) -> None:
    done = girih("dev", str(place / "nowhere"), "--data-dir", str(place / "other"))
    assert done.returncode == 2
    assert "girih new" in done.stderr


def test_endpoints_that_are_none_are_a_usage_error(place: Path) -> None:
    for text in ("{crm", '["crm"]'):
        done = girih("dev", "--examples", "--once", "--data-dir", str(place / "none"), GIRIH_ENDPOINTS=text)
        assert done.returncode == 2
        assert done.stderr.startswith("error: GIRIH_ENDPOINTS is not a JSON object\n")
    assert not (place / "none").exists()


def test_a_setting_that_is_not_usable_is_named_and_only_that_of_this_start(place: Path) -> None:
    command = ("dev", str(place / "specs"), "--port", "0", "--once", "--data-dir", str(place / "data7"))
    first = girih(*command, GIRIH_MAX_UPLOAD_MB="0")
    second = girih(*command, GIRIH_LOG_LEVEL="loud")
    assert (first.returncode, second.returncode) == (1, 1)
    assert "GIRIH_MAX_UPLOAD_MB is not usable" in first.stderr
    assert "GIRIH_LOG_LEVEL is not usable" in second.stderr
    assert "GIRIH_MAX_UPLOAD_MB" not in second.stderr
    assert not (place / "data7").exists(), "nothing was begun"


def test_once_ends_with_what_publishing_said(place: Path) -> None:
    broken = place / "broken"
    broken.mkdir()
    (broken / "note.yaml").write_text(SPEC.format(title="X").replace("keep.text", "kept.text"))
    done = girih("dev", str(broken), "--data-dir", str(place / "data4"), "--port", "0", "--once")
    assert done.returncode == 1, done.stdout + done.stderr
    assert "kept" in done.stdout

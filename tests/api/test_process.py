"""The API as a process: it starts, refuses to start in one sentence, survives its readers, and stops cleanly."""

from __future__ import annotations

import json
import signal
import socket
import subprocess
import sys
import threading
from collections.abc import AsyncIterator
from pathlib import Path

import httpx
import pytest
from sqlalchemy.engine import make_url
from tests.api.conftest import WORKSPACE
from tests.api.process import api_process, environment, free_port

from girih.cli.stream import frames
from girih.db.tenancy import OrgScope
from girih.wiring.server import Girih

SLOW = """\
kind: graph/v1
name: slow
inputs: { n: string }
use: { model: model://demo }
nodes:
  answer:
    llm: model
    prompt: "${ inputs.n }"
    params: { tokens: 40, delay_ms: 50 }
    next: $end
outputs: { text: "${ answer.text }" }
"""


@pytest.fixture
async def key(girih: Girih, scope: OrgScope) -> AsyncIterator[str]:
    await girih.agents.apply(scope, WORKSPACE | {"slow.yaml": SLOW})
    made = await girih.identity.create_key(scope, "process", scope.permissions)
    yield made.key


def client_of(url: str, key: str) -> httpx.Client:
    return httpx.Client(base_url=url, headers={"authorization": f"Bearer {key}"}, timeout=30, trust_env=False)


def test_a_run_survives_its_reader(database_url: str, tmp_path: Path, key: str) -> None:
    with api_process(database_url, tmp_path) as api, client_of(api.url, key) as client:
        with client.stream("POST", "/v1/runs/stream", json={"agent": "slow", "inputs": {"n": "1"}}) as answer:
            path = answer.headers["location"]
            first = next(frames(answer.iter_bytes()))
        assert first["seq"] == 1
        rest = client.get(f"{path}/events", headers={"last-event-id": "1"})
        events = [first, *frames([rest.content])]
        assert [event["seq"] for event in events] == list(range(1, len(events) + 1))
        assert events[-1]["type"] == "run.finished"
        assert client.get(path).json()["status"] == "succeeded"


def test_a_stop_ends_streams_and_another_process_goes_on(database_url: str, tmp_path: Path, key: str) -> None:
    received: list[bytes] = []
    with api_process(database_url, tmp_path) as api, client_of(api.url, key) as client:
        with client.stream("POST", "/v1/runs/stream", json={"agent": "slow", "inputs": {"n": "2"}}) as answer:
            path = answer.headers["location"]
            stopping = threading.Timer(0.3, api.process.send_signal, [signal.SIGTERM])
            stopping.start()
            received += answer.iter_bytes()
        assert api.process.wait(30) == 0, api.log.read_text()
    before = list(frames(received))
    assert before
    assert before[-1]["type"] != "run.finished"
    with api_process(database_url, tmp_path) as api, client_of(api.url, key) as client:
        rest = client.get(f"{path}/events", headers={"last-event-id": str(before[-1]["seq"])})
        seqs = [event["seq"] for event in [*before, *frames([rest.content])]]
        assert seqs == list(range(1, len(seqs) + 1))
        assert list(frames([rest.content]))[-1]["type"] == "run.finished"


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_an_idle_server_stops_at_once_with_0(database_url: str, tmp_path: Path, number: int) -> None:
    with api_process(database_url, tmp_path) as api:
        assert api.stop(number) == 0, api.log.read_text()


def test_every_log_line_is_json_and_names_its_request(database_url: str, tmp_path: Path, key: str) -> None:
    with api_process(database_url, tmp_path) as api, client_of(api.url, key) as client:
        client.get("/v1/agents?nothing=secret-in-query", headers={"x-request-id": "find-me-123"})
        client.get("/v1/agents/a%0Ab%1b[31m")
        api.stop()
        text = api.log.read_text()
    lines = [json.loads(line) for line in text.splitlines()]
    (request,) = [line for line in lines if line.get("request_id") == "find-me-123"]
    assert (request["method"], request["path"], request["status"]) == ("GET", "/v1/agents", 422)
    assert "secret-in-query" not in text
    assert key not in text
    assert make_url(database_url).password not in text


def refused(**settings: str) -> str:
    """What a process that does not start says, and that it says it in a few lines."""
    result = subprocess.run(
        [sys.executable, "-m", "girih.api"],
        env=environment("", Path("/tmp"), **settings),
        capture_output=True,
        text=True,
        timeout=60,
    )
    assert result.returncode == 1
    assert "Traceback" not in result.stderr
    assert "hunter2" not in result.stderr
    lines = [line for line in result.stderr.splitlines() if line]
    assert len(lines) <= 3, result.stderr
    return result.stderr


def test_a_setting_that_cannot_work_is_one_sentence() -> None:
    assert "GIRIH_PORT" in refused(GIRIH_PORT="many")


def test_a_database_that_is_away_is_one_sentence() -> None:
    assert "does not answer" in refused(GIRIH_DATABASE_URL="postgresql://a:hunter2@127.0.0.1:1/d")


def test_a_taken_port_is_one_sentence(database_url: str) -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        port = str(taken.getsockname()[1])
        said = refused(GIRIH_DATABASE_URL=database_url, GIRIH_PORT=port)
    assert f"cannot listen on 127.0.0.1:{port}" in said


def test_port_0_takes_a_free_one_and_says_which(database_url: str, tmp_path: Path) -> None:
    process = subprocess.Popen(
        [sys.executable, "-m", "girih.api"],
        env=environment(database_url, tmp_path, GIRIH_PORT="0"),
        stderr=subprocess.PIPE,
        text=True,
    )
    assert process.stderr is not None
    try:
        for line in process.stderr:
            said = json.loads(line)
            if said["event"] == "listening":
                break
        assert httpx.get(said["url"] + "/version", trust_env=False).json()["name"] == "girih"
    finally:
        process.terminate()
        process.communicate(timeout=30)
    assert free_port() > 0

"""`girih run` and `girih trace` against a real server, also over a connection that breaks."""

from __future__ import annotations

import json
import os
import signal
import socket
import subprocess
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from urllib.parse import urlsplit

import pytest
import typer
from tests.api.process import ApiProcess
from tests.cli.conftest import Girih

from girih.cli.run import Screen, cited_line, is_citations
from girih.cli.trace import drawn, grown


def test_the_answer_goes_to_stdout_and_the_rest_to_stderr(girih: Girih, published: Path) -> None:
    done = girih("run", "hello", "--input", "question=Why?")
    assert done.code == 0, done.err
    (answer,) = done.out.splitlines()
    assert len(answer.split()) == 12
    assert "first token" in done.err
    assert "tokens" in done.err


def test_json_prints_the_stream_itself(girih: Girih, published: Path) -> None:
    done = girih("run", "hello", "-i", "question=a=b", "--json")
    events = [json.loads(line) for line in done.out.splitlines()]
    assert [event["seq"] for event in events] == list(range(1, len(events) + 1))
    assert events[0]["data"]["inputs"]["question"] == "a=b"
    assert events[-1]["type"] == "run.finished"
    again = girih("trace", events[0]["run_id"], "--format", "json")
    assert [json.loads(line) for line in again.out.splitlines()] == events


def test_inputs_take_their_declared_types(girih: Girih, published: Path, tmp_path: Path) -> None:
    def inputs(*args: str) -> dict[str, object]:
        done = girih("run", "hello", "--json", *args)
        first = json.loads(done.out.splitlines()[0])
        found: dict[str, object] = first["data"]["inputs"]
        return found

    assert inputs("-i", "question=5", "-i", "times=3") == {"question": "5", "times": 3}
    file = tmp_path / "inputs.json"
    file.write_text('{"question": "from file", "times": 2}')
    assert inputs("--inputs", str(file), "-i", "times=4") == {"question": "from file", "times": 4}


@pytest.mark.parametrize(
    ("args", "code", "words"),
    [
        (["-i", "question"], 2, "--input name=value"),
        (["-i", "=x"], 2, "--input name=value"),
        (["--inputs", "nowhere.json"], 2, "cannot read"),
        (["--inputs", "list.json"], 2, "one JSON object"),
        (["--inputs", "broken.json"], 2, "is not JSON"),
        ([], 1, "question"),
        (["-i", "question=x", "-i", "other=y"], 1, "other"),
        (["-i", "question=x", "-i", "times=many"], 1, "times: must be a whole number, not the text 'many'"),
        (["-i", "question=x", "-i", "times=NaN"], 1, "not the text 'NaN'"),
        (["-i", "question=x", "-i", "times=1e999"], 1, "not the text '1e999'"),
        (["-i", "question=x", "-i", "question=y"], 2, "'question' is given twice"),
        (["-i", "question=x", "-i", "tims=1"], 1, "unknown: 'tims' (did you mean 'times'?)"),
        (["--inputs", "nan.json"], 2, "NaN is not JSON"),
    ],
)
def test_inputs_that_do_not_fit_are_said(girih: Girih, published: Path, args: list[str], code: int, words: str) -> None:
    Path("list.json").write_text("[]")
    Path("broken.json").write_text("{")
    Path("nan.json").write_text('{"question": "x", "times": NaN}')
    done = girih("run", "hello", *args)
    assert (done.code, done.out) == (code, "")
    assert words in done.err


def test_inputs_are_read_as_the_version_that_runs_declares_them(girih: Girih, published: Path) -> None:
    text = (published / "hello.yaml").read_text()
    (published / "hello.yaml").write_text(text.replace("  times: { type: integer, default: 1 }\n", ""))
    assert girih("apply", str(published)).code == 0
    assert girih("run", "hello@prod", "-i", "question=x", "-i", "times=2").code == 0
    assert girih("run", "hello", "-i", "question=x", "-i", "times=2").code == 1


def test_a_run_id_that_is_none_is_said(girih: Girih) -> None:
    done = girih("trace", "yesterday's")
    assert done.code == 2
    assert "'yesterday's' is not the id of a run" in done.err


def test_an_answer_that_comes_once_more_after_an_interruption(capfd: pytest.CaptureFixture[str]) -> None:
    screen = Screen(as_json=False)
    texts = [event("message.delta", "a", text=text) for text in ("Hel", "Hello", " you")]
    again = [event("run.resumed"), event("node.started", "a", verb="llm"), texts[1], texts[2]]
    for item in [event("node.started", "a", verb="llm"), texts[0], *again]:
        screen.show(item)
    screen.show(event("run.finished", outputs={"text": "Hello you"}))
    screen.finish(trace=False)
    said = capfd.readouterr()
    assert said.out == "Hel\nHello you\n"
    assert "comes once more" in said.err


def test_nothing_that_a_run_says_steers_a_terminal(capfd: pytest.CaptureFixture[str]) -> None:
    screen = Screen(as_json=False)
    screen.show(event("run.failed", error={"kind": "refused", "message": "no\x1b]0;x\x07 \x9bway", "node": "a"}))
    with pytest.raises(typer.Exit):
        screen.finish(trace=True)
    err = capfd.readouterr().err
    assert "no]0;x way" in err
    assert all(character.isprintable() or character == "\n" for character in err)


def test_an_unknown_agent_is_said_with_a_hint(girih: Girih, published: Path) -> None:
    done = girih("run", "helo", "-i", "question=x")
    assert done.code == 1
    assert "hello" in done.err


def test_a_failed_run_ends_with_1_and_its_reason(girih: Girih, published: Path) -> None:
    done = girih("run", "fails", "-i", "question=x", "--trace")
    assert done.code == 1
    assert "the run failed" in done.err
    assert "✗" in done.err


def test_detach_prints_the_id_and_trace_follows_to_the_end(girih: Girih, published: Path) -> None:
    done = girih("run", "slow", "-i", "question=x", "--detach")
    assert done.code == 0
    run_id = done.out.strip()
    traced = girih("trace", run_id)
    assert traced.code == 0
    assert traced.out.splitlines()[0].startswith("✓  slow 1.0.0")
    assert "answer  llm" in traced.out
    assert girih("trace", "0190b0a0-0000-7000-8000-000000000000").code == 1


def test_ctrl_c_cancels_the_run(server: ApiProcess, key: str, girih: Girih, published: Path) -> None:
    environment = os.environ | {"GIRIH_URL": server.url, "GIRIH_API_KEY": key}
    command = [sys.executable, "-m", "girih.cli", "run", "slow", "-i", "question=x", "--json"]
    process = subprocess.Popen(
        command, env=environment, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, start_new_session=True
    )
    assert process.stdout is not None
    run_id = json.loads(process.stdout.readline())["run_id"]
    process.send_signal(signal.SIGINT)
    _, err = process.communicate(timeout=30)
    assert process.returncode == 130
    assert "Traceback" not in err
    assert "cancelled" in err
    traced = girih("trace", run_id)
    assert traced.code == 1
    assert traced.out.startswith("⊘")


@contextmanager
def breaking_proxy(url: str, after: int) -> Iterator[str]:
    """A way to the server that cuts every answer after so many bytes, in the middle of whatever is there."""
    target = urlsplit(url)
    listener = socket.create_server(("127.0.0.1", 0))
    listener.settimeout(0.1)
    ending = threading.Event()

    def one(client: socket.socket) -> None:
        with client, socket.create_connection((target.hostname or "", target.port or 0)) as server:
            client.settimeout(0.02)
            server.settimeout(0.02)
            left = after
            while not ending.is_set() and left > 0:
                for source, sink in ((client, server), (server, client)):
                    try:
                        data = source.recv(left if source is server else 65536)
                    except TimeoutError:
                        continue
                    except OSError:
                        return
                    if not data:
                        return
                    sink.sendall(data)
                    left -= len(data) if source is server else 0

    def accept() -> None:
        while not ending.is_set():
            try:
                client, _ = listener.accept()
            except TimeoutError:
                continue
            threads.append(threading.Thread(target=one, args=[client]))
            threads[-1].start()

    threads = [threading.Thread(target=accept)]
    threads[0].start()
    try:
        yield f"http://127.0.0.1:{listener.getsockname()[1]}"
    finally:
        ending.set()
        for thread in threads:
            thread.join()
        listener.close()


@pytest.mark.parametrize("after", [1200, 1500, 2100])
def test_a_stream_that_breaks_again_and_again_loses_nothing(
    server: ApiProcess, girih: Girih, published: Path, monkeypatch: pytest.MonkeyPatch, after: int
) -> None:
    with breaking_proxy(server.url, after) as url:
        monkeypatch.setenv("GIRIH_URL", url)
        done = girih("run", "hello", "--json", *INPUT)
    events = [json.loads(line) for line in done.out.splitlines()]
    assert done.code == 0, done.err
    assert [event["seq"] for event in events] == list(range(1, len(events) + 1))
    assert events[-1]["type"] == "run.finished"
    assert len({event["run_id"] for event in events}) == 1


INPUT = ("--inputs", "q.json")


@pytest.fixture(autouse=True)
def question(tmp_path: Path) -> None:
    (tmp_path / "q.json").write_text('{"question": "Why?"}')


def test_a_reader_that_goes_away_is_no_stack_trace(server: ApiProcess, key: str, published: Path) -> None:
    environment = os.environ | {"GIRIH_URL": server.url, "GIRIH_API_KEY": key}
    command = f"{sys.executable} -m girih.cli run slow -i question=x --json | head -1"
    done = subprocess.run(["sh", "-c", command], env=environment, capture_output=True, text=True, timeout=60)
    assert json.loads(done.stdout)["seq"] == 1
    assert "Traceback" not in done.stderr


def event(type: str, node: str | None = None, **data: object) -> dict[str, object]:
    return {"run_id": "r", "type": type, "node": node, "data": data, "attempt": 1}


def test_a_tree_nests_subgraphs_and_keeps_visits_apart() -> None:
    events = [
        event("run.started", agent="a", version="1.0.0"),
        event("node.started", "sort", verb="llm"),
        event("message.completed", "sort", model="m", usage={"input_tokens": 3, "output_tokens": 2}),
        event("node.finished", "sort", duration_ms=4),
        event("node.started", "desk", verb="graph"),
        event("node.started", "desk/look", verb="call"),
        event("tool.finished", "desk/look", tool="crm"),
        event("node.finished", "desk/look", duration_ms=1500),
        event("node.finished", "desk", duration_ms=1600),
        event("node.started", "sort", verb="llm"),
        event("node.failed", "sort", kind="timeout", message="too slow"),
        event("run.failed", error={"kind": "timeout", "message": "too slow"}, duration_ms=2000),
    ]
    assert list(drawn(grown(events))) == [
        "✗  a 1.0.0  2.0 s  timeout: too slow",
        "├─ ✓  sort  llm  4 ms  m, 3 → 2 tokens",
        "├─ ✓  desk  graph  1.6 s",
        "│  └─ ✓  look  call  1.5 s  tool crm",
        "└─ ✗  sort  llm  timeout: too slow",
    ]


def test_a_step_that_was_interrupted_is_not_still_running() -> None:
    started = event("node.started", "a", verb="llm")
    done = [event("node.finished", "a", verb="llm", duration_ms=1), event("run.finished", duration_ms=9)]
    root = grown([event("run.started", agent="x"), started, event("run.resumed"), started, *done])
    assert list(drawn(root))[1:] == ["├─ ⊘  a  llm  interrupted", "└─ ✓  a  llm  1 ms"]


def test_a_citation_names_document_and_place() -> None:
    citation = {"number": 2, "document": "returns.docx", "place": {"heading": ["Returns", "Damage"]}}
    assert is_citations([citation])
    assert cited_line(citation) == "[2] returns.docx, Returns › Damage"
    assert cited_line({**citation, "place": {"page": 3}}) == "[2] returns.docx, page 3"
    assert not is_citations([])
    assert not is_citations(["a"])

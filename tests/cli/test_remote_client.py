"""Finding a server, and what the commands say when there is none, or the wrong one."""

from __future__ import annotations

import json
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest
import typer
from tests.api.process import free_port
from tests.cli.conftest import Girih

from girih.cli import app
from girih.cli.client import Target, find_target, segment
from girih.cli.output import CONFLICT, FINDINGS, UNREACHABLE, USAGE

COMMANDS = (
    ["run", "hello"],
    ["publish", "hello"],
    ["versions", "hello"],
    ["trace", "0190b0a0-0000-7000-8000-000000000000"],
    ["ingest", "shelf", "file.md"],
    ["apply", "specs"],
)


def dev(folder: Path, **content: str) -> Path:
    (folder / ".girih").mkdir(parents=True)
    (folder / ".girih" / "dev.json").write_text(json.dumps(content))
    return folder


def test_the_environment_names_the_server(tmp_path: Path) -> None:
    found = find_target({"GIRIH_URL": "http://h:1/", "GIRIH_API_KEY": "k"}, tmp_path)
    assert found == Target("http://h:1", "k", "GIRIH_API_KEY")


def test_else_the_nearest_dev_json_upwards(tmp_path: Path) -> None:
    dev(tmp_path, url="http://127.0.0.1:1", api_key="outer")
    inner = dev(tmp_path / "a" / "b", url="http://127.0.0.1:2", api_key="inner")
    below = inner / "c" / "d"
    below.mkdir(parents=True)
    assert find_target({}, below).api_key == "inner"
    assert find_target({}, tmp_path / "a").api_key == "outer"


@pytest.mark.parametrize("content", ["", "[]", "{}", '{"url": 5, "api_key": "k"}', '{"url": "http://h"}'])
def test_a_dev_json_that_is_none_is_passed_over(tmp_path: Path, content: str) -> None:
    dev(tmp_path, url="http://127.0.0.1:1", api_key="outer")
    (tmp_path / "a" / ".girih").mkdir(parents=True)
    (tmp_path / "a" / ".girih" / "dev.json").write_text(content)
    assert find_target({}, tmp_path / "a").api_key == "outer"


def test_a_key_alone_goes_with_the_dev_server(tmp_path: Path) -> None:
    dev(tmp_path, url="http://127.0.0.1:1", api_key="dev")
    assert find_target({"GIRIH_API_KEY": "mine"}, tmp_path) == Target("http://127.0.0.1:1", "mine", "GIRIH_API_KEY")


def test_a_dev_key_is_never_sent_to_another_server(tmp_path: Path) -> None:
    dev(tmp_path, url="http://127.0.0.1:1", api_key="dev")
    assert find_target({"GIRIH_URL": "http://127.0.0.1:1"}, tmp_path).api_key == "dev"
    with pytest.raises(typer.Exit) as ended:
        find_target({"GIRIH_URL": "http://elsewhere:1"}, tmp_path)
    assert ended.value.exit_code == UNREACHABLE


@pytest.mark.parametrize("url", ["ftp://h", "h:80", "http://", "/path"])
def test_an_address_that_is_none_is_usage(url: str, tmp_path: Path) -> None:
    with pytest.raises(typer.Exit) as ended:
        find_target({"GIRIH_URL": url, "GIRIH_API_KEY": "k"}, tmp_path)
    assert ended.value.exit_code == USAGE


@pytest.mark.parametrize("name", ["a/b", "..", ".", "a b", "a?b", "a#b", "ä"])
def test_a_name_stays_one_segment_of_the_path(name: str) -> None:
    assert "/" not in segment(name)
    assert segment(name) not in (".", "..")
    assert not set(segment(name)) & set("?# ")


def one_sentence(err: str) -> None:
    lines = [line for line in err.splitlines() if line and line != "file.md: upload"]
    assert 1 <= len(lines) <= 2, err
    assert lines[0].startswith("error: ")
    assert "Traceback" not in err


@pytest.mark.parametrize("args", COMMANDS, ids=lambda args: args[0])
def test_no_server_is_one_sentence_and_4(
    args: list[str], girih: Girih, workspace: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    Path("file.md").write_text("x")
    monkeypatch.setenv("GIRIH_URL", f"http://127.0.0.1:{free_port()}")
    done = girih(*args)
    assert (done.code, done.out) == (UNREACHABLE, "")
    one_sentence(done.err)
    assert "girih dev" in done.err


@pytest.mark.parametrize("args", COMMANDS, ids=lambda args: args[0])
def test_nothing_known_is_one_sentence_and_4(
    args: list[str], girih: Girih, workspace: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    Path("file.md").write_text("x")
    monkeypatch.delenv("GIRIH_URL")
    monkeypatch.delenv("GIRIH_API_KEY")
    done = girih(*args)
    assert (done.code, done.out) == (UNREACHABLE, "")
    one_sentence(done.err)


@pytest.mark.parametrize("args", COMMANDS, ids=lambda args: args[0])
def test_a_wrong_key_is_one_sentence_and_4(
    args: list[str], girih: Girih, workspace: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    Path("file.md").write_text("x")
    monkeypatch.setenv("GIRIH_API_KEY", "girih_live_wrong")
    done = girih(*args)
    assert (done.code, done.out) == (UNREACHABLE, "")
    one_sentence(done.err)
    assert "GIRIH_API_KEY" in done.err


class Odd(BaseHTTPRequestHandler):
    """Something that answers, but is no girih server."""

    status = 200
    kind = "text/html"
    body = b"<h1>It works!</h1>"

    def answer(self) -> None:
        self.send_response(self.status)
        self.send_header("content-type", self.kind)
        self.send_header("content-length", str(len(self.body)))
        self.end_headers()
        self.wfile.write(self.body)

    do_GET = do_POST = do_PUT = answer

    def log_message(self, format: str, *args: object) -> None:
        return


@pytest.fixture
def odd(monkeypatch: pytest.MonkeyPatch) -> Iterator[type[Odd]]:
    kind = type("OddOne", (Odd,), {})
    server = ThreadingHTTPServer(("127.0.0.1", 0), kind)
    thread = threading.Thread(target=server.serve_forever, args=[0.05])
    thread.start()
    monkeypatch.setenv("GIRIH_URL", f"http://127.0.0.1:{server.server_address[1]}")
    monkeypatch.setenv("GIRIH_API_KEY", "k")
    yield kind
    server.shutdown()
    thread.join()
    server.server_close()


def problem(status: int, **more: object) -> dict[str, object]:
    return {"status": status, "kind": "application/problem+json", "body": json.dumps({"detail": "so", **more}).encode()}


@pytest.mark.parametrize(
    ("answer", "code", "words"),
    [
        ({}, UNREACHABLE, "not a girih server"),
        ({"status": 502}, UNREACHABLE, "502 Bad Gateway"),
        ({"status": 404}, FINDINGS, "404 Not Found"),
        ({"kind": "application/json", "body": b"[]"}, UNREACHABLE, "not a girih server"),
        ({"kind": "application/json", "body": b"{broken"}, UNREACHABLE, "not a girih server"),
        (problem(500, error_id="e-17"), UNREACHABLE, "e-17"),
        (problem(403, help="ask for it"), UNREACHABLE, "ask for it"),
        (problem(409), CONFLICT, "so"),
        (problem(422), FINDINGS, "so"),
    ],
)
def test_each_answer_has_its_code(
    odd: type[Odd], capfd: pytest.CaptureFixture[str], answer: dict[str, object], code: int, words: str
) -> None:
    for name, value in answer.items():
        setattr(odd, name, value)
    assert app.run(["versions", "hello"]) == code
    said = capfd.readouterr()
    assert said.out == ""
    assert words in said.err
    one_sentence(said.err)

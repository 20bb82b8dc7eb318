"""`girih test`: what is run, what is said, and what is kept."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path
from xml.etree import ElementTree

import pytest

from girih.cli import trial_text
from girih.cli.app import run

GRAPH = """\
kind: graph/v1
name: desk
inputs: { question: string }
use: { m: model://default }
nodes:
  sort:
    llm: m
    prompt: "${ inputs.question }"
    returns: { intent: { enum: [faq, other] } }
    next: [{ if: "sort.intent == 'faq'", to: answer }, { else: $fail }]
  answer: { llm: m, prompt: "Answer ${ inputs.question }", next: $end }
outputs: { text: "${ answer.text }" }
tests:
  - name: good
    given: { question: Who? }
    mock: { sort: { intent: faq } }
    expect: { path: [sort, answer], output: "text.contains('Who?')" }
  - name: rows
    cases: cases.csv
    mock: { answer: { text: hi } }
    expect: { outputs: { text: hi } }
"""
CASES = "name,given.question,mock.sort.intent\nnumber,30,faq\nbad,x,other\n"


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    for name in [name for name in os.environ if name.startswith(("OPENAI_", "GIRIH_"))]:
        monkeypatch.delenv(name)
    monkeypatch.chdir(tmp_path)
    (tmp_path / "desk.yaml").write_text(GRAPH)
    (tmp_path / "cases.csv").write_text(CASES)
    return tmp_path


def test_tests_and_their_cases_are_run(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert run(["test", ".", "--coverage"]) == 1
    captured = capsys.readouterr()
    lines = [line.partition("  (")[0] for line in captured.out.splitlines()]
    assert lines[:4] == ["desk  desk.yaml", "  ok    good", "  ok    rows: number", "  FAIL  rows: bad"]
    assert "        the run failed at 'sort' (refused):" in captured.out
    assert "  nodes 2 of 2, ways 3 of 3" in captured.out
    assert captured.err == "3 tests: 2 passed, 1 failed\n"
    assert run(["test", "desk.yaml", "-k", "GOOD"]) == 0
    assert run(["test", "-k", "nothing"]) == 1
    assert run(["test", "-k", "good", "--fail-under", "60"]) == 0
    assert run(["test", "-k", "good", "--fail-under", "80"]) == 1
    assert "the tests take 67 % of the ways, 80 % are asked for" in capsys.readouterr().err


def test_forms_for_programs(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert run(["test", "--format", "junit"]) == 1
    root = ElementTree.fromstring(capsys.readouterr().out)
    assert (root.get("tests"), root.get("failures")) == ("3", "1")
    assert [case.get("name") for case in root.iter("testcase")] == ["good", "rows: number", "rows: bad"]
    assert run(["test", "--format", "json"]) == 1
    [graph] = json.loads(capsys.readouterr().out)["graphs"]
    assert [test["passed"] for test in graph["tests"]] == [True, True, False]
    assert graph["coverage"]["missing_nodes"] == []


def test_a_recorded_answer_needs_no_model(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert run(["test", "-k", "good", "--record"]) == 0
    tape = folder / "cassettes/desk/good.json"
    assert len(json.loads(tape.read_text())["calls"]) == 1
    tape.write_text(tape.read_text().replace("[demo model]", "From the tape:"))
    (folder / "desk.yaml").write_text(GRAPH.replace("text.contains('Who?')", "text.startsWith('From the tape:')"))
    assert run(["test", "-k", "good"]) == 0
    assert run(["test", "-k", "good", "--live"]) == 1
    (folder / "desk.yaml").write_text(GRAPH.replace("Answer ${", "Reply ${"))
    capsys.readouterr()
    assert run(["test", "-k", "good"]) == 1
    assert "is not on the test's cassette" in capsys.readouterr().out
    tape.write_text("{}")
    assert run(["test", "-k", "good"]) == 1
    assert "the cassette desk.yaml" not in capsys.readouterr().err
    assert run(["test", "--live", "--record"]) == 1


def test_what_does_not_compile_is_shown(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (folder / "bad.yaml").write_text(GRAPH.replace("name: desk", "name: bad").replace("to: answer", "to: nowhere"))
    assert run(["test", "-k", "good"]) == 1
    captured = capsys.readouterr()
    assert "bad.yaml:" in captured.err
    assert "what does not compile is not tested" in captured.err
    assert "ok    good" in captured.out
    assert run(["test", "desk.yaml", "-k", "good"]) == 0


def test_one_node_alone(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (folder / "saved.json").write_text('{"inputs": {"question": "Me?"}}')
    assert run(["test", "desk.yaml", "--node", "answer", "--with", "saved.json"]) == 0
    captured = capsys.readouterr()
    assert "Answer Me?" in json.loads(captured.out)["text"]
    assert captured.err == "desk: answer (llm)\n"
    assert run(["test", "desk.yaml", "--node", "answr"]) == 1
    assert "did you mean 'answer'?" in capsys.readouterr().err
    (folder / "saved.json").write_text('{"input": {}}')
    assert run(["test", "desk.yaml", "--node", "answer", "--with", "saved.json"]) == 1
    assert "it may have: inputs, state, nodes, answers" in capsys.readouterr().err


def test_a_change_runs_them_again(folder: Path) -> None:
    process = subprocess.Popen(
        [sys.executable, "-m", "girih.cli", "test", "desk.yaml", "-k", "good", "--watch"],
        cwd=folder,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
    )
    assert process.stdout is not None
    try:
        _until(process, "waiting for a change")
        time.sleep(0.1)
        (folder / "desk.yaml").write_text(GRAPH.replace("text.contains('Who?')", "text == 'no'"))
        assert "does not hold" in _until(process, "1 failed")
        process.send_signal(signal.SIGINT)
        assert process.wait(20) == 130
    finally:
        process.kill()
        process.wait()
        process.stdout.close()


def _until(process: subprocess.Popen[str], text: str) -> str:
    seen = ""
    assert process.stdout is not None
    for line in process.stdout:
        seen += line
        if text in line:
            return seen
    raise AssertionError(f"'{text}' never came:\n{seen}")


def test_recording_again_at_each_change_would_never_end(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert run(["test", "--record", "--watch"]) == 1
    assert "do not go together" in capsys.readouterr().err


def test_a_name_that_no_test_has_is_answered_with_those_there_are(
    folder: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert run(["test", "-k", "nothing"]) == 1
    assert capsys.readouterr().err == "no test's name holds 'nothing'; there are: good, rows: number, rows: bad\n"


def test_colours_and_slow_tests(
    folder: Path, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(trial_text, "SLOW", 0.0)
    monkeypatch.delenv("NO_COLOR", raising=False)
    monkeypatch.setenv("FORCE_COLOR", "1")
    assert run(["test", "-k", "good", "-k", "bad"]) == 1
    out = capfd.readouterr().out
    assert "\x1b[32m  ok  \x1b[0m  good" in out
    assert "\x1b[31m\x1b[1m  FAIL\x1b[0m  rows: bad" in out
    assert {line.partition(" s  ")[2] for line in out.partition("slow\n")[2].splitlines()} >= {"desk: good"}


def test_what_only_a_server_has_is_explained(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (folder / "desk.yaml").write_text(GRAPH.replace("model://default", "tool://crm.lookup"))
    assert run(["test"]) == 1
    captured = capsys.readouterr()
    assert "tool 'crm.lookup' not found" in captured.err
    assert "What only a server has needs its file here" in captured.err
    assert "there are no tests" not in captured.err

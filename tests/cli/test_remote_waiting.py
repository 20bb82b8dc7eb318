"""Runs that ask, on the command line: answered on a terminal, by command, and shown in lists and trees."""

from __future__ import annotations

import json
import os
import pty
import re
import select
import subprocess
import sys
import time
from pathlib import Path

import pytest
from tests.api.process import ApiProcess
from tests.cli.conftest import Done, Girih

from girih.cli.trace import drawn, grown

ASKS = """\
kind: graph/v1
name: asks
inputs: { order: string }
nodes:
  approval:
    ask:
      message: "Refund ${ inputs.order }?"
      returns:
        approved: boolean
        amount: { type: number, minimum: 0, description: What to pay back }
        tone: { enum: [kind, short], default: kind }
    next: pause
  pause:
    wait: 0.1
    next: $end
outputs: { approved: "${ approval.approved }", amount: "${ approval.amount }", tone: "${ approval.tone }" }
"""
PAIR = """\
kind: graph/v1
name: pair
nodes:
  both: { parallel: [one, other], next: $end }
  one: { ask: { message: First? } }
  other: { ask: { message: Second?, choices: [left, right] } }
outputs: { one: "${ one.answer }", other: "${ other.choice }" }
"""


@pytest.fixture
def asking(girih: Girih, tmp_path: Path) -> Path:
    """A workspace of agents that ask, published."""
    folder = tmp_path / "asking"
    folder.mkdir()
    for name, text in {"asks.yaml": ASKS, "pair.yaml": PAIR}.items():
        (folder / name).write_text(text)
    done = girih("apply", str(folder))
    assert done.code == 0, done.err
    return folder


def run_id_in(done: Done) -> str:
    found = re.search(r"[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}", done.err)
    assert found, done.err
    return found.group()


def traced(girih: Girih, run_id: str) -> Done:
    """The trace of a run that only waits for time by now, once it has ended."""
    deadline = time.monotonic() + 30
    while (done := girih("trace", run_id)).code == 6 and time.monotonic() < deadline:
        time.sleep(0.05)
    return done


def test_without_a_terminal_it_says_how_to_answer(girih: Girih, asking: Path) -> None:
    done = girih("run", "asks", "-i", "order=A7")
    assert (done.code, done.out) == (6, "")
    run_id = run_id_in(done)
    assert "Refund A7?" in done.err
    assert f"girih answer {run_id} " in done.err
    assert "approved=true|false amount=N tone=kind|short" in done.err
    waiting = girih("trace", run_id)
    assert waiting.code == 6
    assert "waits: Refund A7?" in waiting.out
    (listed,) = json.loads(girih("interrupts", "--agent", "asks", "--format", "json").out)["interrupts"]
    assert f"girih answer {run_id} {listed['id']}" in girih("interrupts").out
    (row,) = girih("runs", "--status", "interrupted").out.splitlines()
    assert row.startswith(f"{run_id}  interrupted")
    assert "waits in approval: Refund A7?" in row
    wrong = girih("answer", run_id, "approved=maybe", "amount=-1")
    assert wrong.code == 1
    assert "answer.approved" in wrong.err
    assert "answer.amount" in wrong.err
    assert girih("answer", run_id, "approved=yes", "amount=2.5").code == 0
    ended = traced(girih, run_id)
    assert ended.code == 0
    assert "resumed as attempt 2" in ended.out
    assert ended.out.count("approval") == 1
    (run,) = json.loads(girih("runs", "--format", "json").out)["runs"]
    assert run["outputs"] == {"approved": True, "amount": 2.5, "tone": "kind"}
    late = girih("answer", run_id, listed["id"], "approved=no", "amount=1")
    assert late.code == 5


def test_json_prints_the_interruption_as_the_stream_has_it(girih: Girih, asking: Path) -> None:
    done = girih("run", "asks", "-i", "order=A7", "--json")
    events = [json.loads(line) for line in done.out.splitlines()]
    assert done.code == 6
    assert events[-1]["type"] == "run.interrupted"
    assert events[-1]["data"]["interrupts"][0]["message"] == "Refund A7?"
    assert girih("answer", events[0]["run_id"], "--json", '{"approved": true, "amount": 0}').code == 0


def test_one_of_several_questions_is_named(girih: Girih, asking: Path) -> None:
    run_id = run_id_in(girih("run", "pair"))
    vague = girih("answer", run_id, "answer=x")
    assert vague.code == 2
    assert "First?" in vague.err
    assert "choice=left|right" in vague.err
    listed = json.loads(girih("interrupts", "--agent", "pair", "--format", "json").out)["interrupts"]
    by_message = {one["message"]: one["id"] for one in listed}
    assert girih("answer", run_id, by_message["First?"], "answer=x").code == 0
    assert girih("trace", run_id).code == 6
    assert girih("answer", run_id, "choice=left").code == 0
    assert traced(girih, run_id).code == 0


@pytest.mark.parametrize(
    ("args", "code"),
    [
        (["answer", "00000000-0000-4000-8000-000000000000", "x=1"], 1),
        (["answer", "nonsense", "x=1"], 1),
        (["answer", "{run}", "00000000-0000-4000-8000-000000000000", "x=1"], 1),
        (["answer", "{run}", "approved=true", "approved=true"], 2),
        (["answer", "{run}", "approved=true", "--json", "{}"], 2),
        (["answer", "{run}", "--json", "{"], 2),
        (["answer", "{run}", "=true"], 2),
    ],
)
def test_answers_that_cannot_be_are_said(girih: Girih, asking: Path, args: list[str], code: int) -> None:
    run_id = run_id_in(girih("run", "asks", "-i", "order=A7")) if "{run}" in args else ""
    done = girih(*(part.replace("{run}", run_id) for part in args))
    assert done.code == code, done.err
    assert done.err.startswith("error: ")


def test_on_a_terminal_the_question_is_asked(server: ApiProcess, key: str, girih: Girih, asking: Path) -> None:
    master, slave = pty.openpty()
    command = [sys.executable, "-m", "girih.cli", "run", "asks", "-i", "order=A7"]
    environment = os.environ | {"GIRIH_URL": server.url, "GIRIH_API_KEY": key, "NO_COLOR": "1"}
    with subprocess.Popen(command, stdin=slave, stderr=slave, stdout=subprocess.PIPE, env=environment) as process:
        os.close(slave)
        said = talk(master, ["approved", "amount", "tone", "approved", "amount", "tone"],
                    ["y", "-1", "", "y", "12.5", "short"])  # fmt: skip
        assert process.stdout is not None
        out = process.stdout.read().decode()
        assert process.wait(30) == 0, said
    os.close(master)
    assert "Refund A7?" in said
    assert "What to pay back" in said
    assert "answer.amount" in said
    assert "12.5" in out
    assert "short" in out


def talk(master: int, prompts: list[str], replies: list[str]) -> str:
    """Wait for each prompt and type the reply to it."""
    said = seen = ""
    deadline = time.monotonic() + 60
    for prompt, reply in zip(prompts, replies, strict=True):
        while not re.search(rf"\b{prompt}\b[^\n]*: $", seen):
            assert time.monotonic() < deadline, said
            if select.select([master], [], [], 1)[0]:
                part = os.read(master, 4096).decode(errors="replace")
                said, seen = said + part, seen + part
        os.write(master, f"{reply}\n".encode())
        seen = ""
    return said


def test_the_tree_shows_skips_retries_waits_and_items() -> None:
    def event(name: str, node: str | None, **data: object) -> dict[str, object]:
        return {"type": name, "node": node, "attempt": data.get("attempt", 1), "data": data}

    events = [
        event("run.started", None, agent="a", version="1.0.0"),
        event("node.skipped", "maybe", verb="set"),
        event("node.started", "call", verb="call"),
        event("node.retried", "call", attempt=1, kind="timeout"),
        event("node.finished", "call", duration_ms=5.0),
        event("node.started", "list", verb="each"),
        event("node.started", "list[3]/ask", verb="ask"),
        event("run.interrupted", None, interrupts=[{"node": "list[3]/ask", "message": "Sure?"}]),
        event("run.resumed", None, attempt=2, answers={}),
        event("node.started", "list[3]/ask", verb="ask"),
        event("node.finished", "list[3]/ask", duration_ms=1.0),
    ]
    lines = list(drawn(grown(events)))
    assert any("↷" in line and "skipped" in line for line in lines)
    assert any("attempt 1 failed (timeout)" in line for line in lines)
    (item,) = [line for line in lines if "[3]" in line]
    (asked,) = [line for line in lines if "waits: Sure?" in line]
    assert lines.index(asked) == lines.index(item) + 1
    assert "✓" in asked


def test_a_run_stops_where_it_was_told_and_goes_on_by_command(girih: Girih, asking: Path) -> None:
    done = girih("run", "pair", "--interrupt-before", "both", "--interrupt-after", "both")
    assert done.code == 6, done.err
    assert "waits until you let it go on" in done.err
    run_id = run_id_in(done)
    assert "stopped before 'both'" in done.err
    assert f"girih answer {run_id}" in done.err
    on = girih("answer", run_id)
    assert on.code == 0, on.err
    assert "the run goes on" in on.err
    wrong = girih("run", "pair", "--interrupt-before", "booth")
    assert wrong.code == 1
    assert "did you mean 'both'?" in wrong.err


def test_a_run_begins_later(girih: Girih, asking: Path) -> None:
    started = girih("run", "pair", "--after", "1h", "--detach")
    assert started.code == 0, started.err
    assert '"status": "queued"' in girih("runs", "--format", "json").out
    wrong = girih("run", "pair", "--after", "soon")
    assert wrong.code == 2
    assert "a duration is expected" in wrong.err

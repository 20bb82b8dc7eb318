"""Log lines are one JSON object each, whatever is in them, and say which request, run and organization they are of."""

from __future__ import annotations

import json
import subprocess
import sys

import pytest

PROGRAM = """
import asyncio, logging, sys
import structlog
from structlog.contextvars import bind_contextvars
from girih.logs import configure_logging

configure_logging("info", "FORM")
hostile = eval(sys.stdin.read())
bind_contextvars(request_id="r-1", run_id="run-1", org_id="org-1")
structlog.get_logger("girih.test").warning("said", value=hostile)
logging.getLogger("library").warning("said %s", hostile)
try:
    raise ValueError(hostile)
except ValueError as fault:
    structlog.get_logger("girih.test").error("failed", exc_info=fault)
"""
HOSTILE = ['a\nb {"level": "error"}', "a\r\nb", "\x1b[2J\x1b]0;x\x07", "\u2028\u2029", "\x00", "\ud800", '"}', "%s %d"]


def said(hostile: str, form: str) -> str:
    command = [sys.executable, "-c", PROGRAM.replace("FORM", form)]
    done = subprocess.run(command, input=ascii(hostile).encode(), capture_output=True, check=True)
    return done.stderr.decode("utf-8")


@pytest.mark.parametrize("hostile", HOSTILE, ids=range(len(HOSTILE)))
def test_no_text_makes_a_line_of_its_own(hostile: str) -> None:
    text = said(hostile, "json")
    lines = [json.loads(line) for line in text.split("\n") if line]
    assert [line["level"] for line in lines] == ["warning", "warning", "error"]
    assert lines[0]["value"].encode("utf-8", "replace") == hostile.encode("utf-8", "replace")
    for line in lines:
        assert (line["request_id"], line["run_id"], line["org_id"]) == ("r-1", "run-1", "org-1")
    assert not set(text) & {"\x1b", "\x00", "\r", "\u2028"}


@pytest.mark.parametrize("hostile", HOSTILE[:5])
def test_a_readable_line_steers_no_terminal(hostile: str) -> None:
    text = said(hostile, "console")
    first = [line for line in text.split("\n") if "said" in line]
    assert len(first) == 2
    assert not set(text) & {"\x1b", "\x00", "\r"}


def test_known_secrets_are_hidden() -> None:
    key = "girih_live_" + "0" * 32 + "_" + "A" * 49
    text = said(f"Bearer abcdefgh12345678 and {key}", "json")
    assert "abcdefgh12345678" not in text
    assert key not in text

"""Log lines hold what happened and never what people wrote."""

from __future__ import annotations

import json
import subprocess
import sys

import pytest

PROGRAM = """
import stamina
from girih.logs import configure_logging

configure_logging("info", "FORM")

@stamina.retry(on=ValueError, attempts=2, wait_initial=0.01)
def send(text):
    raise ValueError("away")

try:
    send("canary-7c1e")
except ValueError:
    pass
"""


@pytest.mark.parametrize("form", ["json", "console"])
def test_a_retry_is_logged_without_its_arguments(form: str) -> None:
    command = [sys.executable, "-c", PROGRAM.replace("FORM", form)]
    said = subprocess.run(command, capture_output=True, text=True, check=True).stderr
    assert "trying again" in said
    assert "ValueError" in said
    assert "canary" not in said
    if form == "json":
        assert json.loads(said)["call"].endswith("send")

"""The examples that ship with girih pass their own tests, and these take every way of every graph."""

from __future__ import annotations

import json
import os
from pathlib import Path

import pytest

from girih.cli.app import run

EXAMPLES = Path(__file__).parents[2] / "agent_specs"


def test_the_examples_pass_their_tests_on_every_way(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    for name in [name for name in os.environ if name.startswith(("OPENAI_", "GIRIH_"))]:
        monkeypatch.delenv(name)
    code = run(["test", str(EXAMPLES), "--format", "json", "--fail-under", "100"])
    captured = capsys.readouterr()
    assert code == 0, captured.out + captured.err
    tested = {graph["graph"] for graph in json.loads(captured.out)["graphs"]}
    assert tested == {path.stem for path in EXAMPLES.glob("*.yaml")}


def test_the_examples_are_laid_out(capsys: pytest.CaptureFixture[str]) -> None:
    specs = [path for path in EXAMPLES.rglob("*.yaml") if (EXAMPLES / "handbook") not in path.parents]
    assert run(["fmt", "--check", *map(str, specs)]) == 0, capsys.readouterr().out

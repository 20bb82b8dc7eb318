"""`girih graph`: which graph is drawn, how, and what is said where none can be."""

from __future__ import annotations

from pathlib import Path

import pytest

from girih.cli.app import run

GRAPH = """\
kind: graph/v1
name: one
nodes:
  a: { set: { x: "1" }, next: $end }
outputs: { x: "${ a.x }" }
"""


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "specs").mkdir()
    (tmp_path / "specs/one.yaml").write_text(GRAPH)
    return tmp_path / "specs"


def test_a_file_is_drawn_as_text(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    for target in ("specs/one.yaml", "specs"):
        assert run(["graph", target]) == 0
        assert capsys.readouterr().out == "one\n  a  set\n    → end\n"


def test_the_name_of_the_file_says_how(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert run(["graph", "specs/one.yaml", "-o", "one.svg"]) == 0
    assert Path("one.svg").read_text().startswith("<svg")
    assert run(["graph", "specs/one.yaml", "--output", "one.mmd"]) == 0
    assert Path("one.mmd").read_text().startswith("flowchart TD\n")
    assert run(["graph", "specs/one.yaml", "--format", "mermaid"]) == 0
    captured = capsys.readouterr()
    assert captured.out == Path("one.mmd").read_text()
    assert captured.err == "wrote one.svg\nwrote one.mmd\n"


def test_one_of_several_is_named(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (folder / "two.yaml").write_text(GRAPH.replace("name: one", "name: two"))
    assert run(["graph", "specs", "two"]) == 0
    assert capsys.readouterr().out.startswith("two\n")
    assert run(["graph", "specs"]) == 1
    assert "holds 2 graphs\n  help: name one of: one, two" in capsys.readouterr().err
    assert run(["graph", "specs", "tow"]) == 1
    assert "did you mean 'two'?" in capsys.readouterr().err


def test_what_is_wrong_is_shown_instead(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (folder / "bad.yaml").write_text(GRAPH.replace("name: one", "name: bad").replace("next: $end", "next: nowhere"))
    assert run(["graph", "specs/bad.yaml"]) == 1
    captured = capsys.readouterr()
    assert captured.out == ""
    assert "bad.yaml:4:31 E101" in captured.err
    assert captured.err.endswith("1 error: nothing is drawn\n")
    assert run(["graph", "specs/one.yaml"]) == 0

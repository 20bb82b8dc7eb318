"""`girih new`, `girih schema` and `girih explain`."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from girih.cli.app import run
from girih.cli.explain import find_pages


def test_a_new_workspace_is_valid(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    folder = tmp_path / "mine"
    assert run(["new", str(folder)]) == 0
    assert "girih validate" in capsys.readouterr().err
    assert run(["validate", str(folder)]) == 0
    assert capsys.readouterr().err == "2 specs checked: nothing wrong\n"
    assert (folder / "README.md").exists()
    assert json.loads((folder / "schemas" / "graph.schema.json").read_text())["title"] == "graph/v1"


def test_nothing_is_overwritten(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (tmp_path / "hello.yaml").write_text("mine")
    (tmp_path / ".gitignore").write_text("mine")
    assert run(["new", str(tmp_path)]) == 5
    assert "already has hello.yaml" in capsys.readouterr().err
    assert [p.name for p in sorted(tmp_path.iterdir())] == [".gitignore", "hello.yaml"]
    (tmp_path / "hello.yaml").unlink()
    assert run(["new", str(tmp_path)]) == 0
    assert (tmp_path / ".gitignore").read_text() == "mine"


def test_a_file_is_no_folder(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (tmp_path / "x").write_text("")
    assert run(["new", str(tmp_path / "x")]) == 1
    assert "is a file" in capsys.readouterr().err


def test_schema_prints_and_writes(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert run(["schema"]) == 0
    graph = capsys.readouterr().out
    assert json.loads(graph)["title"] == "graph/v1"
    assert run(["schema", "tool"]) == 0
    assert json.loads(capsys.readouterr().out)["title"] == "tool/v1"
    assert run(["schema", "--write", str(tmp_path / "s")]) == 0
    captured = capsys.readouterr()
    assert captured.out == ""
    assert sorted(p.name for p in (tmp_path / "s").iterdir()) == [
        "collection.schema.json",
        "graph.schema.json",
        "model.schema.json",
        "tool.schema.json",
    ]
    assert (tmp_path / "s" / "graph.schema.json").read_text("utf-8") == graph


def test_explain(capsys: pytest.CaptureFixture[str]) -> None:
    assert run(["explain", "e002"]) == 0
    assert capsys.readouterr().out.startswith("# E002")
    assert run(["explain"]) == 0
    lines = capsys.readouterr().out.splitlines()
    assert [line[:4] for line in lines] == list(find_pages())
    assert all(len(line) > 8 for line in lines)

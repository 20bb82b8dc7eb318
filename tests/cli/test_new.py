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


def test_a_new_workspace_is_laid_out_and_tested_on_all_its_ways(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(tmp_path)
    assert run(["new", "my shop", "--agent", "order-desk", "--model", "big"]) == 0
    assert "cd 'my shop'" in capsys.readouterr().err
    monkeypatch.chdir(tmp_path / "my shop")
    assert run(["fmt", "--check"]) == 0
    assert run(["test", "--fail-under", "100"]) == 0
    assert run(["validate"]) == 0
    assert "order-desk" in Path("README.md").read_text()
    assert "model://big" in Path("order-desk.yaml").read_text()
    assert not [
        path
        for path in Path().rglob("*.yaml")
        for word in ("AGENT", "MODEL")
        if word in path.read_text().replace("OPENAI_API_KEY", "")
    ]


def test_a_folder_that_holds_something_is_left_alone(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    for name in ("a.txt", "b.txt", "c.txt", "d.txt", ".gitignore"):
        (tmp_path / name).write_text("mine")
    assert run(["new", str(tmp_path)]) == 5
    assert "is not empty: it has a.txt, b.txt, c.txt and 1 more" in capsys.readouterr().err
    for name in ("a.txt", "b.txt", "c.txt", "d.txt"):
        (tmp_path / name).unlink()
    assert run(["new", str(tmp_path)]) == 0
    assert (tmp_path / ".gitignore").read_text() == "mine"


@pytest.mark.parametrize("option", ["--agent", "--model"])
def test_names_are_names(tmp_path: Path, option: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert run(["new", str(tmp_path / "x"), option, "../Desk"]) == 1
    assert f"'../Desk' is no name for {option}" in capsys.readouterr().err
    assert not (tmp_path / "x").exists()


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
        "pipeline.schema.json",
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

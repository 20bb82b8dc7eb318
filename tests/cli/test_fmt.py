"""`girih fmt`: what it changes, what it leaves alone, and what it says."""

from __future__ import annotations

import io
from pathlib import Path
from typing import Any

import pytest

from girih.cli.app import run

LAID_OUT = 'kind: graph/v1\nname: a\nnodes:\n  one: { set: { x: "1" }, next: $end } # kept\n'
ODD = 'kind: graph/v1\nname: a\nnodes:\n     one: {set:  {x: "1"},next: $end} # kept\n\n\n'
BROKEN = "kind: graph/v1\nname: [a\n"


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    specs = tmp_path / "specs"
    specs.mkdir()
    (specs / "odd.yaml").write_text(ODD)
    (specs / "good.yaml").write_text(LAID_OUT)
    (specs / "values.yaml").write_text("just:    data\n")
    return specs


def test_a_folder_is_laid_out_and_other_files_are_left_alone(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (folder / "odd.yaml").chmod(0o640)
    assert run(["fmt", "specs"]) == 0
    captured = capsys.readouterr()
    assert (captured.out, captured.err) == ("", "formatted specs/odd.yaml\n1 file formatted\n")
    assert (folder / "odd.yaml").read_text() == LAID_OUT
    assert (folder / "odd.yaml").stat().st_mode & 0o777 == 0o640
    assert (folder / "values.yaml").read_text() == "just:    data\n"
    assert sorted(path.name for path in folder.iterdir()) == ["good.yaml", "odd.yaml", "values.yaml"]
    assert run(["fmt", "specs"]) == 0
    assert capsys.readouterr().err == "nothing to change\n"


def test_check_and_diff_change_nothing(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert run(["fmt", "--check", "specs"]) == 1
    captured = capsys.readouterr()
    assert (captured.out, captured.err) == ("specs/odd.yaml\n", "1 file would change\n")
    assert run(["fmt", "--diff"]) == 1
    shown = capsys.readouterr().out
    assert "--- specs/odd.yaml\n" in shown
    assert '+  one: { set: { x: "1" }, next: $end } # kept\n' in shown
    assert (folder / "odd.yaml").read_text() == ODD
    assert run(["fmt", "--check", "specs/good.yaml"]) == 0


def test_what_is_not_sound_is_named_and_left(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (folder / "broken.yaml").write_text(BROKEN)
    assert run(["fmt", "specs"]) == 1
    captured = capsys.readouterr()
    assert "specs/broken.yaml:" in captured.err
    assert " E001 " in captured.err
    assert captured.err.endswith("1 file formatted, 1 file left as it is\n")
    assert (folder / "broken.yaml").read_text() == BROKEN
    assert (folder / "odd.yaml").read_text() == LAID_OUT


def test_a_link_stays_a_link(folder: Path) -> None:
    (folder / "link.yaml").symlink_to(folder / "odd.yaml")
    assert run(["fmt", "specs/link.yaml"]) == 0
    assert (folder / "link.yaml").is_symlink()
    assert (folder / "odd.yaml").read_text() == LAID_OUT


@pytest.mark.parametrize(
    ("given", "code", "out"), [(ODD, 0, LAID_OUT), (BROKEN, 1, ""), ('{"a":1}', 0, '{\n  "a": 1\n}\n')]
)
def test_stdin(
    given: str, code: int, out: str, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    stdin: Any = io.TextIOWrapper(io.BytesIO(given.encode()))
    monkeypatch.setattr("sys.stdin", stdin)
    assert run(["fmt", "--stdin"]) == code
    assert capsys.readouterr().out == out


def test_a_folder_without_specs(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert run(["fmt", str(tmp_path)]) == 1
    assert "there are no specs in" in capsys.readouterr().err

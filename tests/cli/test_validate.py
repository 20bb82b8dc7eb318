"""`girih validate`: folders, files, formats, exit codes."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from girih.cli.app import run

GOOD = """\
kind: graph/v1
name: good
inputs: { q: string }
use: { m: model://default }
nodes:
  a: { llm: m, prompt: "${ inputs.q }", next: $end }
outputs: { text: "${ a.text }" }
"""
BAD = GOOD.replace("name: good", "name: bad").replace("prompt:", "promt:").replace("q: string", "q: strng")
WARNED = GOOD.replace("name: good", "name: warned").replace("q: string", "q: { enum: [yes, no] }")


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    specs = tmp_path / "specs"
    specs.mkdir()
    (specs / "good.yaml").write_text(GOOD)
    (specs / "values.yaml").write_text("just: data\n")
    return specs


def test_a_good_folder(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert run(["validate", "specs"]) == 0
    captured = capsys.readouterr()
    assert captured.out == ""
    assert captured.err == "1 spec checked: nothing wrong\n"


def test_a_bad_folder_shows_every_fault_with_its_place(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (folder / "bad.yaml").write_text(BAD)
    assert run(["validate", "specs"]) == 1
    captured = capsys.readouterr()
    assert "specs/bad.yaml:3:14 E002 unknown type 'strng'" in captured.out
    assert "specs/bad.yaml:6:16 E002 unknown key 'promt' in llm node 'a'" in captured.out
    assert '6 |   a: { llm: m, promt: "${ inputs.q }", next: $end }' in captured.out
    assert "= help: did you mean 'prompt'?" in captured.out
    assert captured.err == "2 specs checked: 2 errors\n"


def test_warnings_alone_do_not_fail(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (folder / "warned.yaml").write_text(WARNED)
    assert run(["validate", "specs"]) == 0
    captured = capsys.readouterr()
    assert captured.out.count(" W003 ") == 2
    assert captured.err == "2 specs checked: 2 warnings\n"


def test_a_single_file_speaks_only_of_itself(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (folder / "bad.yaml").write_text(BAD)
    assert run(["validate", "specs/good.yaml"]) == 0
    assert capsys.readouterr().err == "1 spec checked: nothing wrong\n"
    assert run(["validate", "specs/bad.yaml", "specs/good.yaml"]) == 1
    assert capsys.readouterr().err == "2 specs checked: 2 errors\n"


def test_a_file_in_a_workspace(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    nested = folder / "sub"
    nested.mkdir()
    text = GOOD.replace("name: good", "name: nested").replace(
        '"${ inputs.q }"', "{ file: prompts/p.md, with: { q: 1 } }"
    )
    (nested / "n.yaml").write_text(text)
    (folder / "prompts").mkdir()
    (folder / "prompts" / "p.md").write_text("{{ q }}\n")
    assert run(["validate", "specs/sub/n.yaml"]) == 1
    capsys.readouterr()
    assert run(["validate", "specs/sub/n.yaml", "--workspace", "specs"]) == 0
    assert run(["validate", "specs/sub/n.yaml", "--workspace", "specs/prompts"]) == 1
    assert "is not in the workspace" in capsys.readouterr().err


@pytest.mark.parametrize("format", ["json", "concise", "github"])
def test_formats(folder: Path, capsys: pytest.CaptureFixture[str], format: str) -> None:
    (folder / "bad.yaml").write_text(BAD)
    assert run(["validate", "specs", "--format", format]) == 1
    out = capsys.readouterr().out
    if format == "json":
        found = json.loads(out)["diagnostics"]
        assert [(d["file"], d["line"], d["column"], d["code"], d["severity"]) for d in found] == [
            ("specs/bad.yaml", 3, 14, "E002", "error"),
            ("specs/bad.yaml", 6, 16, "E002", "error"),
        ]
    else:
        assert len(out.splitlines()) == 2
        assert all("specs/bad.yaml" in line and "E002" in line for line in out.splitlines())


def test_colours_only_when_asked_for(
    folder: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    (folder / "bad.yaml").write_text(BAD)
    monkeypatch.delenv("NO_COLOR", raising=False)
    monkeypatch.setenv("FORCE_COLOR", "1")
    run(["validate", "specs"])
    assert "\x1b[" in capsys.readouterr().out
    run(["validate", "specs", "--no-color"])
    assert "\x1b[" not in capsys.readouterr().out


def test_nothing_to_check_is_a_fault(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (folder / "good.yaml").unlink()
    assert run(["validate", "specs"]) == 1
    assert "there are no specs in 'specs'" in capsys.readouterr().err
    assert run(["validate", "specs/values.yaml"]) == 1
    assert "is not a spec" in capsys.readouterr().err
    (folder / "empty.yaml").write_text("\n")
    (folder / "binary.yaml").write_bytes(bytes(range(256)))
    assert run(["validate", "specs/empty.yaml"]) == 1
    assert "'specs/empty.yaml' is empty" in capsys.readouterr().err
    assert run(["validate", "specs/binary.yaml"]) == 1
    assert "'specs/binary.yaml' is not a text file" in capsys.readouterr().err


def test_broken_text_is_found_too(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (folder / "broken.yaml").write_text("kind: graph/v1\nname: x\n\tnodes: {}\n")
    (folder / "latin.yaml").write_bytes(b"kind: graph/v1\nname: \xe9\n")
    assert run(["validate", "specs"]) == 1
    out = capsys.readouterr().out
    assert "specs/broken.yaml:3:1 E001 a tab is not allowed here" in out
    assert "specs/latin.yaml:2:7 E001 the file is not UTF-8 text" in out

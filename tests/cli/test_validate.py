"""`girih validate`: folders, files, formats, exit codes."""

from __future__ import annotations

import io
import json
from pathlib import Path
from typing import Any

import jsonschema
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


def test_strict_lets_warnings_fail(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert run(["validate", "specs", "--strict"]) == 0
    (folder / "warned.yaml").write_text(WARNED)
    assert run(["validate", "specs"]) == 0
    assert run(["validate", "specs", "--strict"]) == 1
    (folder / "warned.yaml").write_text(WARNED.replace("no] } }", "no] } } # girih: ignore[W003]"))
    assert run(["validate", "specs", "--strict"]) == 0


def object_of(required: dict[str, Any], **optional: Any) -> dict[str, Any]:
    properties = {**required, **optional}
    return {"type": "object", "properties": properties, "required": [*required], "additionalProperties": False}


TEXT = {"type": "string", "minLength": 1}
COUNT = {"type": "integer", "minimum": 1}
MESSAGE = object_of({"text": TEXT})
PHYSICAL = object_of(
    {
        "artifactLocation": object_of({"uri": {"type": "string", "pattern": r"^[A-Za-z0-9._~:/%-]+$"}}),
        "region": object_of({"startLine": COUNT, "startColumn": COUNT, "endLine": COUNT, "endColumn": COUNT}),
    }
)
LEVEL = {"enum": ["none", "note", "warning", "error"]}
RULE = object_of(
    {"id": TEXT},
    shortDescription=MESSAGE,
    fullDescription=MESSAGE,
    help=object_of({"text": TEXT}, markdown=TEXT),
    defaultConfiguration=object_of({"level": LEVEL}),
)
RESULT = object_of(
    {"message": MESSAGE},
    ruleId=TEXT,
    ruleIndex={"type": "integer", "minimum": 0},
    level=LEVEL,
    locations={"type": "array", "items": object_of({"physicalLocation": PHYSICAL})},
    relatedLocations={
        "type": "array",
        "uniqueItems": True,
        "items": object_of({"id": COUNT, "message": MESSAGE, "physicalLocation": PHYSICAL}),
    },
)
DRIVER = object_of({"name": TEXT, "version": TEXT, "rules": {"type": "array", "uniqueItems": True, "items": RULE}})
# The part of SARIF 2.1.0 that is written, with its own names, types and required keys, and nothing else.
SARIF = object_of(
    {
        "$schema": {"type": "string", "format": "uri"},
        "version": {"const": "2.1.0"},
        "runs": {
            "type": "array",
            "items": object_of(
                {"tool": object_of({"driver": DRIVER})},
                columnKind={"enum": ["utf16CodeUnits", "unicodeCodePoints"]},
                results={"type": "array", "items": RESULT},
            ),
        },
    }
)


def test_sarif(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (folder / "bad.yaml").write_text(BAD)
    (folder / "odd name.yaml").write_text(WARNED + "outputs: {}\n")
    assert run(["validate", "specs", "--format", "sarif"]) == 1
    log = json.loads(capsys.readouterr().out)
    jsonschema.Draft202012Validator(SARIF).validate(log)
    (sarif_run,) = log["runs"]
    rules = sarif_run["tool"]["driver"]["rules"]
    assert [rule["id"] for rule in rules] == ["E001", "E002", "W003"]
    assert [rule["defaultConfiguration"]["level"] for rule in rules] == ["error", "error", "warning"]
    assert rules[0]["shortDescription"]["text"] == "the text cannot be read"
    assert "## Before" in rules[0]["help"]["markdown"]
    first = sarif_run["results"][0]
    assert first["ruleId"] == rules[first["ruleIndex"]]["id"] == "E002"
    assert first["locations"][0]["physicalLocation"] == {
        "artifactLocation": {"uri": "specs/bad.yaml"},
        "region": {"startLine": 3, "startColumn": 14, "endLine": 3, "endColumn": 19},
    }
    (twice,) = (result for result in sarif_run["results"] if result["ruleId"] == "E001")
    assert twice["locations"][0]["physicalLocation"]["artifactLocation"]["uri"] == "specs/odd%20name.yaml"
    assert twice["relatedLocations"][0]["message"]["text"] == "first defined here"


def test_sarif_without_findings(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert run(["validate", "specs", "--format", "sarif"]) == 0
    log = json.loads(capsys.readouterr().out)
    jsonschema.Draft202012Validator(SARIF).validate(log)
    assert log["runs"][0]["results"] == []


def given_stdin(monkeypatch: pytest.MonkeyPatch, text: str) -> None:
    monkeypatch.setattr("sys.stdin", io.TextIOWrapper(io.BytesIO(text.encode())))


def test_a_text_on_stdin(folder: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> None:
    given_stdin(monkeypatch, BAD)
    assert run(["validate", "--stdin", "--format", "concise"]) == 1
    assert capsys.readouterr().out.startswith("stdin.yaml:3:14 E002 unknown type 'strng'")
    given_stdin(monkeypatch, GOOD.replace("model://default }", "graph://good }").replace("good", "new", 1))
    assert run(["validate", "--stdin", "--stdin-name", "specs/new.yaml", "--format", "concise"]) == 1
    assert "specs/new.yaml:6:13 E401 llm needs a model" in capsys.readouterr().out
    given_stdin(monkeypatch, "just: data")
    assert run(["validate", "--stdin"]) == 1
    assert "the text on stdin is not a spec" in capsys.readouterr().err
    assert run(["validate", "--stdin", "specs"]) == 1
    assert "give either paths or --stdin" in capsys.readouterr().err


def test_very_many_findings_are_cut_with_their_number(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (folder / "many.yaml").write_text(GOOD.replace("good", "many") + "".join(f"k{i}: 1\n" for i in range(150)))
    for form, more in (("text", "\nspecs/many.yaml: 50 more findings\n"), ("concise", "50 more findings\n")):
        assert run(["validate", "specs", "--format", form]) == 1
        captured = capsys.readouterr()
        assert captured.out.count(" E002 ") == 100
        assert captured.out.endswith(more)
        assert "150 errors" in captured.err
    assert run(["validate", "specs", "--format", "json"]) == 1
    assert len(json.loads(capsys.readouterr().out)["diagnostics"]) == 150

"""Golden diagnostics: each case is a spec, or a folder of specs, and beside it the text the author is shown.

`cases/RULE/CASE.yaml` (or `.json`, or a folder `CASE/`) with `cases/RULE/CASE.txt`. Write the texts anew with
`GIRIH_WRITE_CASES=1 pytest tests/language/test_cases.py`, and read the difference before you keep it.
"""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from girih.language.compiler.folder import read_folder
from girih.language.compiler.pipeline import compile_workspace
from girih.language.compiler.workspace import Workspace
from girih.language.spec import render
from girih.language.spec.source import Source

CASES = Path(__file__).parent / "cases"
FOUND = sorted(p for p in CASES.glob("*/*") if p.is_dir() or p.suffix in (".yaml", ".json"))


def workspace_of(case: Path) -> Workspace:
    return read_folder(case) if case.is_dir() else Workspace({case.name: case.read_text("utf-8")})


@pytest.mark.parametrize("case", FOUND, ids=lambda case: f"{case.parent.name}/{case.name}")
def test_case(case: Path) -> None:
    workspace = workspace_of(case)
    diagnostics = compile_workspace(workspace).diagnostics
    sources = {name: Source(name, text) for name, text in workspace.files.items()}
    text = render.text(diagnostics, sources)
    expected = case.with_suffix(".txt")
    if os.environ.get("GIRIH_WRITE_CASES"):
        expected.write_text(text, "utf-8")
    assert text == expected.read_text("utf-8")
    rule = case.parent.name
    assert rule == "sound" or any(d.code == rule for d in diagnostics)


def test_every_case_has_its_text_and_every_text_its_case() -> None:
    assert {p.with_suffix("") for p in CASES.glob("*/*.txt")} == {p.with_suffix("") for p in FOUND}

"""Golden diagnostics: each case is a spec, or a folder of specs, and beside it the text the author is shown.

`cases/RULE/CASE.yaml` (or `.json`, or a folder `CASE/`) with `cases/RULE/CASE.txt`. A case that begins with `silent` is
a near miss, at which the rule has nothing to say. `published.yaml` in a folder is a version published before. Write the texts anew with
`GIRIH_WRITE_CASES=1 pytest tests/language/test_cases.py`, and read the difference before you keep it.
"""

from __future__ import annotations

import os
from pathlib import Path

import pytest
from tests.language.publishing import compiled

from girih.language.compiler.folder import read_folder
from girih.language.compiler.workspace import Workspace
from girih.language.spec import render
from girih.language.spec.source import Source

CASES = Path(__file__).parent / "cases"
SILENT = "silent"
PAGES = Path(__file__).parents[2] / "docs" / "reference" / "diagnostics"
FOUND = sorted(p for p in CASES.glob("*/*") if p.is_dir() or p.suffix in (".yaml", ".json"))


def workspace_of(case: Path) -> Workspace:
    return read_folder(case) if case.is_dir() else Workspace({case.name: case.read_text("utf-8")})


@pytest.mark.parametrize("case", FOUND, ids=lambda case: f"{case.parent.name}/{case.name}")
def test_case(case: Path) -> None:
    workspace = workspace_of(case)
    diagnostics = compiled(workspace.files).diagnostics
    sources = {name: Source(name, text) for name, text in workspace.files.items()}
    text = render.text(diagnostics, sources)
    expected = case.with_suffix(".txt")
    if os.environ.get("GIRIH_WRITE_CASES"):
        expected.write_text(text, "utf-8")
    assert text == expected.read_text("utf-8")
    rule = case.parent.name
    if case.stem.startswith(SILENT):
        assert not any(d.code == rule for d in diagnostics)
    else:
        assert rule == "sound" or any(d.code == rule for d in diagnostics)


def test_every_case_has_its_text_and_every_text_its_case() -> None:
    assert {p.with_suffix("") for p in CASES.glob("*/*.txt")} == {p.with_suffix("") for p in FOUND}


def test_every_rule_has_three_cases_and_a_near_miss() -> None:
    by_rule: dict[str, list[str]] = {}
    for case in FOUND:
        by_rule.setdefault(case.parent.name, []).append(case.stem)
    del by_rule["sound"]
    lacking = {
        rule: names
        for rule, names in by_rule.items()
        if len(names) < 3 or not any(name.startswith(SILENT) for name in names)
    }
    assert not lacking
    assert by_rule.keys() == {page.stem for page in PAGES.glob("*.md")}

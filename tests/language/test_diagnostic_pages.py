"""The page of each diagnostic code: its "before" gets the code, its "after" gets nothing at all."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
from tests.language.publishing import compiled

ROOT = Path(__file__).parents[2]
PAGES = sorted((ROOT / "docs" / "reference" / "diagnostics").glob("*.md"))
FILE = re.compile(r"^```(?:yaml|text) file=(\S+)\n(.*?)^```$", re.MULTILINE | re.DOTALL)
CODE = re.compile(r"\"([EW]\d{3})\"")


def codes_of(part: str) -> set[str]:
    files = dict(FILE.findall(part))
    assert files
    return {d.code for d in compiled(files).diagnostics}


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.stem)
def test_before_and_after(page: Path) -> None:
    text = page.read_text("utf-8")
    assert text.startswith(f"# {page.stem}: ")
    head, before, after = re.split(r"^## (?:Before|After)$", text, flags=re.MULTILINE)
    assert len(head.split()) > 20
    assert codes_of(before) == {page.stem}
    assert codes_of(after) == set()


def test_every_code_has_a_page() -> None:
    language = ROOT / "backend" / "girih" / "language"
    used = {code for path in language.rglob("*.py") for code in CODE.findall(path.read_text("utf-8"))}
    assert used == {page.stem for page in PAGES}

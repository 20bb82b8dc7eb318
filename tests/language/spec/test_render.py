"""Findings as text, JSON and annotations."""

from __future__ import annotations

import json

from girih.language.spec import render
from girih.language.spec.diagnostics import Diagnostic, Place, Related
from girih.language.spec.source import Source

SOURCES = {"a.yaml": Source("a.yaml", "kind: graph/v1\n\tname: x\nkey: 漢字 promt\n" + "x" * 300 + " here\n")}


def finding(line: int, column: int, length: int = 1, **more: object) -> Diagnostic:
    return Diagnostic("E002", "wrong", Place("a.yaml", line, column, length), **more)  # type: ignore[arg-type]


def test_text_shows_line_caret_help_and_related() -> None:
    related = (Related(Place("a.yaml", 3, 1), "first here"),)
    text = render.text([finding(1, 7, 8, help="do this", related=related)], SOURCES)
    assert text == (
        "a.yaml:1:7 E002 wrong\n"
        "   |\n"
        " 1 | kind: graph/v1\n"
        "   |       ^^^^^^^^\n"
        "   = help: do this\n"
        "   = a.yaml:3:1 first here\n"
    )


def test_caret_stands_right_behind_tabs_and_wide_characters() -> None:
    tab = render.text([finding(2, 2, 4)], SOURCES).splitlines()
    assert tab[2].index("name") == tab[3].index("^^^^")
    wide = render.text([finding(3, 9, 5)], SOURCES).splitlines()
    assert wide[3].index("^^^^^") == wide[2].index("promt") + 2
    assert render.text([finding(3, 6, 2)], SOURCES).splitlines()[3].count("^") == 4


def test_long_lines_are_cut_around_the_caret() -> None:
    lines = render.text([finding(4, 302, 4)], SOURCES).splitlines()
    assert len(lines[2]) < 160
    assert lines[2].index("here") == lines[3].index("^^^^")


def test_a_file_cannot_steer_the_terminal() -> None:
    sources = {"a.yaml": Source("a.yaml", "a: \x1b[2J\n")}
    diagnostic = Diagnostic("E001", "bad '\x1b[31m'", Place("a.yaml", 1, 4), help="\x07")
    for text in (render.text([diagnostic], sources), render.concise([diagnostic]), render.json([diagnostic])):
        assert "\x1b" not in text
        assert "\x07" not in text


def test_a_place_without_source_or_beyond_it_has_no_excerpt() -> None:
    assert render.text([finding(9, 1)], SOURCES) == "a.yaml:9:1 E002 wrong\n"
    assert render.text([finding(1, 1)], {}) == "a.yaml:1:1 E002 wrong\n"


def test_concise_json_and_github() -> None:
    diagnostic = finding(1, 7, 8, help="50% more\nlines", severity="warning")
    assert render.concise([diagnostic]) == "a.yaml:1:7 E002 wrong. 50% more\\nlines\n"
    (plain,) = json.loads(render.json([diagnostic]))["diagnostics"]
    assert plain == diagnostic.as_dict() | {"related": []}
    expected = "::warning file=a.yaml,line=1,col=7,endColumn=15,title=E002::wrong. 50%25 more%0Alines\n"
    assert render.github([diagnostic]) == expected
    assert json.loads(render.json([])) == {"diagnostics": []}

"""Prompt files: strict variables, plain data, bounded work, and complaints at their places."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from girih.language.expressions import templates
from girih.language.expressions.templates import PromptError, render_template, template_variables


@pytest.mark.parametrize(
    ("text", "result"),
    [
        ("Hi {{ name }}\n", "Hi <b>&\n"),
        ("{% for d in docs %}{{ loop.index }}{{ d.t }}{% endfor %}", "1a2b"),
        ("{{ docs }}", '[{"t": "a"}, {"t": "b"}]'),
        ("{{ none }}|{{ n }}|{{ ok }}", "|1.5|true"),
        ("{{ docs | map(attribute='t') | join(', ') }}", "a, b"),
        ("{{ name | replace('b', 'i') | upper }}", "<I>&"),
        ("{{ gone | default('x') }}", "x"),
        ("{% if gone is defined %}a{% else %}b{% endif %}", "b"),
    ],
)
def test_render(text: str, result: str) -> None:
    data = {"name": "<b>&", "docs": [{"t": "a"}, {"t": "b"}], "none": None, "n": 1.5, "ok": True}
    assert render_template(text, data).rstrip("\n") == result.rstrip("\n")


@pytest.mark.parametrize(
    ("text", "line"),
    [
        ("a\n{{ gone }}", 2),
        ("{{ d.gone }}", 1),
        ("{{ d.x.y.z }}", 1),
        ("{% if %}", 1),
        ("{{ 'x' | format }}", 1),
        ("{% include 'x' %}", 1),
        ("{{ debug() }}", 1),
        ("{{ namespace() }}", 1),
    ],
)
def test_what_cannot_be_rendered(text: str, line: int) -> None:
    with pytest.raises(PromptError) as raised:
        render_template(text, {"d": {}})
    assert raised.value.line == line
    assert isinstance(raised.value, ValueError)


@pytest.mark.parametrize(
    "text",
    [
        "{% for i in range(90000) %}{% for j in range(90000) %}x{% endfor %}{% endfor %}",
        "{% for i in range(90000) %}{{ long }}{% endfor %}",
        "{% set x = long | replace('', long) %}{{ x }}",
        "{% set x = long | list | join(long) %}{{ x }}",
        "{{ ('x' * 1000000000) | length }}",
        "{{ range(1000000000) | list | length }}",
        "{{ long ~ long }}{{ long ~ long }}",
    ],
)
def test_work_and_length_are_bounded(text: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(templates, "MAX_OUTPUT", 50_000)
    with pytest.raises(PromptError):
        render_template(text, {"long": "ab" * 10_000})


def test_data_is_plain_and_never_changed() -> None:
    data: dict[str, Any] = {"d": {"a": 1}, "l": [1]}
    render_template("{{ d.update({'b': 2}) }}{{ l.append(2) }}{{ d.clear() }}", data)
    assert data == {"d": {"a": 1}, "l": [1]}
    with pytest.raises(TypeError):
        render_template("{{ x }}", {"x": object()})
    with pytest.raises(PromptError):
        render_template("{{ d.__class__ }}", data)


def test_variables_at_their_first_use() -> None:
    text = "it's {{ name }}, isn't it {# {{ no }} #}\n{% for d in docs %}{{ d.x }}{{ loop.index }}{% endfor %}\n"
    text += "{% set y = other %}{{ y }} {{ x.name }} {% raw %}{{ raw }}{% endraw %} {{ 'lit ' ~ last }}"
    assert [(v.name, v.line, v.column) for v in template_variables(text)] == [
        ("name", 1, 9),
        ("docs", 2, 13),
        ("other", 3, 12),
        ("x", 3, 31),
        ("last", 3, 84),
    ]


@pytest.mark.parametrize(
    ("text", "line", "column", "says"),
    [
        ("a\n{% if %}", 2, 7, "end of block"),
        ("é {{ a..b }}", 1, 8, "unexpected"),
        ("{% include 'a' %}", 1, 4, "no 'include'"),
        ("{% macro a() %}{% endmacro %}", 1, 4, "no 'macro'"),
        ("x" * 200_001, 1, 1, "longer"),
        ("\n".join("{% set a = 1 %}" for _ in range(13)), 13, 4, "at most 12"),
    ],
)
def test_what_cannot_be_read(text: str, line: int, column: int, says: str) -> None:
    with pytest.raises(PromptError) as raised:
        template_variables(text)
    assert says in raised.value.message
    assert (raised.value.line, raised.value.column) == (line, column)


@given(st.text(alphabet="{}%# abif'\"|.~\n", max_size=40) | st.text(max_size=40))
def test_no_text_breaks_the_reader(text: str) -> None:
    for work in (template_variables, lambda t: render_template(t, {})):
        try:
            work(text)
        except PromptError as fault:
            assert fault.message
            assert fault.line >= 0

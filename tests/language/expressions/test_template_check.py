"""Prompt files against the types of what is passed to them: what is certain is told, at its place, and nothing else."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from girih.language.expressions.kinds import ANY
from girih.language.expressions.template_check import check_template
from girih.language.expressions.template_filters import known_filters, known_tests
from girih.language.expressions.template_reader import read_template
from girih.language.expressions.templates import PromptError, render_template
from girih.language.nodes.base import object_of
from girih.language.spec.tree import JsonSchema, JsonValue

TEXT: JsonSchema = {"type": "string"}
NUMBER: JsonSchema = {"type": "number"}
HIT = object_of({"text": TEXT, "score": NUMBER, "page": NUMBER, "place": object_of({"name": TEXT})}, optional=["page"])
TYPES: dict[str, JsonSchema] = {
    "docs": {"type": "array", "items": HIT},
    "hit": HIT,
    "name": TEXT,
    "tier": {"enum": ["free", "gold"]},
    "any": ANY,
    "maybe": {"type": ["string", "null"]},
    "both": {"anyOf": [HIT, object_of({"title": TEXT})]},
    "map": {"type": "object", "additionalProperties": HIT},
}


def found(text: str) -> list[str]:
    result = check_template(text, TYPES)
    for fault in (*result.findings, *result.dead):
        assert fault.offset + fault.length <= len(text)
    return [f"{f.code} {text[f.offset : f.offset + f.length]}" for f in (*result.findings, *result.dead)]


@pytest.mark.parametrize(
    ("text", "faults"),
    [
        ("{{ hit.txt }}", ["E201 txt"]),
        ("{{ hit['txt'] }}", ["E201 txt"]),
        ("{{ hit.place.nam }}", ["E201 nam"]),
        ("{{ hit.place.nam.deeper }}", ["E201 nam"]),
        ("{{ name.first }}", ["E201 first"]),
        ("{{ docs.text }}", ["E201 text"]),
        ("{{ docs[0].txt }}", ["E201 txt"]),
        ("{{ docs[-1].txt }}", ["E201 txt"]),
        ("{{ docs.0.txt }}", ["E201 txt"]),
        ("{{ docs[n].txt }}", ["E201 txt"]),
        ("{{ docs[1:][0].txt }}", ["E201 txt"]),
        ("{{ (docs | first).txt }}", ["E201 txt"]),
        ("{% for a in docs | sort(attribute='score') | reverse %}{{ a.txt }}{% endfor %}", ["E201 txt"]),
        ("{% for a in docs | sort(attribute='scor') %}{% endfor %}", ["E201 scor"]),
        ("{% for a in docs if a.txt %}{% endfor %}", ["E201 txt"]),
        ("{% for key in map %}{{ map[key].txt }}{{ key.x }}{% endfor %}", ["E201 x"]),
        ("{% if hit.txt %}{% elif hit.txd %}{% endif %}", ["E201 txt", "E201 txd"]),
        ("{{ 'a' if hit.txt else hit.txd }}", ["E201 txt", "E201 txd"]),
        ("{% set a = hit.place %}{{ a.nam }}", ["E201 nam"]),
        ("{% with a = hit.place, b = a.nam %}{{ a.nom }}{% endwith %}{{ a.nim }}", ["E201 nam", "E201 nom"]),
        ("{% do hit.txt %}", ["E201 txt"]),
        ("{{ hit.text | replace(hit.txt, 'b') ~ hit.txd }}", ["E201 txt", "E201 txd"]),
        ("{{ map.anna.txt }}", ["E201 txt"]),
        ("{{ both.txt }}", ["E201 txt"]),
        ("{{ loop.x }}{% for a in docs %}{{ loop.x }}{% endfor %}", ["E201 x"]),
        ("{{ [hit.txt, {'a': hit.txd}] }}", ["E201 txt", "E201 txd"]),
        ("{{ hit.page }}", ["E203 hit.page"]),
        ("{{ hit.page | round }}", ["E203 hit.page"]),
        ("{% if hit.page is defined or name %}{{ hit.page }}{% endif %}", ["E203 hit.page"]),
        ("{% if hit.page is undefined %}{{ hit.page }}{% endif %}", ["E203 hit.page"]),
        ("{% for hit in docs %}{% if hit.page is defined %}{% set hit = docs[0] %}{{ hit.page }}{% endif %}{% endfor %}", []),
        ("{% for c in name %}{% endfor %}", ["E302 name"]),
        ("{% for c in hit.score %}{% endfor %}", ["E302 hit.score"]),
        ("{{ hit.score | length }}", ["E302 length"]),
        ("{{ tier == 'godl' }}{{ 'fre' != tier }}", ["E302 'godl'", "E302 'fre'"]),
        ("{{ name | uper }}{{ name is stirng }}{{ docs | map('uper') }}", ["E205 uper", "E205 stirng", "E205 uper"]),
        ("{{ docs | selectattr('page', 'dfined') | list }}", ["E205 dfined"]),
        ("{{ docs | selectattr('txt') | list }}", ["E201 txt"]),
        # near misses: nothing is certain here, or all is well
        ("{{ hit.text }}{{ hit.place.name | upper }}{{ hit['score'] }}", []),
        ("{{ hit.txt | default('') }}{{ hit.txt is defined }}", []),
        ("{% if hit.txt is defined %}{{ hit.txt }}{% endif %}", []),
        ("{% if hit.page is defined and hit.page > 1 %}{{ hit.page }}{% endif %}", []),
        ("{% if not hit.page is defined or hit.page > 1 %}{% else %}{{ hit.page }}{% endif %}", []),
        ("{{ hit.page if hit.page is defined else 1 }}", []),
        ("{{ docs | map(attribute='txt', default='') | join }}", []),
        ("{{ docs | selectattr('page', 'defined') | list }}", []),
        ("{{ any.a.b.c[0] }}{% for a in any %}{{ a.b }}{% endfor %}{{ unknown.x }}", []),
        ("{{ hit.items() }}{% for k in hit.keys() %}{% endfor %}{% for k, v in hit | items %}{{ v.x }}{% endfor %}", []),
        ("{% if any is mapping %}{{ name.x }}{% endif %}{% if name is mapping %}{{ name.x }}{% endif %}", ["E201 x"]),
        ("{% for c in maybe %}{% endfor %}{% for c in name | list %}{{ c }}{% endfor %}", []),
        ("{{ both.title }}{{ both.text }}", []),
        ("{% set a = hit %}{% if name %}{% set a = any %}{% endif %}{{ a.x }}", []),
        ("{% set a, b = docs %}{{ a.x }}{% set a.b = 1 %}", []),
        ("{% for hit in docs %}{% set hit = name %}{{ hit.x }}{% endfor %}{{ hit.text }}", ["E201 x"]),
        ("{# {{ hit.txt }} #}{% raw %}{{ hit.txt }}{% endraw %}{{ '{{ hit.txt }}' }}", []),
        ("{% set a | upper %}{{ hit.text }}{% endset %}{{ a }}", []),
        ("{{ hit.place.name[0] }}{{ name[0] }}{{ name | length }}{{ -hit.score | abs }}", []),
        ("{% for a in [hit, name] %}{{ a.x }}{% endfor %}{{ (1, 2)[0] }}{{ 1 is divisibleby 2 }}", []),
    ],
)  # fmt: skip
def test_what_is_found(text: str, faults: list[str]) -> None:
    assert read_template(text) is not None
    assert found(text) == faults


def test_what_the_reader_does_not_know_is_left_alone() -> None:
    assert read_template("{% macro a() %}{% endmacro %}{{ hit.txt }}") is None
    assert found("{% macro a() %}{% endmacro %}{{ hit.txt }}") == []


def test_the_names_of_filters_and_tests_are_the_engines() -> None:
    assert {"upper", "default", "map"} <= set(known_filters())
    assert "format" not in known_filters()
    assert {"defined", "mapping", "in"} <= set(known_tests())


@pytest.mark.parametrize("text", ["{{ d | replace }}", "{{ d | join(attribute='x') }}", "{{ d.items }}"])
def test_what_a_filter_cannot_take_is_said_in_words(text: str) -> None:
    with pytest.raises(PromptError):
        render_template(text, {"d": {"a": 1}})


ATOMS = st.sampled_from(
    ["hit", "docs", "name", "hit.text", "hit.page", "hit.place", "hit.txt", "docs[0]", "docs[0].text", "name.x", "tier",
     "docs | first", "docs | length", "hit.page | default(1)", "hit.page | default([])", "hit.page | d('')", "hit.page | default", "map.a", "map.b.text", "1", "'a'", "hit.place.nam"]
)  # fmt: skip
CONDITIONS = st.sampled_from(
    ["hit.page is defined", "hit.page", "name", "docs", "hit.page is undefined", "tier == 'free'", "hit.txt is defined"]
)
FORMS = st.sampled_from(
    ["{{ (A) }}", "{% for x in (A) %}{{ x.text }}{% endfor %}", "{{ (A) | upper }}", "{% if C %}{{ (A) }}{% endif %}",
     "{% set y = (A) %}{{ y.text }}", "{{ (A).text }}", "{{ (A) if C else (B) }}", "{% if C and (A) %}{{ (B) }}{% endif %}",
     "{% if C or (A) %}{{ (B) }}{% endif %}", "{% if not (C or (A)) %}{{ (B) }}{% endif %}"]
)  # fmt: skip
VALUES: dict[str, JsonValue] = {
    "hit": {"text": "t", "score": 1.5, "page": 2, "place": {"name": "n"}},
    "name": "Anna",
    "tier": "free",
    "map": {"a": {"text": "t", "score": 1, "page": 2, "place": {"name": "n"}}},
}
VALUES["docs"] = [VALUES["hit"]]
VALUES["map"]["b"] = VALUES["hit"]


def rendered_without_fault(text: str, data: dict[str, Any]) -> bool:
    try:
        render_template(text, data)
    except PromptError:
        return False
    return True


@example("{% if C and (A) %}{{ (B) }}{% endif %}", "hit.page | default(1)", "hit.page", "name")
@given(FORMS, ATOMS, ATOMS, CONDITIONS)
def test_a_sound_prompt_never_lacks_a_member(form: str, a: str, b: str, condition: str) -> None:
    text = form.replace("A", a).replace("B", b).replace("C", condition)
    faults = check_template(text, TYPES).findings
    if any(f.code == "E201" for f in faults) or "| upper" in form:
        return
    full = rendered_without_fault(text, VALUES)
    assert full or any(f.code == "E302" for f in faults) or ".text" in form
    bare = {**VALUES, "hit": {k: v for k, v in VALUES["hit"].items() if k != "page"}}
    if full and not rendered_without_fault(text, bare):
        assert any(f.code == "E203" for f in faults)


@given(st.text(alphabet="{}%# abif'\"|.~[]()\n", max_size=40) | st.text(max_size=40))
def test_no_text_breaks_the_check(text: str) -> None:
    check_template(text, TYPES)

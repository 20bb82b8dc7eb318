"""What an editor is offered at a cursor, also in a text that is half-typed."""

from __future__ import annotations

import pytest
from tests.language.editing.workspace import EXAMPLES, labels, offered, read, room_of

from girih.language.editing import prompts
from girih.language.editing.completion import completions
from girih.language.spec.source import Source

HEAD = """\
kind: graph/v1
name: desk
inputs: { question: string, tier: { enum: [free, gold], default: free } }
use: { m: model://default, kb: knowledge://handbook, crm: tool://crm.lookup, desk: graph://refund-desk }
state: { notes: { type: [string], merge: append } }
"""
NODES = """\
nodes:
  classify:
    llm: m
    prompt: "Sort ${ inputs.question }"
    returns: { intent: { enum: [faq, refund] }, score: number }
    next: search
  search:
    retrieve: kb
    query: "${ inputs.question }"
    next: answer
  answer:
    llm: m
    prompt: { file: p.md, with: { docs: "${ search.hits }" } }
    next: $end
"""
GOOD = HEAD + NODES
OTHERS = {name: text for name, text in EXAMPLES.items() if name.startswith(("tools/", "refund", "collections/"))}
PROMPTS = {**OTHERS, "p.md": "{{ docs }}", "prompts/long.md": "", "rows.csv": ""}


def after(old: str, new: str) -> list[str]:
    """What is offered where a part of the good graph is typed anew."""
    assert old in GOOD
    return labels(GOOD.replace(old, new, 1), PROMPTS, GOOD)


def test_a_node_begins_with_a_verb() -> None:
    found = labels(GOOD + "  last:\n    ¦", PROMPTS, GOOD)
    assert {"llm", "agent", "retrieve", "set"} <= set(found[:20])
    assert {"next", "retry"} <= set(found)
    assert labels(GOOD + "  last: { ¦", PROMPTS, GOOD)[:3] == found[:3]


def test_keys_of_a_node_are_those_of_its_verb() -> None:
    found = after("    next: search\n", "    re¦\n    next: search\n")
    assert {"retry", "repairs", "system"} <= set(found)
    assert not {"llm", "prompt", "returns", "next", "query", "retrieve"} & set(found)
    inside = after('prompt: { file: p.md, with: { docs: "${ search.hits }" } }', "prompt: { file: p.md, ¦")
    assert set(inside) == {"with", "text"}
    assert {"attempt", "total"} <= set(after("    next: search\n", "    timeout: { ¦\n    next: search\n"))


def test_a_key_comes_with_its_meaning_and_its_colon() -> None:
    found = {o.label: o for o in offered(GOOD.replace("    next: search\n", "    ret¦\n"), PROMPTS, GOOD)}
    assert "tried again" in str(found["retry"].documentation)
    assert found["retry"].insert == "retry: "
    start, end = found["retry"].range
    assert end.character - start.character == 3
    again = {o.label: o for o in offered(GOOD.replace("    next: search\n", "    ret¦: 3\n"), PROMPTS, GOOD)}
    assert again["retry"].insert == "retry"


@pytest.mark.parametrize(
    "new",
    [
        "    next: ¦\n",
        "    next: se¦\n",
        "    next: [¦\n",
        "    next:\n      - ¦\n",
        "    next:\n      - { if: x, to: ¦\n",
        "    next:\n      - if: x\n        to: ¦\n",
        "    next: { else: ¦ }\n",
        "    on_error: { to: ¦ }\n",
    ],
)
def test_targets_are_the_nodes(new: str) -> None:
    found = after("    next: search\n", new)
    assert found[:4] == ["search", "answer", "$end", "$fail"] or {"search", "answer"} <= set(found)
    assert "classify" not in found


def test_targets_of_forks_and_of_the_graph() -> None:
    assert {"classify", "search", "answer"} <= set(labels(GOOD + "  both:\n    parallel: [search, ¦", PROMPTS, GOOD))
    assert "answer" in labels(GOOD + "  all:\n    each: ¦\n", PROMPTS, GOOD)
    assert labels(HEAD + "start: ¦\n" + NODES, PROMPTS, GOOD)[:3] == ["classify", "search", "answer"]
    assert "$end" in labels(GOOD + "  w:\n    wait: { on_timeout: ¦", PROMPTS, GOOD)


def test_names_of_use_by_what_the_place_asks_for() -> None:
    assert after("llm: m", "llm: ¦") == ["m"]
    assert after("retrieve: kb", "retrieve: ¦") == ["kb"]
    assert labels(GOOD + "  c:\n    call: ¦\n", PROMPTS, GOOD) == ["crm"]
    assert labels(GOOD + "  c:\n    graph: ¦\n", PROMPTS, GOOD) == ["desk"]
    assert "crm" in labels(GOOD + "  c:\n    agent: m\n    tools: [¦", PROMPTS, GOOD)


def test_what_use_may_name() -> None:
    found = after("m: model://default", "m: ¦")
    assert {"model://default", "tool://crm.lookup", "graph://refund-desk", "knowledge://handbook"} <= set(found)
    (option,) = [o for o in offered(GOOD.replace("m: model://default", "m: tool://cr¦"), PROMPTS, GOOD)
                 if o.label == "tool://crm.lookup"]  # fmt: skip
    assert option.range.end.character - option.range.start.character == len("tool://cr")


def test_fields_by_their_types_in_half_typed_expressions() -> None:
    assert after("${ search.hits }", "${ classify.¦")[:2] == ["intent", "score"]
    assert after("${ search.hits }", "${ classify.in¦")[:2] == ["intent", "score"]
    assert after("${ search.hits }", "${ inputs.qu¦ }")[:2] == ["question", "tier"]
    assert "text" in after("${ search.hits }", "${ search.hits[0].¦ }")
    assert "notes" in after("${ search.hits }", "${ state.¦ }")
    assert "text" in after("${ search.hits }", "${ search.hits.filter(h, h.¦")
    assert {"kind", "message"} <= set(
        labels(GOOD.replace("    query:", "    on_error: { to: answer }\n    query:").replace("next: $end", "next: [{ if: \"errors.search.¦"), PROMPTS,
               GOOD.replace("    query:", "    on_error: { to: answer }\n    query:"))
    )  # fmt: skip


def test_names_and_functions_in_expressions() -> None:
    found = after("${ search.hits }", "${ ¦ }")
    assert {"inputs", "state", "classify", "search", "run", "size", "has", "visits"} <= set(found)
    assert {"contains", "startsWith"} <= set(after("${ search.hits }", "${ inputs.question.¦"))
    assert {"filter", "map", "exists", "size"} <= set(after("${ search.hits }", "${ search.hits.¦"))


def test_conditions_are_expressions_as_a_whole() -> None:
    assert after("    next: search\n", '    next: [{ if: "classify.¦\n')[:2] == ["intent", "score"]
    assert after("    next: search\n", "    next: [{ if: \"classify.intent == '¦\n") == ["faq", "refund"]
    assert after("    next: search\n", "    when: inputs.tier == 'g¦\n") == ["free", "gold"]
    assert set(after("    next: search\n", "    when: visits('¦\n")) == {"classify", "search", "answer"}


def test_no_expression_where_it_is_closed() -> None:
    assert after("${ search.hits }", "${ search.hits } and ¦") == []
    assert after("    next: search\n", "    next: search # to ¦\n") == []


def test_choices_of_a_key() -> None:
    assert {"string", "integer?"} <= set(after("score: number", "score: ¦"))
    assert {"append", "union"} <= set(after("merge: append", "merge: ¦"))
    assert {"all", "any", "settled"} <= set(labels(GOOD + "  f:\n    parallel: [a, b]\n    join: ¦\n", PROMPTS, GOOD))


def test_files() -> None:
    assert set(after("file: p.md", "file: ¦")) == {"p.md", "prompts/long.md"}
    assert "rows.csv" in labels(GOOD + "tests:\n  - name: x\n    cases: ¦\n", PROMPTS, GOOD)


def test_tests() -> None:
    beginning = GOOD + "tests:\n  - name: x\n"
    assert {"given", "mock", "expect"} <= set(labels(beginning + "    ¦", PROMPTS, GOOD))
    assert labels(beginning + "    given: { ¦", PROMPTS, GOOD) == ["question", "tier"]
    assert {"classify", "answer"} <= set(labels(beginning + "    mock: { ¦", PROMPTS, GOOD))
    assert {"intent", "score"} <= set(labels(beginning + "    mock: { classify: { ¦", PROMPTS, GOOD))
    assert {"path", "output", "error"} <= set(labels(beginning + "    expect:\n      ¦", PROMPTS, GOOD))
    assert {"classify", "search", "answer"} <= set(
        labels(beginning + "    expect: { path: [classify, ¦", PROMPTS, GOOD)
    )


def test_what_a_tool_and_a_graph_take() -> None:
    before = GOOD + "  c:\n    call: crm\n    next: $end\n"
    assert labels(GOOD + "  c:\n    call: crm\n    with: { ¦", PROMPTS, before) == ["customer_id"]


def test_other_kinds_and_empty_files() -> None:
    assert "http" in labels("kind: tool/v1\nname: t\n¦")
    assert {"GET", "POST"} <= set(labels("kind: tool/v1\nname: t\nhttp: { method: ¦"))
    assert "kind" in labels("¦")


def test_json() -> None:
    text = '{"kind": "graph/v1", "name": "a", "nodes": {"x": {"set": {"y": 1}, "next": "¦'
    assert "x" not in labels(text)
    assert "$end" in labels(text)
    assert "next" in labels('{"kind": "graph/v1", "nodes": {"x": {"set": {}, "¦')


def test_what_is_inserted_replaces_what_is_typed_behind_an_emoji() -> None:
    (option, *_) = offered(GOOD.replace("${ search.hits }", "😀 ${ classify.in¦ }"), PROMPTS, GOOD)
    line = GOOD.replace("${ search.hits }", "😀 ${ classify.in").split("\n")[option.range.start.line]
    assert option.label == "intent"
    assert option.range.end.character - option.range.start.character == 2
    assert option.range.end.character == len(line.split('" }')[0]) + 1  # the emoji counts twice


def test_the_last_good_graph_serves_while_the_text_is_broken() -> None:
    room = room_of({**PROMPTS, "a.yaml": GOOD})
    broken = GOOD.replace("    returns: {", '    returns: { {{{ "').replace("${ search.hits }", "${ classify.")
    room.open["a.yaml"] = broken
    read(room)
    index = broken.index("${ classify.") + len("${ classify.")
    found = completions(Source("a.yaml", broken), index, room.reading, room.last_good("a.yaml"))
    assert [option.label for option in found][:2] == ["intent", "score"]


def test_variables_of_a_prompt_file() -> None:
    room = room_of({**PROMPTS, "a.yaml": GOOD})
    assert room.reading is not None

    def inside(text: str) -> list[str]:
        plain, index = text.replace("¦", ""), text.index("¦")
        assert room.reading is not None
        return [option.label for option in prompts.completions(Source("p.md", plain), index, room.reading)]

    assert inside("Hello {{ ¦") == ["docs"]
    assert inside("{% for d in docs %}{{ d.¦") == inside("{{ docs[0].¦ }}")
    assert "text" in inside("{% for d in docs %}{{ d.te¦")
    assert inside("Hello ¦") == []
    assert inside("{{ docs }} ¦") == []

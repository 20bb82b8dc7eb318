"""The authoring guide, for people and for language models: all of the language on one page, made from its models."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from girih.language.compiler.schema import example_of, schemas
from girih.language.expressions.functions import FUNCTIONS, MACROS, METHODS, OPERATORS
from girih.language.guide.names import ERRORS, NAMES
from girih.language.guide.tables import code, described_keys, table
from girih.language.nodes.base import NodeConfig, NodeKind
from girih.language.spec.model import END, FAIL
from girih.language.spec.policies import ERROR_KINDS
from girih.language.spec.tree import JsonSchema
from girih.language.spec.types import SHORT_NAMES

EXAMPLE = """\
kind: graph/v1
name: support-desk
inputs:
  question: { type: string, minLength: 3 }
chat: { input: question, output: text }
use:
  model: model://default
  kb: knowledge://handbook
nodes:
  sort:
    llm: model
    prompt: "What does the customer want? ${ inputs.question }"
    returns: { intent: { enum: [faq, refund] } }
    next:
      - { if: "sort.intent == 'refund'", to: which }
      - { else: search }
  which:
    ask: { message: "Which order?", returns: { order: string }, timeout: 24h, on_timeout: $fail }
    next: $end
  search: { retrieve: kb, query: "${ inputs.question }", top_k: 5, next: answer }
  answer:
    llm: model
    system: Answer only from the passages.
    prompt: "${ inputs.question } ${ search.hits.map(h, h.text) }"
    next: $end
outputs:
  text: { from: [answer.text, which.order] }
tests:
  - name: a refund is asked about
    given: { question: "I want my money back" }
    mock: { sort: { intent: refund } }
    answers: { which: { order: "A-12" } }
    expect: { path: [sort, which], outputs: { text: "A-12" } }
"""
"""A graph with most of what there is; a test compiles it and runs its tests."""


def guide(kinds: Mapping[str, NodeKind[Any]]) -> str:
    """The whole page, as Markdown."""
    found = schemas(kinds)
    parts = [_head(found["graph"]), _types(), _flow(found["graph"]), _expressions(), _nodes(kinds, found["graph"])]
    parts += [_common(found["graph"]), _tests(found["graph"]), _others(found), _after()]
    return "\n".join(parts)


def _head(graph: JsonSchema) -> str:
    keys = described_keys(graph["properties"], graph["required"])
    return f"""\
# Write agents

This page is all of the language `graph/v1`. A spec is a YAML 1.2 (or JSON) file that begins with `kind:`. \
Unknown keys, duplicate keys, tags and tabs are mistakes. Names of nodes, inputs and outputs are lower-case words \
joined by `_`, names of published things words joined by `-`.

```yaml example
{EXAMPLE}```

## The keys of a graph

{keys}"""


def _types() -> str:
    names = ", ".join(code(name) for name in SHORT_NAMES)
    return f"""\
## Types

`inputs:`, `returns:`, `state:` and the parameters of tools take types: {names}; `[string]` for a list; \
`{{ enum: [a, b] }}` for a choice; or any JSON Schema (2020-12), such as `{{ type: integer, minimum: 1 }}`. \
A `?` behind the name (`string?`) or a `default` makes a field optional.
"""


def _flow(graph: JsonSchema) -> str:
    rule = graph["$defs"]["route"]
    return f"""\
## Where a run goes

A run begins at the first node, or at `start:`. `next:` says where it goes on: a node, `{END}` (the run ends well) or \
`{FAIL}` (it fails). A list of rules is tried in order; the last one is `else`, unless the rules before it cover every \
case of an `enum`:

{described_keys(rule["properties"], ())}
- Two nodes run at once only as branches of a `parallel`, or as items of an `each`. A branch ends at a node without \
`next`; after the join the results of its nodes can be read.
- A loop needs `max_visits` on one of its rules, or `limits: {{ steps: … }}`.
- A result may be read only where the node has certainly run; else write `NODE.?field.orValue(…)`, or in `outputs:` \
`from: [a.text, b.text]`, the first that ran.
"""


def _expressions() -> str:
    rows = [
        ["called as `size(x)`", ", ".join(map(code, (*FUNCTIONS, "has", "visits")))],
        ["called as `x.trim()`", ", ".join(map(code, METHODS))],
        ["over lists, as `x.all(i, i > 0)`", ", ".join(map(code, MACROS))],
        ["operators", " ".join(map(code, OPERATORS.values()))],
    ]
    return f"""\
## Expressions

Conditions (`if`, `when`, `approval`, `expect.output`) are [CEL](https://cel.dev). In data, `${{ … }}` holds an \
expression: alone it keeps its type, inside other text it becomes text. Expressions know no clock, no environment \
and no secrets.

{table(["name", "what it is"], [[code(name), meaning] for name, meaning in NAMES.items()])}
{table(["functions", ""], rows)}
Prompt files are MiniJinja templates (`{{{{ name }}}}`, `{{% for hit in hits %}}`): they see only what `with:` passes.
"""


def _nodes(kinds: Mapping[str, NodeKind[Any]], graph: JsonSchema) -> str:
    page = "## Nodes\n\nA node is written under `nodes:` by its name. One key, its verb, says what it does.\n"
    for verb in sorted(kinds):
        schema = graph["$defs"][f"{verb}_node"]
        own = {
            name: _own(value, graph)
            for name, value in schema["properties"].items()
            if name == verb or name not in NodeConfig.model_fields
        }
        words = " ".join(schema["description"].split())
        page += f"\n### {verb}\n\n{words}\n\n{described_keys(own, schema['required'])}"
        page += f"\n```yaml node\n{kinds[verb].example.strip()}\n```\n"
        assert example_of(kinds[verb])  # noqa: S101 - an example that cannot be read must not be printed
    return page


def _own(schema: JsonSchema, graph: JsonSchema) -> JsonSchema:
    """A key's schema; one that stands elsewhere brings its description along."""
    name = str(schema.get("$ref", "")).rpartition("/")[2]
    known = graph["$defs"].get(name, {})
    return {**schema, "description": schema.get("description") or known.get("description", "")}


def _common(graph: JsonSchema) -> str:
    first = next(iter(sorted(name for name in graph["$defs"] if name.endswith("_node"))))
    properties = graph["$defs"][first]["properties"]
    common = {name: _own(properties[name], graph) for name in properties if name in NodeConfig.model_fields}
    kinds = table(["kind", "what happened"], [[code(kind), ERRORS[kind]] for kind in ERROR_KINDS])
    return f"""\
## What every node may carry

{described_keys(common, ())}
Failures are of these kinds, for `retry.on`, `on_error.on` and `errors.NODE.kind`:

{kinds}"""


def _tests(graph: JsonSchema) -> str:
    test, expected = graph["$defs"]["GraphTest"], graph["$defs"]["Expectation"]
    return f"""\
## Tests

`girih test` runs them without a server.

{described_keys(test["properties"], test["required"])}
What `expect` may hold:

{described_keys(expected["properties"], ())}"""


def _others(found: Mapping[str, JsonSchema]) -> str:
    return "\n".join(_other(name, found[name]) for name in found if name != "graph")


def _other(name: str, schema: JsonSchema) -> str:
    words = " ".join(str(schema.get("description", "")).split())
    parts = f"## {schema['title']}\n\n{words}\n\n{described_keys(schema['properties'], schema.get('required', ()))}"
    for inner, definition in _mappings(schema):
        meaning = " ".join(str(definition.get("description", "")).split())
        parts += f"\nThe keys of `{inner}` in a {name}: {meaning}\n\n"
        parts += described_keys(definition["properties"], definition.get("required", ()))
    return parts


def _mappings(schema: JsonSchema) -> Iterator[tuple[str, JsonSchema]]:
    """The keys that hold a mapping of keys of its own, with its definition."""
    for name, value in schema["properties"].items():
        options = [value, *value.get("anyOf", ()), *value.get("allOf", ())]
        names = [option["$ref"].rpartition("/")[2] for option in options if "$ref" in option]
        for reference in names:
            if "properties" in schema["$defs"].get(reference, {}):
                yield name, schema["$defs"][reference]


def _after() -> str:
    return """\
## What to run

`girih validate .` names every mistake with its line and a way out; `girih explain E101` explains a code. \
`girih fmt .` lays files out, `girih test .` runs the tests, `girih graph FILE` draws a graph. \
`girih apply .` publishes what changed.
"""

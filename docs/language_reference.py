"""The reference page of the language: node kinds with their keys, what all of them share, expressions and types."""

from __future__ import annotations

from typing import Any

from girih.language.expressions.functions import FUNCTIONS, MACROS, METHODS, OPERATORS
from girih.language.guide.names import ERRORS, NAMES
from girih.language.guide.tables import code, default_of, table, type_of
from girih.language.nodes.base import NodeConfig, NodeKind
from girih.language.nodes.registry import kinds
from girih.language.spec.policies import ERROR_KINDS, Cache, OnError, Retry, Timeout
from girih.language.spec.types import SHORT_NAMES


def paragraphs(docstring: str) -> str:
    """A docstring without its indentation."""
    lines = docstring.strip().splitlines()
    return "\n".join([lines[0], *(line.removeprefix("    ") for line in lines[1:])])


def nodes_page() -> str:
    """What every node may carry, every node kind with its keys and an example, and what expressions may speak."""
    verbs = sorted(kinds().items())
    page = (
        "# Node kinds\n\nA node is written under `nodes:` by its name; the key that names a verb says what kind it is: "
    )
    page += ", ".join(f"[`{verb}`](#{verb})" for verb, _ in verbs) + ".\n\n"
    page += "Besides the keys of its kind every node may carry the [common keys](#common-keys). What may be written in "
    page += "`${ … }` and in conditions stands under [expressions](#expressions).\n"
    page += common_keys() + "".join(kind_section(verb, kind) for verb, kind in verbs)
    return page + expressions()


def kind_section(verb: str, kind: NodeKind[Any]) -> str:
    """One kind: its text, its keys, those of the mappings in it, and its example."""
    schema = kind.Config.model_json_schema()
    page = f"\n## {verb}\n\n{paragraphs(kind.__doc__ or '')}\n\n"
    own = {name: field for name, field in schema["properties"].items() if name not in NodeConfig.model_fields}
    page += key_table({**schema, "properties": own})
    for name, field in own.items():
        inner = definition_of(field, schema)
        if inner is not None:
            page += f"\nKeys of `{name}`:\n\n" + key_table({**inner, "$defs": schema["$defs"]})
    return page + f"\n```yaml node\n{kind.example.strip()}\n```\n"


def definition_of(field: dict[str, Any], schema: dict[str, Any]) -> dict[str, Any] | None:
    """The model of a mapping that a key may hold, if it is one."""
    options = [field, *field.get("anyOf", ()), field.get("items") or {}, *(field.get("items") or {}).get("anyOf", ())]
    names = [option["$ref"].rsplit("/", 1)[-1] for option in options if "$ref" in option]
    return next((schema["$defs"][name] for name in names if "properties" in schema["$defs"][name]), None)


def key_table(schema: dict[str, Any]) -> str:
    """The keys of a mapping."""
    required = set(schema.get("required", ()))
    rows = [
        [
            code(name),
            type_of(field),
            "yes" if name in required else "",
            default_of(field),
        ]
        for name, field in schema["properties"].items()
    ]
    return table(["key", "type", "required", "default"], rows)


def common_keys() -> str:
    """What every node may carry, and the kinds of errors."""
    page = "\n## Common keys\n\n"
    page += table(["key", "what it is"], [[code(name), meaning] for name, meaning in COMMON.items()])
    for name, model in (("retry", Retry), ("timeout", Timeout), ("on_error", OnError), ("cache", Cache)):
        page += f"\n### {name}\n\n{paragraphs(model.__doc__ or '')}\n\n{key_table(model.model_json_schema())}"
    page += "\n### next\n\n`next: NODE` goes on there, `next: $end` ends the run well, `next: "
    page += "$fail` fails it. A list of rules "
    page += (
        "`{ if: CONDITION, to: NODE }` is asked in order, the last is `{ else: NODE }`; `max_visits` bounds how often "
    )
    page += "a rule may be taken. In a branch of a fork, a node without `next` ends the branch.\n"
    page += "\n### Kinds of errors\n\n"
    page += "The list is closed: `retry.on`, `on_error.on` and `errors.NODE.kind` know no others.\n\n"
    return page + table(["kind", "what happened"], [[code(kind), ERRORS[kind]] for kind in ERROR_KINDS])


COMMON = {
    "next": "where the run goes on: [next](#next)",
    "when": "a condition; where it does not hold, the node is passed over and has no result",
    "retry": "`2` for how many more times a failed node is tried, or more exactly: [retry](#retry)",
    "timeout": "`30s` for each attempt, or more exactly: [timeout](#timeout)",
    "on_error": "what a failure leads to instead of failing the run: [on_error](#on_error)",
    "cache": "`10m` for how long a result stands in for running the node again: [cache](#cache)",
    "write": "values for names under `state:`, worked out with the node's own result in sight",
    "title": "how the node is called where people see it",
    "description": "what it is for",
}


def expressions() -> str:
    """The names and functions of expressions."""
    page = "\n## Expressions\n\nConditions (`if`, `when`) are [CEL](https://cel.dev); in data, `${ … }` holds an "
    page += "expression. A value that is one `${ … }` and nothing else keeps its type; inside other "
    page += "text it becomes text.\n\n"
    page += table(["name", "what it is"], [[code(name), meaning] for name, meaning in NAMES.items()])
    page += (
        "\nWhat may be missing is read with `.?`: `a.?text.orValue('')`; `has(a.text)` asks whether it is there.\n\n"
    )
    page += table(["functions", ""], [
        ["called as `size(x)`", ", ".join(map(code, (*FUNCTIONS, "has", "visits")))],
        ["called as `x.trim()`", ", ".join(map(code, METHODS))],
        ["over lists, as `x.all(i, i > 0)`", ", ".join(map(code, MACROS))],
        ["operators", " ".join(map(code, OPERATORS.values()))],
    ])  # fmt: skip
    page += "\n## Types\n\n`inputs:`, `returns:` and `state:` take a type name ("
    page += (
        ", ".join(map(code, SHORT_NAMES)) + "), `[string]` for a list, `{ enum: [a, b] }` for a choice, or any JSON "
    )
    return page + "Schema (2020-12). A `?` after the name, or a `default`, makes a field optional.\n"

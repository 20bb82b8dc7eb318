"""The schemas for editors: sound, current, and of one mind with the parser."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import jsonschema
import pytest

from girih.cli.schema import as_text
from girih.language.compiler.schema import schemas
from girih.language.nodes.registry import kinds
from girih.language.spec.documents import kind_of, parse_document
from girih.language.spec.parser import parse_graph
from girih.language.spec.reader import read
from girih.language.spec.source import Source

ROOT = Path(__file__).resolve().parents[3]
SPECS = sorted(p for p in (ROOT / "agent_specs").rglob("*.yaml") if "handbook/" not in p.as_posix())
ALL = schemas(kinds())


def faults_of(name: str, value: Any) -> list[str]:
    return [error.message for error in jsonschema.Draft202012Validator(ALL[name]).iter_errors(value)]


def value_of(text: str) -> Any:
    tree, _ = read(Source("a.yaml", text))
    assert tree is not None
    return tree.value


@pytest.mark.parametrize("name", ["graph", "tool", "model", "collection", "pipeline"])
def test_is_a_schema_and_the_written_file_is_current(name: str) -> None:
    jsonschema.Draft202012Validator.check_schema(ALL[name])
    path = ROOT / "agent_specs" / "schemas" / f"{name}.schema.json"
    assert path.read_text("utf-8") == as_text(ALL[name]), "run: girih schema --write agent_specs/schemas"


def test_every_reference_names_a_definition() -> None:
    for schema in ALL.values():
        text = json.dumps(schema)
        for part in text.split('"$ref": "')[1:]:
            reference = part.partition('"')[0]
            assert reference.removeprefix("#/$defs/") in schema["$defs"], reference


@pytest.mark.parametrize("path", SPECS, ids=lambda path: path.relative_to(ROOT).as_posix())
def test_the_example_specs_fit(path: Path) -> None:
    value = value_of(path.read_text("utf-8"))
    assert faults_of(value["kind"].partition("/")[0], value) == []


@pytest.mark.parametrize("verb", sorted(kinds()))
def test_the_examples_of_the_kinds_fit(verb: str) -> None:
    nodes = value_of(kinds()[verb].example)
    assert faults_of("graph", {"kind": "graph/v1", "name": "a", "nodes": nodes}) == []
    definition = ALL["graph"]["$defs"][f"{verb}_node"]
    assert next(iter(definition["properties"])) == verb
    assert definition["description"]


GOOD = """\
kind: graph/v1
name: a
inputs: { q: "string?", l: [integer], o: { type: object, properties: { x: string } }, e: { enum: [a], default: a } }
use: { m: model://x, c: { first_of: [model://a] }, g: graph://g@^2 }
nodes:
  n:
    { llm: m, prompt: "hi", system: { file: p.md }, next: [{ if: x, to: n, max_visits: 2 }, { else: $end }] }
outputs: { t: "${ n.text }", u: { from: [n.text] }, v: { k: [1] } }
limits: { steps: 3 }
"""


@pytest.mark.parametrize(
    ("old", "new"),
    [
        ("name: a", "name: A_b"),
        ("limits:", "limit:"),
        ("string?", "strng"),
        ("{ enum: [a], default: a }", "{ enum: a }"),
        ("properties: { x: string }", "propertis: { x: string }"),
        ("model://x", "model:x"),
        ("[model://a]", "[]"),
        ("llm: m, ", ""),
        ("prompt:", "promt:"),
        ("if: x", "iff: x"),
        ("{ else: $end }", "{ else: $end, if: x }"),
        ("max_visits: 2", "max_visits: 0"),
        ("from: [n.text]", "from: []"),
        ("steps: 3", "steps: 0"),
        ('prompt: "hi"', 'prompt: "hi", timeout: []'),
        ('prompt: "hi"', 'prompt: "hi", retry: { max: 0 }'),
        ("limits:", "state: { n: { type: integer, merge: most } }\nlimits:"),
        ("  n:\n", "  N:\n"),
    ],
)
def test_schema_and_parser_refuse_the_same(old: str, new: str) -> None:
    assert faults_of("graph", value_of(GOOD)) == []
    text = GOOD.replace(old, new, 1)
    assert text != GOOD
    tree, _ = read(Source("a.yaml", text))
    assert tree is not None
    assert parse_graph(tree, kinds())[1]
    assert faults_of("graph", tree.value)


@pytest.mark.parametrize(
    "text",
    [
        "kind: tool/v1\nname: a\ndescription: d\nhttp: { endpoint: x, method: FETCH }\n",
        "kind: tool/v1\nname: a\nhttp: { endpoint: x }\n",
        "kind: model/v1\nname: a\nprovider: x\n",
        "kind: collection/v1\nname: a\nchunk: { size: 5 }\n",
        "kind: collection/v1\nname: a\nchunk: { strategy: sentences }\n",
        "kind: collection/v1\nname: a\nchunk: { context: none, header: title }\n",
        "kind: collection/v1\nname: a\nchunks: {}\n",
    ],
)
def test_documents_are_refused_alike(text: str) -> None:
    tree, _ = read(Source("a.yaml", text))
    assert tree is not None
    assert parse_document(tree)[0] is None
    assert faults_of(str(kind_of(tree)).partition("/")[0], tree.value)

"""The other kinds of document: what they hold, and what is refused."""

from __future__ import annotations

import pytest

from girih.language.spec.diagnostics import Diagnostic
from girih.language.spec.documents import OtherSpec, parse_document
from girih.language.spec.reader import read
from girih.language.spec.source import Source
from girih.language.spec.tools import tool_schemas

TOOL = "kind: tool/v1\nname: crm.lookup\ndescription: d\n"


def parse(text: str) -> tuple[OtherSpec | None, list[Diagnostic]]:
    tree, _ = read(Source("x/a.yaml", text))
    assert tree is not None
    spec, faults = parse_document(tree)
    return spec, list(faults)


def test_a_tool() -> None:
    spec, faults = parse(
        f"{TOOL}http: {{ endpoint: crm, path: '/c/{{customer_id}}' }}\n"
        "parameters: { customer_id: string, q: string? }\nreturns: { tier: { const: null } }\n"
    )
    assert faults == []
    assert spec is not None
    assert (spec.kind, spec.name, spec.path) == ("tool/v1", "crm.lookup", "x/a.yaml")
    assert spec.document == {
        "kind": "tool/v1",
        "name": "crm.lookup",
        "description": "d",
        "http": {"endpoint": "crm", "method": "GET", "path": "/c/{customer_id}"},
        "parameters": {"customer_id": "string", "q": "string?"},
        "returns": {"tier": {"const": None}},
        "idempotent": False,
    }
    parameters, returns = tool_schemas(spec.document)
    assert parameters["required"] == ["customer_id"]
    assert returns["properties"] == {"tier": {"const": None}}


def test_defaults_are_filled_in_and_the_digest_is_that_of_the_content() -> None:
    short, _ = parse("kind: collection/v1\nname: handbook\n")
    long, _ = parse(
        "name: handbook\n# why\nchunk: { overlap: 40, size: 220 }\nkind: collection/v1\nembedder: default\n"
    )
    other, _ = parse("kind: collection/v1\nname: handbook\nchunk: { size: 200 }\n")
    assert short is not None
    assert long is not None
    assert other is not None
    defaults = {"strategy": "structure", "size": 220, "overlap": 40, "context": "headings"}
    assert short.document["chunk"] == defaults
    assert short.digest == long.digest != other.digest
    assert short.digest.startswith("sha256:")


@pytest.mark.parametrize(
    ("text", "line", "message", "help"),
    [
        ("kind: tool/v2\nname: a\n", 1, "'tool/v2' is of a later version of the language", "upgrade girih"),
        ("kind: graf/v1\nname: a\n", 1, "unknown kind 'graf/v1'", "did you mean 'graph/v1'?"),
        ("kind: [a]\n", 1, "'kind' must be text, found a list", "kinds: graph/v1"),
        ("kind: model/v1\n", 1, "missing key 'name' in the model", None),
        ("kind: model/v1\nname: a\nprovider: opnai\n", 3, "'provider' must be", "did you mean 'openai'?"),
        ("kind: model/v1\nname: a\nparam: {}\n", 3, "unknown key 'param'", "did you mean 'params'?"),
        ("kind: collection/v1\nname: a\nchunk: { size: 60, overlap: 30 }\n", 3, "less than half", None),
        ("kind: collection/v1\nname: a\nchunk: { size: 10 }\n", 3, "'size' must be at least 50", None),
        ("kind: collection/v1\nname: a\nchunk: { strategy: token }\n", 3, "'strategy' must be", "did you mean 'tokens'?"),
        ("kind: collection/v1\nname: a\nchunk: { context: heading }\n", 3, "'context' must be", "did you mean 'headings'?"),
        ("kind: collection/v1\nname: a\nchunk: { stratgy: tokens }\n", 3, "unknown key 'stratgy'", "'strategy'"),
        (f"{TOOL}http: {{ endpoint: a, url: 'https://x.org' }}\n", 4, "either 'endpoint' or 'url'", None),
        (f"{TOOL}http: {{}}\n", 4, "either 'endpoint' or 'url'", None),
        (f"{TOOL}http: {{ url: 'http://x.org' }}\n", 4, "must be an https:// address", None),
        (f"{TOOL}http: {{ url: 'https://u:p@x.org' }}\n", 4, "must be an https:// address", None),
        (f"{TOOL}http: {{ url: 'https://x.org:99999' }}\n", 4, "must be an https:// address", None),
        (f"{TOOL}http: {{ endpoint: a, path: x }}\n", 4, "must begin with '/'", None),
        (f"{TOOL}http: {{ endpoint: a, method: FETCH }}\n", 4, "'method' must be 'GET'", None),
        (f"{TOOL}http: {{ endpoint: a, path: '/{{x}}' }}\n", 4, "the path takes 'x', which is no parameter", None),
        (
            f"{TOOL}http: {{ endpoint: a, path: '/{{x}}' }}\nparameters: {{ x: string? }}\n",
            4, "the path takes 'x', which is optional", "required",
        ),
        (f"{TOOL}http: {{ endpoint: a }}\nparameters: {{ x: strin }}\n", 5, "unknown type 'strin'", "'string'"),
    ],
)  # fmt: skip
def test_refused(text: str, line: int, message: str, help: str | None) -> None:
    spec, (fault,) = parse(text)
    assert spec is None
    assert fault.code == "E002"
    assert fault.place.line == line
    assert message in fault.message
    assert help is None or help in str(fault.help)

"""Our JSON Schemas in the language server that editors use for YAML: completion, hover, errors."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from tests.compat.clients import NODE, SCRIPTS, need_clients
from tests.language_client import LanguageClient, language_server

from girih.cli.schema import write_schemas

ROOT = Path(__file__).parents[2]
EXAMPLES = sorted(p for p in (ROOT / "agent_specs").rglob("*.yaml") if "handbook/" not in p.as_posix())
FIRST = "# yaml-language-server: $schema=schemas/graph.schema.json\n"
GRAPH = """\
kind: graph/v1
name: desk
inputs: { question: string }
use: { m: model://default }
nodes:
  answer:
    llm: m
    prompt: "${ inputs.question }"
    on_error: { to: other }
    next: $end
  other:
    set: { said: "${ inputs.question }" }
tests:
  - name: one
    given: { question: x }
    expect: { steps: 2 }
"""


@pytest.fixture(scope="module")
def editor(tmp_path_factory: pytest.TempPathFactory) -> Iterator[LanguageClient]:
    """An editor on a folder with the schemas that `girih new` writes."""
    need_clients()
    folder = tmp_path_factory.mktemp("workspace")
    write_schemas(folder / "schemas")
    for path in EXAMPLES:
        target = folder / path.relative_to(ROOT / "agent_specs")
        target.parent.mkdir(parents=True, exist_ok=True)
        shutil.copy(path, target)
    settings = {"yaml": {"validate": True, "hover": True, "completion": True, "schemaStore": {"enable": False}}}
    server = SCRIPTS / "node_modules/yaml-language-server/bin/yaml-language-server"
    with language_server([str(NODE), str(server), "--stdio"], folder, settings) as client:
        yield client


@pytest.fixture
def desk(editor: LanguageClient, request: pytest.FixtureRequest) -> str:
    """A graph that is open in the editor, under a name of the test's own."""
    name = f"{request.node.name}.yaml"
    assert editor.open(name, FIRST + GRAPH) == []
    return name


def offered(found: Any) -> set[str]:
    return {item["label"] for item in found["items"]}


def without(text: str, *lines: str) -> str:
    return "".join(line for line in (FIRST + text).splitlines(keepends=True) if line.strip() not in lines)


@pytest.mark.parametrize("path", EXAMPLES, ids=lambda path: path.relative_to(ROOT).as_posix())
def test_the_examples_are_sound(editor: LanguageClient, path: Path) -> None:
    name = path.relative_to(ROOT / "agent_specs").as_posix()
    assert editor.open(name, path.read_text()) == []


def test_an_empty_node_is_offered_the_verbs(editor: LanguageClient, desk: str) -> None:
    text = (FIRST + GRAPH).replace("    llm: m\n", "    \n")
    editor.change(
        desk, text.replace('    prompt: "${ inputs.question }"\n    on_error: { to: other }\n    next: $end\n', "")
    )
    assert offered(editor.at("completion", desk, 7, 4)) >= {"llm", "agent", "retrieve", "ask", "parallel", "end"}


def test_a_node_is_offered_the_keys_of_its_verb_and_no_others(editor: LanguageClient, desk: str) -> None:
    editor.change(desk, (FIRST + GRAPH).replace("    next: $end\n", "    \n    next: $end\n"))
    keys = offered(editor.at("completion", desk, 10, 4))
    assert keys >= {"messages", "system", "returns", "retry", "timeout", "write"}
    assert not keys & {"prompt", "top_k", "ask", "retrieve", "tools"}


def test_choices_are_offered(editor: LanguageClient, desk: str) -> None:
    editor.change(desk, (FIRST + GRAPH).replace("    on_error:", "    retry: { on: [] }\n    on_error:"))
    found = offered(editor.at("completion", desk, 9, 18))
    assert found >= {"timeout", "rate_limit", "unavailable"}


def test_what_a_key_is_for_is_shown(editor: LanguageClient, desk: str) -> None:
    for line, character, words in (
        (6, 6, "Asks a model once and streams its answer."),
        (7, 6, "`prompt` is what the model is asked"),
        (9, 6, "`$end` to end the run well"),
        (15, 6, "What must come of the run."),
        (4, 2, "Everything outside of this file"),
    ):
        shown = editor.at("hover", desk, line + (line > 4), character)
        assert shown is not None, words
        assert words in shown["contents"]["value"].replace("\\", "")


@pytest.mark.parametrize(
    ("before", "after", "message", "line"),
    [
        ("prompt:", "promt:", "Property promt is not allowed.", 8),
        ("    llm: m\n", "", "a node needs one of these keys: agent, ask", 7),
        ("expect:", "expcet:", "Property expcet is not allowed.", 16),
        ("name: desk", "name: Desk 1", "String does not match the pattern", 2),
        ("model://default", "modell://default", "String does not match the pattern", 4),
        ("question: string", "question: strng", "Value is not accepted.", 3),
        ("kind: graph/v1", "kind: graph/v1\nkinds: 1", "Property kinds is not allowed.", 2),
    ],
)
def test_mistakes_are_shown_where_they_are(
    editor: LanguageClient, before: str, after: str, message: str, line: int, request: pytest.FixtureRequest
) -> None:
    number = request.node.callspec.id.replace("/", "-")[:20].encode().hex()
    found = editor.open(f"wrong-{number}.yaml", FIRST + GRAPH.replace(before, after, 1))
    assert [message in finding["message"] for finding in found].count(True) == 1, found
    [finding] = [finding for finding in found if message in finding["message"]]
    assert finding["range"]["start"]["line"] == line

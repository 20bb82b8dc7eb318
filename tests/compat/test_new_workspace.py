"""What `girih new` writes for editors, in the language server that VS Code uses for YAML."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from tests.compat.clients import NODE, SCRIPTS, need_clients
from tests.language_client import LanguageClient, language_server

from girih.cli.app import run

SERVER = SCRIPTS / "node_modules/yaml-language-server/bin/yaml-language-server"


@pytest.fixture(scope="module")
def editor(tmp_path_factory: pytest.TempPathFactory) -> Iterator[LanguageClient]:
    """An editor that was opened on a new workspace, with the settings in it."""
    need_clients()
    folder = tmp_path_factory.mktemp("new") / "shop"
    assert run(["new", str(folder)]) == 0
    written = json.loads((folder / ".vscode/settings.json").read_text())
    yaml: dict[str, Any] = {
        "validate": True,
        "completion": True,
        "schemaStore": {"enable": False},
        "schemas": written["yaml.schemas"],
    }
    with language_server([str(NODE), str(SERVER), "--stdio"], folder, {"yaml": yaml}) as client:
        yield client


def without_first_line(path: Path) -> str:
    """A file without the comment that names its schema."""
    first, _, rest = path.read_text().partition("\n")
    assert first.startswith("# yaml-language-server")
    return rest


@pytest.mark.parametrize(("name", "key"), [("hello.yaml", "nodes"), ("models/small.yaml", "provider")])
def test_settings_lead_to_the_schema_of_each_kind(editor: LanguageClient, name: str, key: str) -> None:
    text = without_first_line(editor.folder / name)
    assert editor.open(name, text) == []
    wrong = editor.change(name, text.replace(f"{key}:", f"{key}x:", 1))
    assert any(f"{key}x" in found["message"] for found in wrong)


@pytest.mark.parametrize(
    "name", ["tools/a.yaml", "collections/a.yaml", "desk.yaml", "models/a.yaml", "pipelines/a.yaml"]
)
def test_a_file_that_is_begun_is_completed(editor: LanguageClient, name: str) -> None:
    editor.open(name, "kind: \n")
    folders = {"tools": "tool", "collections": "collection", "models": "model", "pipelines": "pipeline"}
    kind = folders.get(name.partition("/")[0], "graph")
    assert [item["label"] for item in editor.at("completion", name, 0, 6)["items"]] == [f"{kind}/v1"]


def test_cases_and_pipelines_are_no_specs(editor: LanguageClient) -> None:
    assert editor.open("cases/questions.yaml", "- given: { question: x }\n") == []
    assert editor.open(".github/workflows/ci.yaml", "on: [push]\n") == []

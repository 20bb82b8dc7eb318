"""`girih lsp` as editors use it: a process, spoken to over its pipes."""

from __future__ import annotations

import shutil
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from tests.language_client import LanguageClient, language_server

EXAMPLES = Path(__file__).parents[2] / "agent_specs"
COMMAND = [sys.executable, "-m", "girih.cli", "lsp"]
TRIAGE = (EXAMPLES / "triage.yaml").read_text()


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return Path(shutil.copytree(EXAMPLES, tmp_path_factory.mktemp("editor") / "specs"))


@pytest.fixture(scope="module")
def editor(folder: Path) -> Iterator[LanguageClient]:
    with language_server(COMMAND, folder) as client:
        client.open("triage.yaml", TRIAGE)
        yield client


@pytest.fixture(autouse=True)
def as_it_was(editor: LanguageClient) -> Iterator[None]:
    yield
    editor.change_quietly("triage.yaml", TRIAGE)


def place(text: str, part: str, word: str = "") -> tuple[int, int]:
    """Line and character of a word in a part of a text, in units of UTF-16."""
    index = text.index(part) + part.rindex(word or part)
    before = text[:index]
    return before.count("\n"), len(before.rpartition("\n")[2].encode("utf-16-le")) // 2


def heard(client: LanguageClient, file: str, code: str | None) -> list[Any]:
    """The findings of a file, once one with the code is among them; without a code: once there are none."""
    while True:
        found = client.diagnostics(file)
        if (not found) if code is None else any(one["code"] == code for one in found):
            return found


def test_a_sound_example_has_no_findings(folder: Path) -> None:
    with language_server([*COMMAND, "--stdio"], folder) as client:
        assert client.open("triage.yaml", TRIAGE) == []


def test_findings_come_while_it_is_typed(editor: LanguageClient) -> None:
    text = TRIAGE.replace("# Sorts", "# 😀 Sorts").replace('"${ search.hits }"', '"😀 ${ serch.hits }"', 1)
    editor.change_quietly("triage.yaml", text)
    (found,) = heard(editor, "triage.yaml", "E201")
    assert found["message"] == "nothing is called 'serch' here\ndid you mean 'search'?"
    assert found["severity"] == 1
    assert found["codeDescription"]["href"].endswith("E201.md")
    line, character = place(text, "serch")
    assert found["range"]["start"] == {"line": line, "character": character}
    assert found["range"]["end"]["character"] == character + 5
    assert found["relatedInformation"][0]["location"]["uri"] == editor.uri("triage.yaml")


def test_a_change_of_one_file_is_told_of_the_others(editor: LanguageClient, folder: Path) -> None:
    model = (folder / "models/small.yaml").read_text()
    editor.open("models/small.yaml", model)
    editor.change_quietly("models/small.yaml", model.replace("name: small", "name: tiny"))
    heard(editor, "triage.yaml", "E401")
    heard(editor, "complaint-desk.yaml", "E401")
    editor.change_quietly("models/small.yaml", model)
    heard(editor, "complaint-desk.yaml", None)
    heard(editor, "triage.yaml", None)


def test_parts_of_a_document_change(editor: LanguageClient) -> None:
    line, character = place(TRIAGE, "next: gather", "gather")
    uri = editor.uri("triage.yaml")
    start, end = {"line": line, "character": character}, {"line": line, "character": character + 6}
    changes = [
        {"range": {"start": start, "end": end}, "text": "😀"},
        {"range": {"start": start, "end": {"line": line, "character": character + 2}}, "text": "gathr"},
    ]
    editor.tell("textDocument/didChange", {"textDocument": {"uri": uri, "version": 50}, "contentChanges": changes})
    messages = [one["message"].split("\n")[0] for one in heard(editor, "triage.yaml", "E101")]
    assert "node 'gathr' does not exist" in messages


def test_questions(editor: LanguageClient) -> None:
    text = TRIAGE.replace("${ classify.intent }", "${ classify.", 1)
    editor.change_quietly("triage.yaml", text)
    line, character = place(text, "${ classify.\n") if "${ classify.\n" in text else place(text, '"${ classify.')
    offered = editor.at("completion", "triage.yaml", line, character + len('"${ classify.'))
    assert [item["label"] for item in offered["items"]][:2] == ["intent", "urgent"]
    editor.change_quietly("triage.yaml", TRIAGE)
    node = place(TRIAGE, "to: refund", "refund")
    shown = editor.at("hover", "triage.yaml", *node)
    assert "`graph` node" in shown["contents"]["value"]
    (found,) = editor.at("definition", "triage.yaml", *place(TRIAGE, "prompts/classify.md"))
    assert found["uri"] == editor.uri("prompts/classify.md")
    uses = editor.at("references", "triage.yaml", *node, context={"includeDeclaration": True})
    asked = editor.at("prepareRename", "triage.yaml", *node)
    assert asked["placeholder"] == "refund"
    edits = editor.at("rename", "triage.yaml", *node, newName="repay")["changes"][editor.uri("triage.yaml")]
    assert len(edits) == len(uses)


def test_a_name_that_cannot_be_is_refused_with_a_sentence(editor: LanguageClient) -> None:
    with pytest.raises(AssertionError) as refused:
        editor.at("rename", "triage.yaml", *place(TRIAGE, "to: refund", "refund"), newName="search")
    told = refused.value.args[0]
    assert "means something else in this graph" in told["message"]
    assert "Traceback" not in str(told)


def test_symbols_layout_and_repairs(editor: LanguageClient) -> None:
    document = {"textDocument": {"uri": editor.uri("triage.yaml")}}
    assert "nodes" in [one["name"] for one in editor.ask("textDocument/documentSymbol", document)]
    wide = TRIAGE.replace("retrieve: kb", "retrieve:   kb")
    editor.change_quietly("triage.yaml", wide)
    options = {"options": {"tabSize": 2, "insertSpaces": True}}
    (edit,) = editor.ask("textDocument/formatting", {**document, **options})
    assert edit["newText"] == "    retrieve: kb\n"
    wrong = TRIAGE.replace("retrieve: kb", "retrieve: kbb")
    editor.change_quietly("triage.yaml", wrong)
    line, character = place(wrong, "kbb")
    at = {"line": line, "character": character}
    asked = {**document, "range": {"start": at, "end": at}, "context": {"diagnostics": []}}
    (action,) = editor.ask("textDocument/codeAction", asked)
    assert action["title"] == "change 'kbb' to 'kb'"


def test_files_come_and_go_under_it(folder: Path, tmp_path: Path) -> None:
    own = Path(shutil.copytree(folder, tmp_path / "own"))
    with language_server(COMMAND, own) as client:
        assert client.open("triage.yaml", TRIAGE) == []
        (own / "models/small.yaml").unlink()
        client.tell("workspace/didChangeWatchedFiles", {"changes": []})
        heard(client, "triage.yaml", "E401")
        shutil.rmtree(own)
        client.tell("workspace/didChangeWatchedFiles", {"changes": []})
        assert len(heard(client, "triage.yaml", "E401")) > 1


def test_without_a_folder_and_with_one_that_is_too_large(folder: Path, tmp_path: Path) -> None:
    for number in range(2100):
        (tmp_path / f"{number}.txt").touch()
    own = Path(shutil.copytree(folder, tmp_path / "specs"))
    with language_server(COMMAND, tmp_path) as client:
        assert client.open("specs/triage.yaml", (own / "triage.yaml").read_text()) == []
        client.tell(
            "textDocument/didOpen",
            {"textDocument": {"uri": "untitled:one", "languageId": "yaml", "version": 1, "text": "kind: graph/v1\n"}},
        )
        where = {"textDocument": {"uri": "untitled:one"}, "position": {"line": 1, "character": 0}}
        assert "nodes" in [item["label"] for item in client.ask("textDocument/completion", where)["items"]]


def test_it_ends_well_and_says_nothing_else(folder: Path) -> None:
    client = LanguageClient(COMMAND, folder)
    client.start()
    assert client.stop() == 0


def test_it_ends_when_the_editor_is_gone(folder: Path) -> None:
    done = subprocess.run(COMMAND, cwd=folder, input=b"", capture_output=True, timeout=60, check=False)
    assert (done.returncode, done.stdout, done.stderr) == (0, b"", b"")


def test_what_is_no_message_is_left_out(folder: Path) -> None:
    junk = b"hello\r\n\r\nContent-Length: 3\r\n\r\n{{{Content-Length: 2\r\n\r\n[]"
    done = subprocess.run(COMMAND, cwd=folder, input=junk, capture_output=True, timeout=60, check=False)
    assert done.returncode == 0
    assert b"girih" not in done.stdout or b"Traceback" not in done.stdout

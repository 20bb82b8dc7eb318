"""What `girih pull` writes: texts where they are known, documents where not, and nothing outside of the folder."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import typer

from girih.cli import pull
from girih.cli.applied import Here, State
from girih.cli.drift import compare, specs_of
from girih.cli.rendered import with_text
from girih.language.compiler.folder import read_folder
from girih.language.compiler.pipeline import compile_workspace
from girih.language.compiler.texts import digest_of_text
from girih.language.compiler.workspace import Workspace

SPECS = read_folder(Path(__file__).parents[2] / "agent_specs").files
OTHERS = compile_workspace(Workspace(SPECS)).others
GRAPH = "kind: graph/v1\nname: desk\nnodes:\n  a: { set: { text: hi }, next: $end }\noutputs: { text: '${ a.text }' }\n"


def thing(source: str | None = GRAPH, **more: Any) -> dict[str, Any]:
    """What a server says of a spec."""
    own = {"kind": "graph/v1", "name": "desk", "path": "desk.yaml", "digest": "sha256:1", "files": {}, "aliases": {}}
    return (
        own | {"source": source, "document": None, "version": "1.0.0", "by": "key:1", "at": "2026-01-02T03:04"} | more
    )


@pytest.mark.parametrize("spec", [one for one in OTHERS if one.kind != "collection/v1"], ids=lambda spec: spec.path)
def test_a_document_whose_text_nobody_knows_is_written_with_the_same_meaning(spec: Any) -> None:
    written = with_text(thing(None, kind=spec.kind, name=spec.name, path=None, document=spec.document))
    found = compile_workspace(Workspace(SPECS | {spec.path: written["source"]})).others
    (again,) = (one for one in found if (one.kind, one.name) == (spec.kind, spec.name))
    assert again.digest == spec.digest
    assert written["path"].endswith(f"/{spec.name}.yaml")


@pytest.mark.parametrize(
    "path", ["/etc/passwd", "../up.yaml", ".git/hooks/pre-commit", "a/../../b.yaml", "a\\b.yaml", ""]
)
def test_a_server_names_no_file_outside_of_the_folder(path: str) -> None:
    for told in (thing(path=path), thing(files={path: "text"})):
        with pytest.raises(typer.Exit):
            pull._files(None, told)


def test_a_link_leads_nowhere_else(tmp_path: Path) -> None:
    folder, outside = tmp_path / "folder", tmp_path / "outside"
    folder.mkdir()
    outside.mkdir()
    (folder / "prompts").symlink_to(outside)
    with pytest.raises(typer.Exit):
        pull._write(folder, {"prompts/answer.md": "text"})
    assert list(outside.iterdir()) == []


def test_the_files_that_a_spec_names_belong_to_its_text() -> None:
    texts = {
        "desk.yaml": "kind: graph/v1\nname: desk\n# prompts/answer.md\n",
        "prompts/answer.md": "one",
        "b.md": "two",
    }
    here = Here.at("desk.yaml", texts)
    assert here.files == {"prompts/answer.md": "one"}
    changed = Here.at("desk.yaml", texts | {"prompts/answer.md": "another"})
    assert here.digest != changed.digest
    assert here.digest == Here.at("desk.yaml", texts | {"b.md": "another"}).digest


def test_three_texts_say_who_changed_what(tmp_path: Path) -> None:
    (tmp_path / "desk.yaml").write_text(GRAPH)
    key = ("graph/v1", "desk")
    here, changed = specs_of({"desk.yaml": GRAPH}), specs_of({"desk.yaml": GRAPH + "# more\n"})
    state = State.read(tmp_path, "p")
    other = thing(GRAPH + "# theirs\n", digest="sha256:2")

    def what(ours: dict[Any, Here], theirs: dict[str, Any] | None) -> str:
        return compare(ours, {key: theirs} if theirs else {}, state)[0].what

    assert what(here, thing()) == "same"
    assert what(here, other) == "differs", "nobody knows what both had"
    state.note(key, here[key], thing())
    state.save()
    state = State.read(tmp_path, "p")
    assert what(here, other) == "changed there"
    assert what(changed, thing()) == "changed here"
    assert what(changed, other) == "changed here and there"
    assert (what({}, thing()), what(here, None)) == ("new there", "only here")
    assert State.read(tmp_path, "another project").things == {}
    (tmp_path / ".girih" / "state.json").write_text("[]")
    assert State.read(tmp_path, "p").things == {}
    assert digest_of_text(GRAPH, {}) == here[key].digest

"""The authoring guide: it names everything there is, and its example is one that works."""

from __future__ import annotations

import re

import pytest

from girih.cli.app import run
from girih.language.compiler.pipeline import compile_workspace
from girih.language.compiler.workspace import Workspace
from girih.language.formatting.formatter import formatted
from girih.language.guide.authoring import EXAMPLE, guide
from girih.language.guide.tables import described_keys, type_of
from girih.language.nodes.registry import kinds
from girih.language.spec.documents import DOCUMENTS
from girih.language.spec.graph_tests import Expectation, GraphTest
from girih.language.spec.model import GraphHead
from girih.language.spec.policies import ERROR_KINDS
from girih.language.spec.source import Source

PAGE = guide(kinds())
HANDBOOK = "kind: collection/v1\nname: handbook\n"


def test_the_example_compiles_is_laid_out_and_passes_its_tests(tmp_path_factory: pytest.TempPathFactory) -> None:
    made = compile_workspace(Workspace({"desk.yaml": EXAMPLE, "handbook.yaml": HANDBOOK}))
    assert made.diagnostics == ()
    assert formatted(Source("desk.yaml", EXAMPLE)) == (EXAMPLE, ())
    folder = tmp_path_factory.mktemp("guide")
    (folder / "desk.yaml").write_text(EXAMPLE)
    (folder / "handbook.yaml").write_text(HANDBOOK)
    assert run(["test", str(folder)]) == 0


@pytest.mark.parametrize("verb", sorted(kinds()))
def test_every_kind_of_node_is_there_with_all_its_keys(verb: str) -> None:
    part = PAGE.split(f"\n### {verb}\n")[1].split("\n### ")[0]
    own = kinds()[verb].Config.model_fields
    for name, field in own.items():
        written = field.alias or name
        assert f"| `{written}`" in part or f"| `{written}`" in PAGE.split("## What every node may carry")[1]
    assert kinds()[verb].example.strip() in part


@pytest.mark.parametrize("model", [GraphHead, GraphTest, Expectation, *DOCUMENTS.values()], ids=lambda m: m.__name__)
def test_every_key_of_every_other_mapping_is_there(model: type) -> None:
    for name, field in model.model_fields.items():  # type: ignore[attr-defined]
        assert f"| `{field.alias or name}`" in PAGE


def test_every_kind_of_error_is_there_and_nothing_is_undescribed() -> None:
    assert all(f"| `{kind}` |" in PAGE for kind in ERROR_KINDS)
    assert "None" not in PAGE
    rows = [line for line in PAGE.splitlines() if line.startswith("| `")]
    assert all(len(re.split(r"(?<!\\)\|", row)) in (4, 6) for row in rows), "a cell holds a bar"


def test_it_is_printed(capsys: pytest.CaptureFixture[str]) -> None:
    assert run(["schema", "--guide"]) == 0
    assert capsys.readouterr().out == PAGE


def test_words_for_types() -> None:
    assert type_of({"anyOf": [{"type": "array", "items": {"type": "string"}}, {"type": "null"}]}) == "list of string"
    assert type_of({"anyOf": [{"type": "number", "exclusiveMinimum": 0}, {"type": "string"}]}) == "a duration"
    assert (
        described_keys({"a": {"description": "x | y\nz"}}, ["a"]).splitlines()[2]
        == r"| `a` (required) | any |  | x \| y z |"
    )

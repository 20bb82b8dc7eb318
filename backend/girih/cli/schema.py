"""`girih schema`: the JSON Schemas with which editors complete and check specs while they are typed."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Annotated, Literal

import typer

from girih.cli.output import data, note
from girih.language.compiler.schema import schemas
from girih.language.guide import authoring
from girih.language.nodes.registry import kinds
from girih.language.spec.tree import JsonObject


def schema(
    kind: Annotated[
        Literal["graph", "tool", "model", "collection", "pipeline"], typer.Argument(help="The kind of spec.")
    ] = "graph",
    write: Annotated[
        Path | None, typer.Option("--write", file_okay=False, help="Write all schemas into this folder.")
    ] = None,
    guide: Annotated[
        bool, typer.Option("--guide", help="Print the authoring guide: the whole language on one page, as Markdown.")
    ] = False,
) -> None:
    """Print the JSON Schema of a kind of spec, or write all of them into a folder.

    With --guide, print what people and language models need to know to write specs; it is made from the same models.

    An editor with a YAML language server uses one that is named in a file's first line:
    `# yaml-language-server: $schema=schemas/graph.schema.json`.
    """
    if guide:
        data(authoring.guide(kinds()))
        return
    if write is None:
        data(as_text(schemas(kinds())[kind]))
        return
    for path in write_schemas(write):
        note(f"wrote {path}")


def write_schemas(folder: Path) -> list[Path]:
    """Write every schema as `KIND.schema.json` and return the paths."""
    folder.mkdir(parents=True, exist_ok=True)
    paths = []
    for name, content in schemas(kinds()).items():
        path = folder / f"{name}.schema.json"
        path.write_text(as_text(content), "utf-8")
        paths.append(path)
    return paths


def as_text(content: JsonObject) -> str:
    """A schema as it lies in a file."""
    return json.dumps(content, indent=2, ensure_ascii=False) + "\n"

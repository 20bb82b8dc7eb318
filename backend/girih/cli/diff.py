"""`girih diff OLD NEW`: what one version of a graph does differently from another."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Annotated, Literal

import typer

from girih.cli.client import Refused, open_server
from girih.cli.differences import difference_of, difference_text
from girih.cli.findings import received, show
from girih.cli.output import CHANGES, FINDINGS, complain, data, note
from girih.cli.written import Written, find_graph, proven
from girih.errors import InvalidInput
from girih.language.comparing.changes import compare
from girih.language.comparing.shown import headline, markdown
from girih.language.spec.tree import JsonObject

Format = Literal["text", "json", "markdown"]


def diff(
    old: Annotated[str, typer.Argument(metavar="OLD", help="A graph's file, or a reference: NAME, NAME@1.2.0.")],
    new: Annotated[str | None, typer.Argument(metavar="NEW", help="The same. Default: see below.")] = None,
    workspace: Annotated[
        Path | None, typer.Option("--workspace", exists=True, file_okay=False, help="The folder that files belong to.")
    ] = None,
    format: Annotated[Format, typer.Option("--format", help="How to print the differences.")] = "text",
) -> None:
    """Compare two versions of a graph by what they do: contract, references, nodes, ways, prompts, limits.

    With one file it is compared with the newest published version; with one reference, that version is compared with
    the newest. Comments, layout and the order of keys make no difference. Two files are compared without a server.
    Exit code 3 if anything differs.
    """
    before, after = _side(old, workspace), _side(new, workspace) if new is not None else None
    if after is None:
        before, after = (before.name, before) if isinstance(before, Written) else (before, before.partition("@")[0])
    if isinstance(before, Written) and isinstance(after, Written):
        _compare_here(before, after, format)
    else:
        _compare_there(before, after, format)


def _side(given: str, workspace: Path | None) -> Written | str:
    path = Path(given)
    if path.is_file():
        return find_graph(path, workspace)
    if path.is_dir():
        raise InvalidInput(f"'{given}' is a folder", help="give a graph's file; for a folder there is `girih plan DIR`")
    if "/" in given or path.suffix in (".yaml", ".yml", ".json"):
        raise InvalidInput(f"there is no file '{given}'", help="give a graph's file, or a reference such as desk@1.2.0")
    return given


def _compare_here(before: Written, after: Written, format: Format) -> None:
    old, new = proven(before), proven(after)
    if old is None or new is None:
        raise typer.Exit(FINDINGS)
    found = compare(old, new)
    _tell({"old": str(before.path), "new": str(after.path), **found.as_dict()}, format)


def _compare_there(before: Written | str, after: Written | str, format: Format) -> None:
    body = {"old": _sent(before), "new": _sent(after)}
    with open_server() as server:
        try:
            told: JsonObject = server.attempt("POST", "/v1/workspace/diff", json=body)
        except Refused as refused:
            found = received((refused.failure.body or {}).get("diagnostics") or [])
            if not found:
                server.give_up(refused.failure)
            sides = [side for side in (before, after) if isinstance(side, Written)]
            show(found, {name: text for side in sides for name, text in side.files.items()})
            complain(refused.failure.message)
            raise typer.Exit(FINDINGS) from None
    _tell(told, format)


def _sent(side: Written | str) -> str | JsonObject:
    return side if isinstance(side, str) else {"files": side.needed(), "name": side.name}


def _tell(told: JsonObject, format: Format) -> None:
    found = difference_of(told)
    if format == "json":
        typer.echo(json.dumps(told, indent=2, ensure_ascii=False))
    elif format == "markdown":
        data(f"### `{told['old']}` → `{told['new']}`: {headline(found)}\n\n{markdown(found)}")
    else:
        data(difference_text(found))
        note(f"{told['old']} → {told['new']}: {headline(found)}")
    if found.changes:
        raise typer.Exit(CHANGES)

"""`girih collections`: what there is to search in, and the indexes of a collection: built, switched, gone back to."""

from __future__ import annotations

import json
from typing import Annotated, Literal

import typer

from girih.cli.client import Server, fail, open_server, segment
from girih.cli.output import USAGE, harmless, note
from girih.language.spec.tree import JsonObject, JsonValue

Action = Literal["list", "show", "indexes", "reindex", "activate", "rollback", "cancel", "delete"]
Form = Literal["text", "json"]


def collections(
    action: Annotated[Action, typer.Argument(help="What to do.")] = "list",
    name: Annotated[str | None, typer.Argument(help="The collection; not for `list`.")] = None,
    index: Annotated[
        str | None, typer.Argument(help="For `activate` and `cancel`: the index, by its number or id.")
    ] = None,
    yes: Annotated[bool, typer.Option("--yes", help="For `delete`: do not ask.")] = False,
    format: Annotated[Form, typer.Option("--format", help="How to print.")] = "text",
) -> None:
    """List collections, show one and its indexes, build one anew, go back to a former one, or delete a collection."""
    with open_server() as server:
        if action == "list":
            _print_all("collections", list(server.pages("/v1/collections")), format)
        elif name is None:
            fail(f"`girih collections {action}` needs a collection", "`girih collections` lists them", code=USAGE)
        else:
            _act(server, action, name, index, format, yes=yes)


def _act(server: Server, action: Action, name: str, index: str | None, format: Form, *, yes: bool) -> None:
    place = f"/v1/collections/{segment(name)}"
    match action:
        case "show":
            _print(server.call("GET", place))
        case "indexes":
            _print_all("indexes", list(server.pages(f"{place}/indexes")), format)
        case "delete":
            if not yes:
                typer.confirm(f"delete the collection {name} with its documents and all their versions?", abort=True)
            server.call("DELETE", place)
            note(f"deleted {name}")
        case "reindex":
            _tell(server.call("POST", f"{place}/indexes"), format)
        case _:
            found = _index(list(server.pages(f"{place}/indexes")), action, index)
            step = "cancel" if action == "cancel" else "activate"
            _tell(server.call("POST", f"{place}/indexes/{found}/{step}"), format)


def _index(known: list[JsonObject], action: Action, given: str | None) -> str:
    """The id of the index that is meant: the given one; for `rollback` the newest former one."""
    if action == "rollback":
        former = next((one["id"] for one in known if one["status"] == "former"), None)
        if former is None:
            fail("there is no former index to go back to", "an index becomes one when another takes its place")
        return segment(former)
    if given is None:
        fail(f"`girih collections {action}` needs an index", f"girih collections {action} NAME NUMBER", code=USAGE)
    return segment(next((one["id"] for one in known if str(one["number"]) == given), given))


def _tell(index: JsonObject, format: Form) -> None:
    if format == "json":
        _print(index)
    else:
        typer.echo(harmless(_index_line(index)))


def _print_all(kind: Literal["collections", "indexes"], found: list[JsonObject], format: Form) -> None:
    if format == "json":
        _print({kind: found})
        return
    for one in found:
        typer.echo(harmless(_index_line(one) if kind == "indexes" else _collection_line(one)))
    if not found:
        note(f"there are no {kind}")


def _collection_line(one: JsonObject) -> str:
    model = one["embedder_model"] or one["embedder"]
    return (
        f"{one['name']:24} {one['documents']:7} documents {one['chunks']:8} passages  {one['chunk_strategy']}, {model}"
    )


def _index_line(one: JsonObject) -> str:
    documents = one["documents"]
    failed = f", {documents['failed']} failed" if documents["failed"] else ""
    eta = f", about {documents['eta_seconds']} s left" if documents["eta_seconds"] is not None else ""
    made_by = one["pipeline"] or one["config"].get("embedder") or ""
    reason = f"  {one['reason']}" if one["reason"] else ""
    progress = f"{documents['done']} of {documents['total']} documents{failed}{eta}"
    return (
        f"{one['number']:3}  {one['id']}  {one['status']:9} {one['chunks']:7} passages  {progress}  {made_by}{reason}"
    )


def _print(answer: JsonValue) -> None:
    typer.echo(harmless(json.dumps(answer, indent=2, ensure_ascii=False)))

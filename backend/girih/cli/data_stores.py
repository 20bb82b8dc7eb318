"""`girih data-stores`: sources that collections follow; making, trying, syncing and deleting them."""

from __future__ import annotations

import json
import time
from pathlib import Path
from typing import Annotated, Literal

import typer
import yaml

from girih.cli.client import Server, fail, open_server, segment
from girih.cli.output import FINDINGS, USAGE, harmless, note
from girih.language.spec.tree import JsonObject, JsonValue

_LOOK_SECONDS = 0.5
_OPEN = ("queued", "running")
_COUNTS = ("listed", "added", "changed", "unchanged", "removed", "failed")


def data_stores(
    action: Annotated[
        Literal["list", "create", "show", "test", "sync", "history", "changes", "failed", "cancel", "delete"],
        typer.Argument(help="What to do."),
    ] = "list",
    store: Annotated[
        str | None,
        typer.Argument(help="The data store's name or id; for `create` a YAML or JSON file; not for `list`."),
    ] = None,
    sync: Annotated[
        str | None, typer.Argument(help="For `changes` and `cancel`: the sync's id; the newest if left out.")
    ] = None,
    dry_run: Annotated[bool, typer.Option("--dry-run", help="For `sync`: only say what would be done.")] = False,
    whole: Annotated[
        bool, typer.Option("--whole", help="For `sync`: look at everything, not only what is new.")
    ] = False,
    remove_all: Annotated[
        bool, typer.Option("--remove-all", help="For `sync`: remove what is gone, however much it is.")
    ] = False,
    wait: Annotated[bool, typer.Option("--wait", help="For `sync`: wait for its end; 1 if it fails.")] = False,
    follow: Annotated[bool, typer.Option("--follow", help="The same, and show how far it is.")] = False,
    documents: Annotated[
        Literal["keep", "delete"], typer.Option("--documents", help="For `delete`: what becomes of its documents.")
    ] = "keep",
    format: Annotated[Literal["text", "json"], typer.Option("--format", help="How to print.")] = "text",
) -> None:
    """List data stores; create, try out, sync, cancel, delete one, or show its history."""
    with open_server() as server:
        if action == "list":
            _list(list(server.pages("/v1/data-stores")), as_json=format == "json")
        elif store is None:
            fail(f"`girih data-stores {action}` needs a data store", "`girih data-stores` lists them", code=USAGE)
        elif action == "create":
            _print(server.call("POST", "/v1/data-stores", json=_read(store)))
        elif action == "sync":
            asked = {"dry_run": dry_run, "whole": whole, "remove_all": remove_all}
            _sync(server, _place(server, store), asked, wait=wait or follow, tells=follow, as_json=format == "json")
        else:
            _act(server, action, _place(server, store), sync, documents)


def _act(server: Server, action: str, place: str, sync: str | None, documents: str) -> None:
    match action:
        case "show":
            _print(server.call("GET", place))
        case "test":
            _print(server.call("POST", f"{place}/test"))
        case "history":
            _print(server.call("GET", f"{place}/syncs"))
        case "failed":
            _print(list(server.pages(f"{place}/items", status="failed")))
        case "changes":
            _print(list(server.pages(f"{place}/syncs/{_newest(server, place, sync)}/changes")))
        case "cancel":
            _print(server.call("POST", f"{place}/syncs/{_newest(server, place, sync)}/cancel"))
        case _:
            answer = server.call("DELETE", f"{place}?documents={documents}")
            if answer is not None:
                _print(answer)


def _sync(server: Server, place: str, asked: JsonObject, *, wait: bool, tells: bool, as_json: bool) -> None:
    found, said = server.call("POST", f"{place}/syncs", json=asked), ""
    while wait and found["status"] in _OPEN:
        if tells and (now := _far(found)) != said:
            note(harmless(now))
            said = now
        time.sleep(_LOOK_SECONDS)
        found = server.call("GET", f"{place}/syncs/{found['id']}")
    if as_json:
        _print(found)
    else:
        typer.echo(harmless(f"{found['id']}  {found['status']}: {_counts(found)}"))
        if found["reason"]:
            note(found["reason"])
    if wait and found["status"] != "done":
        raise typer.Exit(FINDINGS)


def _far(sync: JsonObject) -> str:
    """How far a sync is, in a line."""
    if sync["status"] == "queued":
        return f"queued: {sync['reason']}" if sync["reason"] else "queued"
    of = f" of {sync['total']}" if sync["total"] is not None else ""
    left = f", about {sync['eta_seconds']:.0f} s left" if sync["eta_seconds"] else ""
    return f"{sync['listed']}{of} looked at: {_counts(sync)}{left}"


def _counts(sync: JsonObject) -> str:
    return ", ".join(f"{sync[name]} {name}" for name in _COUNTS)


def _place(server: Server, store: str) -> str:
    """The address of a data store by its name or id."""
    named = next((one["id"] for one in server.pages("/v1/data-stores") if one["name"] == store), store)
    return f"/v1/data-stores/{segment(named)}"


def _newest(server: Server, place: str, sync: str | None) -> str:
    if sync is not None:
        return segment(sync)
    found = server.call("GET", f"{place}/syncs")["items"]
    if not found:
        fail("this data store was never synced", "girih data-stores sync NAME")
    return str(found[0]["id"])


def _read(file: str) -> JsonValue:
    try:
        return yaml.safe_load(Path(file).read_text(encoding="utf-8"))
    except OSError as fault:
        fail(f"{file} cannot be read: {fault.strerror}", "write name, collection and source into a file", code=USAGE)
    except (yaml.YAMLError, UnicodeDecodeError):
        fail(f"{file} is neither YAML nor JSON", "write name, collection and source into it", code=USAGE)


def _print(answer: JsonValue) -> None:
    typer.echo(harmless(json.dumps(answer, indent=2, ensure_ascii=False)))


def _list(found: list[JsonObject], *, as_json: bool) -> None:
    if as_json:
        _print({"data_stores": found})
        return
    for one in found:
        when = "deleting" if one["deleting"] else one["next_at"] or "on demand"
        kind, failed = one["source"]["kind"], f", {one['failed_items']} failed" if one["failed_items"] else ""
        line = f"{one['id']}  {one['name']}  {kind} → {one['collection']}  {one['items']} items{failed}  {when}"
        typer.echo(harmless(line))
    if not found:
        note("there are no data stores")

"""`girih tools`: the tools of a server and a real call of one; files for those of others, and whether they changed."""

from __future__ import annotations

import importlib
import json
from collections.abc import Iterator
from pathlib import Path
from typing import Annotated, Any, Literal

import typer

from girih.cli.client import Server, fail, open_server, segment
from girih.cli.output import FINDINGS, USAGE, harmless, note
from girih.language.spec.tree import JsonObject

Action = Literal["list", "show", "test", "import", "pin", "check"]

_TEST_SECONDS = 90.0


def tools(
    action: Annotated[Action, typer.Argument(help="What to do.")] = "list",
    names: Annotated[
        list[str] | None,
        typer.Argument(
            metavar="[NAME|SOURCE|FILE]...",
            help="A tool for `show` and `test`; for `import` an OpenAPI file, https://…, mcp://ENDPOINT or "
            "python://PLUGIN; files or folders for `pin` and `check`.",
        ),
    ] = None,
    with_: Annotated[str, typer.Option("--with", metavar="JSON", help="For `test`: the arguments.")] = "{}",
    yes: Annotated[bool, typer.Option("--yes", help="For `test`: call a tool that is not idempotent, too.")] = False,
    name: Annotated[
        str | None, typer.Option("--name", help="For `import`: what the names of tools begin with.")
    ] = None,
    tool: Annotated[
        list[str] | None, typer.Option("--tool", help="For `import`: a tool or operation; may be repeated.")
    ] = None,
    into: Annotated[Path, typer.Option("--into", help="For `import`: the folder for the files.")] = Path("tools"),
    endpoint: Annotated[str | None, typer.Option("--endpoint", help="For `import`: the endpoint to name.")] = None,
    url: Annotated[
        str | None, typer.Option("--url", help="Where the service is; for `pin` and `check` instead of the endpoint.")
    ] = None,
    bearer: Annotated[
        str | None, typer.Option("--bearer", metavar="SECRET", help="For `import`: the secret to sign in with.")
    ] = None,
    format: Annotated[Literal["text", "json"], typer.Option("--format", help="How to print.")] = "text",
) -> None:
    """List tools, show one, or try one with a real call; import those of others, and check whether they changed."""
    given, as_json = names or [], format == "json"
    if action == "import":
        reached = {"endpoint": endpoint, "url": url, "auth": _auth(bearer)}
        _import(given, name, tool or [], into, {key: value for key, value in reached.items() if value})
    elif action in ("pin", "check"):
        sources: Any = importlib.import_module("girih.cli.tool_pins")
        (sources.pin_tools if action == "pin" else sources.check_tools)([Path(path) for path in given], url)
    else:
        with open_server() as server:
            _ask(server, action, given, with_, yes=yes, as_json=as_json)


def _auth(secret: str | None) -> JsonObject | None:
    return {"bearer": f"secret://{secret.removeprefix('secret://')}"} if secret else None


def _import(given: list[str], prefix: str | None, wanted: list[str], into: Path, reached: JsonObject) -> None:
    if len(given) != 1 or not prefix:
        fail(
            "`girih tools import` needs one source, and --name",
            "girih tools import https://example.com/mcp --name weather",
            code=USAGE,
        )
    # Loaded by name: asking a server needs none of what reading others' descriptions does.
    importlib.import_module("girih.cli.tool_import").import_tools(given[0], prefix, wanted, into, reached)


def _ask(server: Server, action: str, given: list[str], arguments: str, *, yes: bool, as_json: bool) -> None:
    if action == "list":
        _list(list(server.pages("/v1/tools")), as_json=as_json)
    elif len(given) != 1:
        fail(f"`girih tools {action}` needs a tool", "`girih tools` lists them", code=USAGE)
    elif action == "show":
        _print(server.call("GET", f"/v1/tools/{segment(given[0])}"))
    else:
        body = {"arguments": _arguments(arguments), "confirm": yes}
        found = server.call("POST", f"/v1/tools/{segment(given[0])}/test", json=body, timeout=_TEST_SECONDS)
        _tried(found, as_json=as_json)


def _arguments(text: str) -> JsonObject:
    try:
        found = json.loads(text)
    except ValueError:
        found = None
    if not isinstance(found, dict):
        fail("--with is no JSON object", """write it as --with '{"town": "Hanoi"}'""", code=USAGE)
    return found


def _tried(found: JsonObject, *, as_json: bool) -> None:
    if as_json:
        _print(found)
    else:
        for line in _told(found):
            note(line)
        if found["ok"]:
            _print(found["result"])
    if not found["ok"]:
        raise typer.Exit(FINDINGS)


def _told(found: JsonObject) -> Iterator[str]:
    """The request, and how it went."""
    request = found["request"]
    if request is not None:
        yield f"{request['method']} {request['url']}"
        yield from (f"  {header}: {value}" for header, value in request["headers"].items())
        yield from (f"  {request['body']}",) if request["body"] else ()
    answered = f"status {found['status']}, " if found["status"] is not None else ""
    yield f"{answered}{found['milliseconds']:.0f} ms"
    if not found["ok"]:
        yield f"{found['error']}: {found['message']}"
        yield from (f"  {line}" for line in (found["help"], found["answer"]) if line)


def _list(found: list[JsonObject], *, as_json: bool) -> None:
    if as_json:
        _print({"tools": found})
        return
    for one in found:
        more = [f"{one['rate']}/min"] if one["rate"] else []
        more += ["idempotent"] if one["idempotent"] else []
        more += [f"approval: {one['approval']}"] if one["approval"] else []
        takes = ", ".join(one["parameters"].get("properties") or {})
        typer.echo(harmless(f"{one['name']:24} {one['way']} {one['where']}  ({takes})  {', '.join(more)}".rstrip()))
    if not found:
        note("there are no tools")


def _print(value: Any) -> None:
    typer.echo(harmless(json.dumps(value, indent=2, ensure_ascii=False)))

"""Whether MCP servers still say of their tools what was pinned, and pinning what they say now."""

from __future__ import annotations

import asyncio
import difflib
import io
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

import typer
import yaml
from ruamel.yaml import YAML

from girih.cli.client import fail
from girih.cli.files import write_whole
from girih.cli.output import CHANGES, USAGE, harmless, note
from girih.errors import GirihError
from girih.language.compiler.folder import read_folder
from girih.language.compiler.pipeline import compile_workspace
from girih.language.compiler.workspace import OtherSpec
from girih.language.spec.foreign import ForeignError
from girih.language.spec.mcp_tools import pin_of
from girih.language.spec.tree import JsonObject
from girih.wiring.tool_sources import listed_tools, pinned

_FOLLOWS = ("parameters", "returns")
_OF_PIN = ("tool", "pin", "send", "answer", "reads")


def listing(binding: JsonObject, url: str | None) -> Mapping[str, JsonObject]:
    """The tools that the MCP server of a binding has now, by name; `url` stands in for its endpoint."""
    return asyncio.run(listed_tools(binding, url))  # noqa: TID251 - a process of its own, which keeps no pool


def typed(listed: JsonObject, binding: JsonObject) -> JsonObject:
    """What a file says of a listed tool; ends the command for one that cannot be typed."""
    try:
        return pinned(listed, binding)
    except ForeignError as fault:
        fail(f"the tool '{listed.get('name')}' cannot be typed: {fault}")


def pin_tools(paths: Sequence[Path], url: str | None) -> None:
    """Take over what the MCP servers say now, into the files; comments and other keys stay."""
    for path, document in _mcp_files(paths):
        mcp = document["mcp"]
        listed = listing(mcp, url).get(mcp["tool"])
        if listed is None:
            fail(f"{path}: the MCP server has no tool '{mcp['tool']}' any more")
        if pin_of(listed) == mcp["pin"]:
            note(f"{path}: unchanged")
            continue
        write_whole(path, _repinned(path.read_text("utf-8"), typed(listed, mcp)))
        typer.echo(str(path))


def check_tools(paths: Sequence[Path], url: str | None) -> None:
    """Show what changed at the MCP servers since the tools were pinned; exit code 3 where something did."""
    changed = 0
    for path, document in _mcp_files(paths):
        mcp = document["mcp"]
        lines = list(_changes(path, document, listing(mcp, url).get(mcp["tool"])))
        changed += bool(lines)
        for line in lines:
            typer.echo(harmless(line))
    if changed:
        note(f"{changed} changed: review, and take over with `girih tools pin`")
        raise typer.Exit(CHANGES)
    note("nothing changed")


def _changes(path: Path, document: JsonObject, listed: JsonObject | None) -> Iterator[str]:
    mcp = document["mcp"]
    if listed is None:
        yield f"{path}: '{mcp['tool']}' is gone from the MCP server"
        return
    if pin_of(listed) == mcp["pin"]:
        return
    yield f"{path}: '{mcp['tool']}' changed at the MCP server"
    now = typed(listed, mcp)
    diff = list(difflib.unified_diff(_told(document), _told(now), "pinned", "server", lineterm="", n=1))
    yield from diff or ["  nothing that the file says, but other words or hints for models"]


def _told(document: JsonObject) -> list[str]:
    told = {key: document.get(key) for key in ("description", *_FOLLOWS)}
    return str(yaml.safe_dump(told, sort_keys=False, allow_unicode=True)).splitlines()


def _mcp_files(paths: Sequence[Path]) -> Iterator[tuple[Path, JsonObject]]:
    """The MCP tools of files and folders, each with its file."""
    found = False
    for path in paths or [Path()]:
        folder = path if path.is_dir() else path.parent
        try:
            specs = compile_workspace(read_folder(folder)).others
        except GirihError as error:
            fail(error.message, error.help, code=USAGE)
        for spec in specs:
            if _is_meant(spec, folder, path):
                found = True
                yield folder / spec.path, spec.document
    if not found:
        fail("there are no tools of MCP servers here, or they have faults", "`girih validate` shows faults", code=USAGE)


def _is_meant(spec: OtherSpec, folder: Path, path: Path) -> bool:
    return "mcp" in spec.document and spec.kind == "tool/v1" and (path == folder or folder / spec.path == path)


def _repinned(text: str, now: JsonObject) -> str:
    """A file's text with what follows from the server's words in the place of what did."""
    roundtrip = YAML()
    roundtrip.width, roundtrip.preserve_quotes = 120, True
    document: Any = roundtrip.load(text)
    for key in _OF_PIN:
        document["mcp"].pop(key, None)
        if key in now["mcp"]:
            document["mcp"][key] = now["mcp"][key]
    for key in _FOLLOWS:
        document[key] = now[key]
    out = io.StringIO()
    roundtrip.dump(document, out)
    return out.getvalue()

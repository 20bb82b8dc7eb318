"""Writing `tool/v1` files from what MCP servers, plug-ins and OpenAPI documents say of their tools."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import typer
import yaml

from girih.cli.client import fail
from girih.cli.output import USAGE
from girih.cli.tool_pins import listing, typed
from girih.language.formatting.formatter import formatted
from girih.language.openapi.document import OpenApiFault, described
from girih.language.spec.foreign import name_of
from girih.language.spec.outward import is_public_url
from girih.language.spec.reader import read
from girih.language.spec.source import Source
from girih.language.spec.suggest import hint
from girih.language.spec.tree import JsonObject
from girih.wiring.tool_sources import plugin_tool


def import_tools(source: str, prefix: str, wanted: Sequence[str], folder: Path, reached: JsonObject) -> None:
    """Write one file for each tool of an MCP server, plug-in or OpenAPI document; the names begin with `prefix`."""
    if source.startswith("python://"):
        name = source.removeprefix("python://")
        made = {name.rpartition(".")[2]: plugin_tool(name)}
    elif source.startswith(("http://", "https://", "mcp://")):
        made = _of_server(source, wanted, reached)
    else:
        made = _of_document(Path(source), wanted, folder, reached)
    folder.mkdir(parents=True, exist_ok=True)
    for tool, document in made.items():
        name = f"{prefix}.{name_of(tool).replace('_', '-')}"
        path = folder / f"{name.replace('.', '-')}.yaml"
        if path.exists():
            fail(f"{path} is there already", "remove it, or take it over with `girih tools pin`", code=USAGE)
        path.write_text(_text({"kind": "tool/v1", "name": name, **document}, path), "utf-8")
        typer.echo(str(path))


def _of_server(source: str, wanted: Sequence[str], reached: JsonObject) -> dict[str, JsonObject]:
    binding, url = dict(reached), None
    if source.startswith("mcp://"):
        binding["endpoint"] = source.removeprefix("mcp://")
    elif "endpoint" in binding:
        url = source
    elif is_public_url(source):
        binding["url"] = source
    else:
        fail(
            f"{source} is no public https:// address, so a tool cannot name it",
            "give it a name with --endpoint NAME, which the server binds with GIRIH_ENDPOINTS",
            code=USAGE,
        )
    listed = listing(binding, url)
    for name in wanted:
        if name not in listed:
            fail(f"the MCP server has no tool '{name}'", hint(name, listed, "tools"))
    return {name: typed(listed[name], binding) for name in wanted or listed}


def _of_document(path: Path, wanted: Sequence[str], folder: Path, reached: JsonObject) -> dict[str, JsonObject]:
    known = _operations(path)
    if not wanted:
        fail("say which operations to import, with --tool", f"operations: {', '.join(known[:20])}", code=USAGE)
    if not reached.get("endpoint") and not reached.get("url"):
        fail("say where the service is, with --endpoint or --url", code=USAGE)
    try:
        document = path.resolve().relative_to(folder.resolve().parent).as_posix()
    except ValueError:
        document = path.name
    for name in wanted:
        if name not in known:
            fail(f"there is no operation '{name}' in {path}", hint(name, known, "operations"))
    return {name: {"openapi": {"document": document, "operation": name, **reached}} for name in wanted}


def _operations(path: Path) -> list[str]:
    """The operations of an OpenAPI document."""
    try:
        tree, faults = read(Source(path.name, path.read_text("utf-8")))
    except (OSError, UnicodeDecodeError):
        fail(f"{path} cannot be read", "name a file, https://…, mcp://ENDPOINT or python://PLUGIN", code=USAGE)
    if tree is None or tree.damage:
        fail(f"{path} cannot be read: {faults[0].message}")
    try:
        return described(tree).names()
    except OpenApiFault as fault:
        fail(fault.message, fault.help)


def _text(document: JsonObject, path: Path) -> str:
    dumped = yaml.safe_dump(document, sort_keys=False, allow_unicode=True, width=110)
    return formatted(Source(path.name, dumped))[0]

"""`girih bundle`: a version with all it is locked to as one file, out of one server and into another."""

from __future__ import annotations

import base64
import json
from pathlib import Path
from typing import Annotated, Any, Literal

import typer

from girih.cli.client import Server, fail, open_server, segment
from girih.cli.output import USAGE, data, harmless, note
from girih.language.bundles.archive import MAX_BYTES
from girih.language.spec.tree import JsonObject

Form = Literal["text", "json"]

_SECONDS = 120.0


def bundle(
    action: Annotated[Literal["export", "import"], typer.Argument(help="What to do.")],
    what: Annotated[
        str, typer.Argument(metavar="NAME@VERSION|FILE", help="For `export` the version, for `import` the file.")
    ],
    out: Annotated[
        Path | None, typer.Option("--out", dir_okay=False, help="For `export`: the file. Default: NAME-VERSION.girih.")
    ] = None,
    trust: Annotated[
        Path | None,
        typer.Option("--trust", exists=True, dir_okay=False, help="For `import`: a key set (JWKS) to trust besides."),
    ] = None,
    allow_unsigned: Annotated[
        bool, typer.Option("--allow-unsigned", help="For `import`: take it though nobody who is trusted signed it.")
    ] = False,
    dry_run: Annotated[bool, typer.Option("--dry-run", help="For `import`: only say what would be made.")] = False,
    format: Annotated[Form, typer.Option("--format", help="How to print the outcome.")] = "text",
) -> None:
    """Export a version with every graph, tool, model, pipeline and collection it is locked to, or import such a file.

    The file holds texts, plans, reports and signatures; no documents of collections, no secrets and no runs. An import
    is all or nothing and needs no network: what was changed, forged or signed by nobody who is trusted is refused, and
    no alias moves but `latest`.
    """
    with open_server() as server:
        if action == "export":
            _export(server, what, out)
        else:
            _import(server, Path(what), _asked(trust, allow_unsigned=allow_unsigned, dry_run=dry_run), format)


def _export(server: Server, ref: str, out: Path | None) -> None:
    name, _, version = ref.partition("@")
    found = server.call("GET", f"/v1/agents/{segment(f'{name}@{version}' if version else name)}")
    place = out or Path(f"{found['name']}-{found['version']}.girih")
    server.save(f"/v1/agents/{segment(found['name'])}/versions/{segment(found['version'])}/bundle", place)
    note(f"{found['name']}@{found['version']} is in {place} ({place.stat().st_size} bytes)", "ok")


def _asked(trust: Path | None, **asked: bool) -> JsonObject:
    if trust is None:
        return asked
    try:
        return {**asked, "trust": json.loads(trust.read_text("utf-8"))}
    except (ValueError, OSError):
        fail(f"{trust} is not a key set", "girih signing-keys > keys.json writes one", code=USAGE)


def _import(server: Server, file: Path, asked: JsonObject, format: Form) -> None:
    if not file.is_file():
        fail(f"there is no file '{file}'", "girih bundle import FILE", code=USAGE)
    if file.stat().st_size > MAX_BYTES:
        fail(f"{file} is larger than a bundle may be ({MAX_BYTES // 2**20} MB)")
    body: dict[str, Any] = {"bundle": base64.b64encode(file.read_bytes()).decode(), **asked}
    found = server.call("POST", "/v1/bundles", json=body, timeout=_SECONDS)
    if format == "json":
        typer.echo(json.dumps(found, indent=2, ensure_ascii=False))
        return
    for item in found["items"]:
        data(
            harmless(f"{item['action']:<10} {item['kind']:<14} {item['name']}  {item['version'] or ''}".rstrip()) + "\n"
        )
    note(f"{found['root']} {'could be imported' if asked['dry_run'] else 'is here'}", "ok")

"""`girih pipelines`: how documents are brought in: every published pipeline, and the versions of one."""

from __future__ import annotations

import json
from typing import Annotated, Literal

import typer
import yaml

from girih.cli.client import Server, fail, open_server, segment
from girih.cli.output import USAGE, harmless, note


def pipelines(
    action: Annotated[Literal["list", "show"], typer.Argument(help="What to do.")] = "list",
    name: Annotated[str | None, typer.Argument(help="For `show`: the pipeline.")] = None,
    version: Annotated[str | None, typer.Option("--version", help="For `show`: not the newest, but this one.")] = None,
    format: Annotated[Literal["text", "json"], typer.Option("--format", help="How to print.")] = "text",
) -> None:
    """List pipelines with their newest versions, or show one whole, with all defaults filled in."""
    with open_server() as server:
        if action == "show":
            _show(server, name, version, as_json=format == "json")
            return
        found = list(server.pages("/v1/pipelines"))
    if format == "json":
        typer.echo(json.dumps({"pipelines": found}, indent=2, ensure_ascii=False))
        return
    for one in found:
        typer.echo(
            harmless(f"{one['name']:24} {one['version']:<10} {one['title'] or one['description'] or ''}".rstrip())
        )
    if not found:
        note("there are no pipelines")


def _show(server: Server, name: str | None, version: str | None, *, as_json: bool) -> None:
    if name is None:
        fail("`girih pipelines show` needs a pipeline", "`girih pipelines` lists them", code=USAGE)
    versions = list(server.pages(f"/v1/pipelines/{segment(name)}/versions"))
    found = next((one for one in versions if version in (None, one["version"], str(one["number"]))), None)
    if found is None:
        known = ", ".join(str(one["version"]) for one in versions)
        fail(f"pipeline '{name}' has no version {version}", f"there are {known}")
    if as_json:
        typer.echo(json.dumps(found, indent=2, ensure_ascii=False))
        return
    typer.echo(harmless(yaml.safe_dump(found["document"], sort_keys=False, allow_unicode=True)), nl=False)
    note(f"version {found['version']} of {len(versions)}, {found['created_at'][:16].replace('T', ' ')}")

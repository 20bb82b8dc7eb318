"""What `girih deprecate`, `yank` and `restore` have in common: the version that is named, and how it is told."""

from __future__ import annotations

from typing import Any

import typer

from girih.cli.client import fail, open_server, segment
from girih.cli.output import USAGE, harmless, note


def mark(reference: str, action: str, **body: Any) -> None:
    """Mark the version that `NAME@VERSION` names, and say what holds now."""
    name, at, version = reference.partition("@")
    if not (name and at and version):
        fail(f"'{reference}' names no version", "write NAME@VERSION, as hello@1.2.0", code=USAGE)
    with open_server() as server:
        path = f"/v1/agents/{segment(name)}/versions/{segment(version)}/{action}"
        done = server.call("POST", path, json=body)
    held = f"is {done['mark']}: {done['reason']}" if done["mark"] else "is as any other version again"
    typer.echo(harmless(f"{name}@{done['version']} {held}"))
    note(f"{name}@latest is {done['aliases']['latest']}")

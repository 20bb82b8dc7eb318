"""`girih audit`: who did what in the organization, exported, and checked against what was written."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Annotated, Literal

import typer
from pydantic import ValidationError

from girih.cli.client import fail, open_server
from girih.cli.output import FINDINGS, USAGE, harmless, note
from girih.language.spec.tree import JsonObject
from girih.services.audit.schemas import AuditEntryOut, AuditVerdict
from girih.services.audit.sealing import Verification

_LONGEST = 60
_PAGE = 200


def audit(
    action: Annotated[Literal["list", "export", "verify"], typer.Argument(help="What to do with the log.")] = "list",
    file: Annotated[
        Path | None,
        typer.Argument(
            dir_okay=False, help="For `export`: where to; for `verify`: an export, checked without a server."
        ),
    ] = None,
    actor: Annotated[str | None, typer.Option("--actor", help="Only what this key or person did, as `key:ID`.")] = None,
    done: Annotated[
        str | None, typer.Option("--action", help="Only this action, as `key.revoked`; `key.` for all on keys.")
    ] = None,
    target: Annotated[
        str | None, typer.Option("--target", help="Only what was done to this, as `agent:hello`.")
    ] = None,
    since: Annotated[str | None, typer.Option("--since", help="Only from this moment on, as 2026-01-31.")] = None,
    limit: Annotated[int, typer.Option("--limit", min=1, help="At most so many, the newest first.")] = 50,
    format: Annotated[Literal["text", "json"], typer.Option("--format", help="How to print them.")] = "text",
) -> None:
    """Show what was done in the organization, the newest first; export the log; or verify it (exit code 1: broken).

    Each entry is sealed to the one before it. Who keeps the last seal elsewhere sees also whether the end was cut off.
    """
    if action == "verify":
        _verify(file)
        return
    if action == "export":
        _export(file)
        return
    wanted = {"actor": actor, "action": done, "target": target, "since": since}
    _list({name: value for name, value in wanted.items() if value is not None}, limit, as_json=format == "json")


def _list(wanted: dict[str, str], limit: int, *, as_json: bool) -> None:
    with open_server() as server:
        found: list[JsonObject] = []
        for one in server.pages("/v1/audit", **wanted, limit=min(limit, _PAGE)):
            found.append(one)
            if len(found) == limit:
                break
    if as_json:
        typer.echo(json.dumps({"entries": found}, indent=2, ensure_ascii=False))
        return
    for one in found:
        details = " ".join(f"{name}={_short(value)}" for name, value in one["details"].items())
        typer.echo(harmless(f"{one['at'][:19]}Z  {one['actor']}  {one['action']}  {one['target']}  {details}".rstrip()))
    if not found:
        note("nothing of that kind was done")


def _export(file: Path | None) -> None:
    if file is None:
        fail("`girih audit export` needs a file to write", "girih audit export audit.ndjson", code=USAGE)
    with open_server() as server:
        server.save("/v1/audit/export", file, timeout=600)
    note(f"written to {file}")


def _verify(file: Path | None) -> None:
    if file is None:
        with open_server() as server:
            verdict = AuditVerdict.model_validate(server.call("GET", "/v1/audit/verify", timeout=600))
    else:
        verification = Verification()
        verification.read(_entries(file))
        verdict = verification.verdict()
    if not verdict.holds:
        note(f"the log does not hold from entry {verdict.first_broken} on")
        raise typer.Exit(FINDINGS)
    typer.echo(f"{verdict.entries} entries hold; the last seal is {verdict.head or 'none yet'}")


def _entries(file: Path) -> Iterator[AuditEntryOut]:
    try:
        lines = file.open(encoding="utf-8")
    except OSError as error:
        fail(f"'{file}' cannot be read: {error.strerror}", "girih audit export FILE", code=USAGE)
    with lines:
        for number, line in enumerate(lines, start=1):
            try:
                yield AuditEntryOut.model_validate_json(line)
            except (ValidationError, UnicodeDecodeError):
                fail(f"line {number} of '{file}' is no entry of an audit log", "girih audit export FILE", code=USAGE)


def _short(value: object) -> str:
    text = value if isinstance(value, str) else json.dumps(value, ensure_ascii=False)
    return text if len(text) <= _LONGEST else text[:_LONGEST] + "…"

"""The policy as a table: each route with the permission it asks for, and the roles that have it."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import NamedTuple

import typer

from girih.cli.client import Server, open_server
from girih.cli.output import note
from girih.language.spec.tree import JsonObject
from girih.services.identity.roles import POLICY


class Rule(NamedTuple):
    """One route; `roles` is empty where everybody may call, or whoever has signed in."""

    method: str
    path: str
    permission: str
    roles: tuple[str, ...]


def show_policies(*, as_json: bool) -> None:
    """Print what the server asks of whoever calls each of its routes."""
    with open_server() as server:
        rules = list(_rules(server))
    if as_json:
        typer.echo(json.dumps([rule._asdict() for rule in rules], indent=2))
        return
    widths = [max((len(rule[place]) for rule in rules), default=0) for place in range(3)]
    for rule in rules:
        cells = [cell.ljust(width) for cell, width in zip(rule[:3], widths, strict=True)]
        typer.echo("  ".join([*cells, " ".join(rule.roles)]).rstrip())
    note(f"{len(rules)} routes; the permissions of roles: girih members roles")


def _rules(server: Server) -> Iterator[Rule]:
    document: JsonObject = server.call("GET", "/openapi.json")
    for path, operations in sorted(document["paths"].items()):
        for method, operation in operations.items():
            permission = operation["x-permission"]
            holding = tuple(role for role, held in POLICY.items() if permission in held)
            yield Rule(method.upper(), path, permission, holding)

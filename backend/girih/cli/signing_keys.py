"""`girih signing-keys`: the public keys that a server signs versions with, to check them without it."""

from __future__ import annotations

import json

import typer

from girih.cli.client import open_server
from girih.cli.output import note


def signing_keys() -> None:
    """Print the key set (JWKS) of the server: the key that signs now, former ones, and those of trusted imports."""
    with open_server() as server:
        found = server.call("GET", "/v1/signing-keys")
    typer.echo(json.dumps(found, indent=2, ensure_ascii=False))
    if found["current"] is None:
        note("this server signs nothing: GIRIH_SIGNING_KEY is not set")

"""`girih verify`: whether a published version, or a bundle in a file, is what a known server has signed."""

from __future__ import annotations

import json
import os
from collections.abc import Iterator
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Annotated, Any, Literal

import typer

from girih.cli.client import Server, fail, open_server, segment
from girih.cli.output import FINDINGS, USAGE, data, harmless, note
from girih.errors import GirihError, InvalidInput
from girih.language.bundles.manifest import Bundle, read
from girih.language.spec.tree import JsonObject
from girih.providers.signing.checking import Checked, check, uncovered
from girih.providers.signing.keys import KeyRing


def verify(
    what: Annotated[str, typer.Argument(metavar="NAME@VERSION|FILE", help="A published version, or a bundle's file.")],
    keys: Annotated[
        Path | None,
        typer.Option("--keys", exists=True, dir_okay=False, help="The key set (JWKS) to trust; needed for a file."),
    ] = None,
    format: Annotated[Literal["text", "json"], typer.Option("--format", help="How to print.")] = "text",
) -> None:
    """Check the signature of a version, and of every graph inside of it: text, plan, lock, report, who and when.

    A version on a server is checked with the keys that the server names, or with those of --keys, which say more: a
    server that was taken over would name its own. A file is checked with --keys alone, without a network. `girih
    signing-keys` writes them. Exit code 1, and a sentence, for everything that does not hold.
    """
    trusted = _ring(keys) if keys is not None else None
    if Path(what).is_file():
        if trusted is None:
            fail("say whose signature it should have", f"girih verify {what} --keys keys.json", code=USAGE)
        content = Path(what).read_bytes()
    elif os.sep in what:
        fail(f"there is no file '{harmless(what)}'", "name a bundle's file, or NAME@VERSION", code=USAGE)
    else:
        with open_server() as server:
            content = _fetched(server, what)
            trusted = trusted or KeyRing.from_jwks(server.call("GET", "/v1/signing-keys"))
    try:
        bundle = read(content)
    except GirihError as fault:
        fail(f"{harmless(what)} does not hold: {fault.message}", fault.help, code=FINDINGS)
    _tell(bundle, trusted, as_json=format == "json")


def _ring(keys: Path) -> KeyRing:
    try:
        return KeyRing.from_text(keys.read_text("utf-8"))
    except (InvalidInput, UnicodeDecodeError, OSError):
        fail(f"{keys} is not a key set", "girih signing-keys > keys.json writes one", code=USAGE)


def _fetched(server: Server, ref: str) -> bytes:
    name, _, version = ref.partition("@")
    path = f"/v1/agents/{segment(name)}/versions/{segment(version or 'latest')}/bundle"
    with TemporaryDirectory() as folder:
        place = Path(folder) / "bundle"
        server.save(path, place)
        return place.read_bytes()


def _tell(bundle: Bundle, trusted: KeyRing, *, as_json: bool) -> None:
    checked = check(bundle, trusted)
    faults = [one.message for one in checked if one.standing != "signed"]
    faults += [
        f"no signature that holds is about the {one.kind.partition('/')[0]} {one.name}"
        for one in uncovered(bundle, checked)
    ]
    if as_json:
        told: JsonObject = {"holds": not faults, "faults": faults, "versions": [_as_json(one) for one in checked]}
        typer.echo(json.dumps(told, indent=2, ensure_ascii=False))
    else:
        data("".join(harmless(line) + "\n" for line in _lines(checked, faults)))
    if faults:
        note("it does not hold", "error")
        raise typer.Exit(FINDINGS)
    note(f"{bundle.manifest.root} holds", "ok")


def _lines(checked: list[Checked], faults: list[str]) -> Iterator[str]:
    told = {one.message for one in checked}
    for one in checked:
        yield f"{'ok  ' if one.standing == 'signed' else 'FAIL'}  {one.message}"
    yield from (f"FAIL  {fault}" for fault in faults if fault not in told)


def _as_json(one: Checked) -> dict[str, Any]:
    return {"version": one.ref, "standing": one.standing, "kid": one.kid}

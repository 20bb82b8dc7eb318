"""What is said of a move of an alias: that it was done, or that it waits for a second person."""

from __future__ import annotations

import typer

from girih.cli.output import WAITING, complain, harmless
from girih.language.spec.tree import JsonObject


def told(answer: JsonObject, done: str) -> None:
    """Say that it was done; or end the command, with what waits, where the server only keeps it."""
    if "proposed_by" not in answer:
        typer.echo(harmless(done))
        return
    typer.echo(answer["id"])
    place = f"{answer['agent']}@{answer['alias']}"
    complain(
        f"{place} is protected: this waits until {answer['expires_at'][:16].replace('T', ' ')} UTC for somebody else",
        f"they approve it with `girih approve {answer['id']}`",
    )
    raise typer.Exit(WAITING)


def wanted(proposal: JsonObject) -> str:
    """What somebody asks for, in a few words."""
    place = f"{proposal['agent']}@{proposal['alias']}"
    if proposal["action"] == "remove":
        return f"remove {place}"
    if proposal["action"] == "split":
        return f"{place}: {shares(proposal['weights'])}"
    return f"{place} to {proposal['version']}"


def shares(weights: JsonObject) -> str:
    """Percent by version."""
    return ", ".join(f"{weight} % to {version}" for version, weight in weights.items())

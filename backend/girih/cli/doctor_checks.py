"""What `girih doctor` finds out about one thing, and where it looks."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Literal


@dataclass(frozen=True)
class Check:
    """One thing that was looked at. `unreachable`: it failed because something does not answer or let us in."""

    name: str
    status: Literal["ok", "warning", "failed", "skipped"]
    message: str
    help: str | None = None
    unreachable: bool = False


@dataclass(frozen=True)
class Surroundings:
    """The addresses to look at; an empty one is not known."""

    url: str
    api_key: str = field(repr=False)
    database_url: str = field(repr=False)
    redis_url: str = field(repr=False)


def fine(name: str, message: str) -> Check:
    """It is as it should be."""
    return Check(name, "ok", message)


def warned(name: str, message: str, help: str | None = None) -> Check:
    """It works, but not everything will."""
    return Check(name, "warning", message, help)


def failed(name: str, message: str, help: str | None = None, *, unreachable: bool = False) -> Check:
    """It does not work."""
    return Check(name, "failed", message, help, unreachable)


def skipped(name: str, message: str) -> Check:
    """It could not be looked at from here."""
    return Check(name, "skipped", message)

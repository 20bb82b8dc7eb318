"""The URIs of `use:`: `model://small`, `knowledge://handbook`, `tool://crm.lookup`, `graph://refund-desk@^2`."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass

from girih.language.spec.names import SLUG_HELP
from girih.language.spec.suggest import did_you_mean, one_of

SCHEMES = ("model", "knowledge", "tool", "graph")
"""What a graph may name under `use:`."""

PIPELINE = "pipeline"
"""What a collection may name."""

_URI = re.compile(r"(?P<scheme>[^:/@]*)://(?P<name>[^@]*)(?:@(?P<ref>.*))?\Z", re.DOTALL)
_NAME = re.compile(r"[a-z][a-z0-9]*([-.][a-z0-9]+)*\Z")
_REF = re.compile(r"[A-Za-z0-9^~][A-Za-z0-9.:_-]*\Z")
_LONGEST = 200
_VERSIONED = {
    "graph": "graph://NAME, or graph://NAME@1.2.0, @^2 or @ALIAS",
    PIPELINE: "pipeline://NAME, or pipeline://NAME@1.2.0, @^1 or @~1.2",
}
"""What has versions, and how they are written."""


@dataclass(frozen=True)
class Uri:
    """A parsed reference. `ref` is what follows the `@`: an alias, a version, a range or a digest."""

    scheme: str
    name: str
    ref: str | None = None

    def __str__(self) -> str:
        return f"{self.scheme}://{self.name}" + (f"@{self.ref}" if self.ref is not None else "")


class UriError(ValueError):
    """A text that is no reference; `help` says what to write."""

    def __init__(self, message: str, help: str) -> None:
        super().__init__(message)
        self.message = message
        self.help = help


def parse_uri(text: str, schemes: Sequence[str] = SCHEMES) -> Uri:
    """The reference a text means, of one of these schemes. Raises `UriError`."""
    found = _URI.match(text) if len(text) <= _LONGEST else None
    if found is None:
        near = _scheme_before_colon(text, schemes)
        form = f"write SCHEME://NAME, like {schemes[0]}://default"
        raise UriError(f"'{text[:_LONGEST]}' is not a reference", f"did you mean '{near}'?" if near else form)
    scheme, name, ref = found["scheme"], found["name"], found["ref"]
    if scheme not in schemes:
        near = did_you_mean(scheme, schemes)
        choice = f"schemes: {one_of(schemes)}"
        raise UriError(f"unknown scheme '{scheme}://'", f"did you mean '{near}://{name}'? {choice}" if near else choice)
    if not _NAME.match(name):
        raise UriError(f"'{name}' is not a name that can be published", SLUG_HELP)
    if ref is not None and (scheme not in _VERSIONED or not _REF.match(ref)):
        what = "only a graph has versions" if scheme not in _VERSIONED else f"'{ref}' is not a version"
        form = _VERSIONED.get(scheme, _VERSIONED["graph"])
        raise UriError(f"{what}: '{text}'", f"write {form}")
    return Uri(scheme, name, ref)


def _scheme_before_colon(text: str, schemes: Sequence[str]) -> str | None:
    """What `model:small` and `model:/small` were meant to be."""
    scheme, colon, name = text.partition(":")
    name = name.lstrip("/")
    return f"{scheme}://{name}" if colon and scheme in schemes and _NAME.match(name) else None

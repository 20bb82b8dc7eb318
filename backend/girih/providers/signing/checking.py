"""Whether the versions of a bundle are what a known server has published: for each one, in words."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Literal

from girih.language.bundles.manifest import Bundle, BundledVersion, DocumentEntry
from girih.language.spec.tree import JsonObject
from girih.providers.signing.keys import KeyRing

Standing = Literal["signed", "unsigned", "unknown", "forged"]


@dataclass(frozen=True)
class Checked:
    """What is to be thought of one version: `unknown` is signed, by a key that is not trusted here."""

    ref: str
    standing: Standing
    kid: str | None

    @property
    def message(self) -> str:
        """In one sentence."""
        if self.standing == "signed":
            return f"{self.ref} is signed with the key {self.kid}"
        if self.standing == "unsigned":
            return f"{self.ref} is not signed"
        if self.standing == "unknown":
            return f"{self.ref} is signed with the key {self.kid}, which is not among the trusted ones"
        return f"the signature of {self.ref} does not hold: it is not what the key {self.kid} has signed"


def check(bundle: Bundle, ring: KeyRing) -> list[Checked]:
    """Every version of a bundle, callees first."""
    return [check_version(version, ring) for version in bundle.versions]


def check_version(version: BundledVersion, ring: KeyRing) -> Checked:
    """One version, by the keys that are trusted."""
    signature = version.entry.signature
    if signature is None:
        return Checked(version.ref, "unsigned", None)
    key = ring.get(signature.kid)
    if key is None:
        return Checked(version.ref, "unknown", signature.kid)
    holds = key.holds(signature, version.entry.statement.as_bytes())
    return Checked(version.ref, "signed" if holds else "forged", signature.kid)


def uncovered(bundle: Bundle, checked: list[Checked]) -> Iterator[DocumentEntry]:
    """The documents that no signed version's lock names: of them nobody has said anything."""
    signed = {one.ref for one in checked if one.standing == "signed"}
    named = {digest for version in bundle.versions if version.ref in signed for digest in _locked(version)}
    yield from (one.entry for one in bundle.documents if one.entry.digest not in named)


def _locked(version: BundledVersion) -> Iterator[str]:
    entries: list[JsonObject] = [*(version.entry.statement.lock or ()), *(version.plan.get("lock") or ())]
    for entry in entries:
        if isinstance(entry.get("digest"), str):
            yield entry["digest"]

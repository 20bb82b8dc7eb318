"""Ports that are not there: what needs one fails with a sentence that says so."""

from __future__ import annotations

from collections.abc import Sequence

from girih.errors import NodeError
from girih.language.nodes.ports import Found
from girih.language.spec.tree import JsonObject, JsonValue


class NoSandbox:
    """Runs no program."""

    async def run(self, code: str, inputs: JsonObject, *, timeout: float, memory_mb: int) -> JsonValue:  # noqa: ARG002, ASYNC109 - the port's signature
        """Always fails."""
        raise NodeError("unavailable", "there is no sandbox here to run code in", can_pass=False)


class NoScanner:
    """Finds no personal data."""

    def find(self, text: str, kinds: Sequence[str]) -> list[Found]:  # noqa: ARG002 - the port's signature
        """Always fails: to find nothing would be to say that there is nothing."""
        raise NodeError("unavailable", "there is nothing here that finds personal data", can_pass=False)

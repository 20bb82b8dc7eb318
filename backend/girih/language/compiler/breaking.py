"""W602: a new version of a graph takes away something that callers of the published one rely on."""

from __future__ import annotations

from collections.abc import Iterator

from girih.language.compiler.diff import breaks
from girih.language.compiler.files import GraphFile
from girih.language.compiler.plan import Plan
from girih.language.compiler.workspace import Published
from girih.language.spec.diagnostics import Diagnostic
from girih.language.spec.semantic import next_version


def check(file: GraphFile, plan: Plan, published: Published) -> Iterator[Diagnostic]:
    """Name each break, at what is new."""
    if published.digest == plan.digest:
        return
    for fault in breaks(published.plan, plan):
        message = f"compared to {published.version}: {fault.message}"
        help_ = f"publish it as {next_version(published.version, 'major')}, or keep what callers rely on"
        place = file.tree.key_at(fault.path)
        yield Diagnostic("W602", message, place, help=help_, severity="warning")

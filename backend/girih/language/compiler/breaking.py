"""W602: a new version of a graph takes away something that callers of the published one rely on."""

from __future__ import annotations

from collections.abc import Iterator

from girih.language.compiler.diff import breaks
from girih.language.compiler.files import GraphFile
from girih.language.compiler.plan import Plan
from girih.language.compiler.workspace import Published
from girih.language.spec.diagnostics import Diagnostic


def check(file: GraphFile, plan: Plan, published: Published | None) -> Iterator[Diagnostic]:
    """Name each break, at what is new; nothing for a graph that was never published."""
    if published is None or published.plan.digest == plan.digest:
        return
    for fault in breaks(published.plan, plan):
        message = f"compared to {published.version}: {fault.message}"
        help_ = f"publish it as {_next_major(published.version)}, or keep what callers rely on"
        place = file.tree.key_at(fault.path)
        yield Diagnostic("W602", message, place, help=help_, severity="warning")


def _next_major(version: str) -> str:
    major = version.partition(".")[0]
    return f"{int(major) + 1}.0.0" if major.isdigit() else "a major version"

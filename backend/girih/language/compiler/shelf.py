"""W606 and E405: versions of graphs that people took off the shelf, named or published again."""

from __future__ import annotations

from collections.abc import Iterator

from girih.language.compiler.files import GraphFile
from girih.language.compiler.plan import Plan
from girih.language.compiler.workspace import Catalog, Shelved
from girih.language.spec.diagnostics import Diagnostic


def check(file: GraphFile, plan: Plan, catalog: Catalog) -> Iterator[Diagnostic]:
    """What is named and deprecated is told; what is yanked is refused in a version that is new."""
    published = catalog.published.get(plan.name)
    is_new = published is None or published.digest != plan.digest
    own = catalog.shelf.get((plan.name, plan.digest))
    if is_new and own is not None and own.mark == "yanked":
        message = f"this is what {plan.name}@{own.version} was, which is yanked: {own.reason}"
        way_out = f"restore it (girih restore {plan.name}@{own.version} --reason …), or change the graph"
        yield Diagnostic("E405", message, file.tree.at(("name",)), help=way_out)
    for entry in plan.lock:
        shelved = catalog.shelf.get((entry.name, entry.digest or "")) if entry.scheme == "graph" else None
        if shelved is None:
            continue
        message = f"{entry.name}@{shelved.version} is {shelved.mark}: {shelved.reason}"
        place = file.tree.at(("use", entry.alias))
        if is_new and shelved.mark == "yanked":
            yield Diagnostic("E405", message, place, help=_instead(shelved, entry.name))
        else:
            yield Diagnostic("W606", message, place, help=_instead(shelved, entry.name), severity="warning")


def _instead(shelved: Shelved, name: str) -> str:
    if shelved.replaced_by is not None:
        return f"use graph://{shelved.replaced_by}"
    return f"use another version: girih versions {name}"

"""Compiles a workspace as a server would that has published a version of its graphs before."""

from __future__ import annotations

from collections.abc import Mapping

from girih.language.compiler.pipeline import Compilation, compile_workspace
from girih.language.compiler.plan import Plan
from girih.language.compiler.workspace import Catalog, Published, Shelved, Workspace
from girih.language.nodes.base import GraphContract

PUBLISHED = "published.yaml"
DEPRECATED = "deprecated.yaml"
YANKED = "yanked.yaml"
"""The files that hold published versions; they are no part of the workspace itself."""

BEFORE = (DEPRECATED, YANKED, PUBLISHED)


def compiled(files: Mapping[str, str]) -> Compilation:
    """What compiling these files gives, beside version 1.4.0 of each graph that was published before."""
    own = {name: text for name, text in files.items() if name not in BEFORE}
    if len(own) == len(files):
        return compile_workspace(Workspace(own))
    return compile_workspace(Workspace(own), _catalog({name: files[name] for name in BEFORE if name in files}))


def _catalog(files: Mapping[str, str]) -> Catalog:
    published: dict[str, Published] = {}
    shelf: dict[tuple[str, str], Shelved] = {}
    graphs: dict[str, GraphContract] = {}
    for path, text in files.items():
        for name, plan in _plans(path, text, graphs).items():
            contract = GraphContract(name, plan.digest, plan.inputs, plan.outputs)
            graphs |= {name: contract, f"{name}@1.4.0": contract}
            if path == DEPRECATED:
                shelf[name, plan.digest] = Shelved("1.4.0", "deprecated", "it is slow", f"{name}@2.0.0")
            elif path == YANKED:
                shelf[name, plan.digest] = Shelved("1.4.0", "yanked", "it refunds twice")
            if path != YANKED:
                published[name] = Published("1.4.0", plan.digest, lambda plan=plan: plan)
    return Catalog(published=published, shelf=shelf, graphs=graphs)


def _plans(path: str, text: str, graphs: Mapping[str, GraphContract]) -> Mapping[str, Plan]:
    return compile_workspace(Workspace({path: text}), Catalog(graphs=dict(graphs))).plans

"""Compiles a workspace as a server would that has published a version of its graph before."""

from __future__ import annotations

from collections.abc import Mapping

from girih.language.compiler.pipeline import Compilation, compile_workspace
from girih.language.compiler.workspace import Catalog, Published, Workspace

PUBLISHED = "published.yaml"
"""The file that holds the published version; it is no part of the workspace itself."""


def compiled(files: Mapping[str, str]) -> Compilation:
    """What compiling these files gives, beside version 1.4.0 of the graph in `published.yaml`, if there is one."""
    own = {name: text for name, text in files.items() if name != PUBLISHED}
    if PUBLISHED not in files:
        return compile_workspace(Workspace(own))
    before = compile_workspace(Workspace({PUBLISHED: files[PUBLISHED]})).plans
    return compile_workspace(
        Workspace(own), Catalog(published={name: Published("1.4.0", plan) for name, plan in before.items()})
    )

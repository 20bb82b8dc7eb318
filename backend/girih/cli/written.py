"""A graph that is text: the folder it belongs to, and its name."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from girih.cli.findings import counted, show
from girih.cli.output import note
from girih.cli.sending import needed
from girih.errors import InvalidInput
from girih.language.compiler.folder import read_folder
from girih.language.compiler.pipeline import compile_workspace
from girih.language.compiler.plan import Plan
from girih.language.compiler.workspace import Workspace
from girih.language.spec.reader import read
from girih.language.spec.source import Source


@dataclass(frozen=True)
class Written:
    """The file a graph is written in, the texts of its folder, and the graph's name."""

    path: Path
    files: Mapping[str, str]
    inside: str
    name: str

    def needed(self) -> dict[str, str]:
        """The texts a server needs of the folder."""
        return needed(self.files)


def find_graph(path: Path, workspace: Path | None) -> Written:
    """The graph of a file. Raises `InvalidInput` for a file that holds none, or lies outside of the workspace."""
    folder = workspace or path.parent
    try:
        inside = path.resolve().relative_to(folder.resolve()).as_posix()
    except ValueError:
        raise InvalidInput(f"'{path}' is not in '{folder}'", help="give the folder that holds it") from None
    files = read_folder(folder).files
    if inside not in files:
        raise InvalidInput(f"'{path}' cannot be read as a text", help="give a graph's file")
    tree, _ = read(Source(inside, files[inside]))
    name = tree.get(("name",)) if tree is not None else None
    if tree is None or not isinstance(name, str) or tree.get(("kind",)) not in (None, "graph/v1"):
        raise InvalidInput(
            f"'{path}' holds no graph", help="a graph's file begins with `kind: graph/v1`, and has a name"
        )
    return Written(path, files, inside, name)


def proven(graph: Written) -> Plan | None:
    """The graph's plan; `None` after its errors were shown."""
    made = compile_workspace(Workspace(graph.files))
    plan = made.plans.get(graph.name)
    if plan is not None:
        return plan
    wrong = [found for found in made.diagnostics if found.severity == "error"]
    own = [found for found in wrong if found.place.file == graph.inside] or wrong
    show(own, graph.files)
    note(f"{counted(own)} in '{graph.path}': nothing was compared")
    return None

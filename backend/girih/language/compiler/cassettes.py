"""Where the answers of models lie that a test was recorded with: beside the graph's file, in `cassettes/GRAPH/`."""

from __future__ import annotations

import re
from pathlib import PurePosixPath

from girih.language.compiler.workspace import Workspace

FOLDER = "cassettes"


def cassette_name(graph: str, test: str) -> str:
    """The file of a test, from the folder of the graph's file."""
    slug = re.sub(r"[^a-z0-9]+", "-", test.casefold()).strip("-")[:80] or "test"
    return f"{FOLDER}/{graph}/{slug}.json"


def cassette_of(workspace: Workspace, source: str, graph: str, test: str) -> str | None:
    """The text of a test's cassette, where the workspace has it."""
    return workspace.files.get(str(PurePosixPath(source).parent / cassette_name(graph, test)))


def is_cassette(path: str) -> bool:
    """Whether a file lies where cassettes do."""
    parts = PurePosixPath(path).parts
    return len(parts) > 2 and parts[-3] == FOLDER and path.endswith(".json")

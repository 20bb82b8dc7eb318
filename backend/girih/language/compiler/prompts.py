"""Prompt files: found in the workspace by the path an author writes, and nowhere else."""

from __future__ import annotations

from collections.abc import Mapping
from posixpath import dirname, join, normpath

from girih.language.compiler.flow import Kinds
from girih.language.spec.model import AgentGraph


def find_prompts(graph: AgentGraph, kinds: Kinds, graph_file: str, files: Mapping[str, str]) -> dict[str, str | None]:
    """Each prompt file that a graph names → its path in the workspace; `None` for one that is not there."""
    named = [file.file for node in graph.nodes.values() if node.sound for file in kinds[node.verb].files(node.config)]
    return {written: find(written, graph_file, files) for written in named}


def find(written: str, graph_file: str, files: Mapping[str, str]) -> str | None:
    """The file's path in the workspace: from its root, else from the graph's own folder."""
    if is_outside(written, graph_file):
        return None
    for candidate in (normpath(written), normpath(join(dirname(graph_file), written))):
        if candidate in files:
            return candidate
    return None


def is_outside(written: str, graph_file: str) -> bool:
    """Whether the path leaves the workspace, both from its root and from the graph's folder."""
    if written.startswith(("/", "~")) or "\\" in written or ":" in written:
        return True
    return all(normpath(path).startswith("..") for path in (written, join(dirname(graph_file), written)))

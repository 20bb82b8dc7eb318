"""A workspace: the texts of a folder of specs, in memory, and what a server already knows beside them."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from functools import cached_property
from typing import Literal

from girih.language.compiler.plan import Plan
from girih.language.nodes.base import GraphContract, ModelContract, ToolContract
from girih.language.spec.documents import OtherSpec as OtherSpec
from girih.language.spec.tree import JsonObject, JsonSchema


@dataclass(frozen=True)
class Workspace:
    """The files of a workspace by path (POSIX, relative). Nothing outside of it is ever read."""

    files: Mapping[str, str]


@dataclass(frozen=True)
class Published:
    """A published version of a graph."""

    version: str
    digest: str
    read: Callable[[], Plan]
    """Reads its plan, which nobody needs of a graph that has not changed."""
    taken: frozenset[str] = frozenset()
    """Higher versions, which are not the latest one any more; their numbers are never given again."""

    @cached_property
    def plan(self) -> Plan:
        """What it does."""
        return self.read()


@dataclass(frozen=True)
class Shelved:
    """A published version of a graph that is deprecated or yanked, and what people said of it."""

    version: str
    mark: Literal["deprecated", "yanked"]
    reason: str
    replaced_by: str | None = None


@dataclass(frozen=True)
class PublishedPipeline:
    """The newest version of a pipeline, defaults filled in."""

    version: str
    document: JsonObject


@dataclass(frozen=True)
class Catalog:
    """What is published on a server: what `use:` may name besides the workspace's own files."""

    models: frozenset[str] = frozenset({"default", "demo"})
    knowledge: frozenset[str] = frozenset()
    tools: Mapping[str, ToolContract] = field(default_factory=dict)
    graphs: Mapping[str, GraphContract] = field(default_factory=dict)
    model_contracts: Mapping[str, ModelContract] = field(default_factory=dict)
    """What models can do, by name; one that is not here can do everything."""
    bound: Mapping[str, JsonObject] = field(default_factory=dict)
    """What the server has bound models to, by name: wins over the keys of a document."""
    metadata: Mapping[str, JsonSchema] = field(default_factory=dict)
    """Collection → the types of its documents' metadata, where it declares them."""
    published: Mapping[str, Published] = field(default_factory=dict)
    """The latest version of each graph, by name: what a new one is compared with."""
    published_pipelines: Mapping[str, PublishedPipeline] = field(default_factory=dict)
    """The newest version of each pipeline, by name."""
    is_whole: bool = False
    """Whether this is all that is published, as a server knows it; else a reference may mean what is not here."""
    pipelines: frozenset[str] = frozenset()
    """The names of pipelines, and `name@ref` for every version that a text of the workspace mentions."""
    shelf: Mapping[tuple[str, str], Shelved] = field(default_factory=dict)
    """Name and digest of graphs that are deprecated or yanked; of several versions with a digest, all have to be."""
    digests: Mapping[tuple[str, str], str] = field(default_factory=dict)
    """Scheme and name of models and collections → the digest of what is published; built-in models have none."""

"""All that a node may reach of the world outside it: models, retrieval, tools, other graphs, and its own events."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable
from dataclasses import dataclass, field
from typing import Literal, Protocol, TypeAlias

from girih.language.spec.tree import JsonObject, JsonSchema, JsonValue


@dataclass(frozen=True)
class Message:
    """One chat message."""

    role: Literal["system", "user", "assistant"]
    content: str


@dataclass(frozen=True)
class Usage:
    """Tokens of one model call, as the provider counted them."""

    input_tokens: int = 0
    output_tokens: int = 0

    def __add__(self, other: Usage) -> Usage:
        return Usage(self.input_tokens + other.input_tokens, self.output_tokens + other.output_tokens)


@dataclass(frozen=True)
class ModelRequest:
    """One model call. `models` are logical names in order of preference; `schema` asks for JSON of that shape."""

    models: tuple[str, ...]
    messages: tuple[Message, ...]
    params: JsonObject = field(default_factory=dict)
    schema: JsonSchema | None = None


@dataclass(frozen=True)
class TextDelta:
    """A piece of the answer, as it arrives."""

    text: str


@dataclass(frozen=True)
class ModelDone:
    """The end of an answer: what it cost and which model gave it."""

    usage: Usage
    model: str
    provider: str


ModelEvent: TypeAlias = TextDelta | ModelDone


class Models(Protocol):
    """Chat models by logical name."""

    def stream(self, request: ModelRequest) -> AsyncIterator[ModelEvent]:
        """Stream one answer, ending with `ModelDone`. Raises `NodeError` of a named kind."""
        ...


SearchMode = Literal["hybrid", "vector", "keyword"]


@dataclass(frozen=True)
class SearchRequest:
    """One question to a collection."""

    collection: str
    query: str
    top_k: int = 8
    mode: SearchMode = "hybrid"
    min_score: float | None = None


@dataclass(frozen=True)
class Hit:
    """A chunk that answers: its text, its score (higher is better), and its place in the document.

    `place` holds what is known of `page` (from 1), `heading` (path of headings, outermost first), `start` and `end`
    (character offsets in the parsed text).
    """

    chunk_id: str
    document_id: str
    document: str
    text: str
    score: float
    place: JsonObject

    def as_dict(self) -> JsonObject:
        """The form a graph sees."""
        return {
            "chunk_id": self.chunk_id,
            "document_id": self.document_id,
            "document": self.document,
            "text": self.text,
            "score": self.score,
            "place": self.place,
        }


class Retriever(Protocol):
    """Search in collections."""

    async def search(self, request: SearchRequest) -> list[Hit]:
        """The best hits, best first; empty when nothing fits. Raises `NodeError`."""
        ...


class Tools(Protocol):
    """Tools with a published contract."""

    async def call(
        self,
        contract: JsonObject,
        arguments: JsonObject,
        *,
        timeout: float,  # noqa: ASYNC109 - the tool bounds its own exchange with it
        idempotency_key: str,
    ) -> JsonValue:
        """Call once and return the decoded JSON result. `timeout` in seconds. Raises `NodeError`."""
        ...


class Graphs(Protocol):
    """Other graphs, locked at publish."""

    async def run(self, digest: str, inputs: JsonObject) -> JsonObject:
        """Run the graph with that digest to its end, as a part of this run, and return its outputs."""
        ...


Emit: TypeAlias = Callable[[str, JsonObject], None]
"""Emits one event of the node: type and data. Never blocks."""


@dataclass(frozen=True)
class Ports:
    """The world outside, as one run sees it."""

    models: Models
    retriever: Retriever
    tools: Tools
    graphs: Graphs


@dataclass(frozen=True)
class NodeContext:
    """What a running node is told about itself. `attempt_key` is the same when the node is run again after a crash."""

    run_id: str
    node: str
    attempt_key: str
    ports: Ports
    emit: Emit

"""What an embedder is: texts in, unit vectors out, under an identity that is never mixed with another's."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Protocol


@dataclass(frozen=True)
class EmbedderIdentity:
    """What must be equal for two vectors to be comparable: who made them, with which model, size and weights."""

    name: str
    model: str
    dims: int
    fingerprint: str
    """A hash of all that shapes a vector: weights, tokenizer, pooling, prefix rule."""


class Embedder(Protocol):
    """Turns texts into vectors of length 1. Equal texts give equal vectors."""

    @property
    def name(self) -> str:
        """Its name on the ladder: `minilm`, `openai` or `hashing`."""
        ...

    @property
    def model(self) -> str:
        """The model's own name."""
        ...

    @property
    def dims(self) -> int:
        """How many numbers a vector has; 0 while a remote model has not answered yet."""
        ...

    @property
    def fingerprint(self) -> str:
        """A hash of all that shapes a vector."""
        ...

    def load(self) -> None:
        """Get ready for the first text, if that takes a while; may be called from any thread. Raises `Unavailable`."""
        ...

    async def embed(self, texts: Sequence[str]) -> list[list[float]]:
        """One vector per text, in order. Raises `errors.Unavailable`."""
        ...

    def close(self) -> None:
        """Let go of what it holds open, such as a process or connections that are its own."""
        ...


def identity_of(embedder: Embedder) -> EmbedderIdentity:
    """The identity to record with every vector this embedder made (ask after its first answer)."""
    return EmbedderIdentity(embedder.name, embedder.model, embedder.dims, embedder.fingerprint)

"""The port of vector stores: the vectors of indexes on a server of the operator's, found by their nearness."""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass
from typing import Protocol
from uuid import UUID

from girih.errors import Conflict, Unavailable
from girih.language.spec.pipelines import StoreType

DEEPEST = 10_000
"""The most points that one search may ask for."""

MOST_NAMED = 5_000
"""The most points that a search may be narrowed to by their ids."""

SECONDS = 30.0
"""How long one request to a store may take, with all that its client does about it."""


@dataclass(frozen=True)
class Point:
    """A vector under an id, with what is kept beside it."""

    id: UUID
    vector: Sequence[float]
    payload: Mapping[str, str]


Near = list[tuple[UUID, float]]
"""Ids and their cosine similarities, -1 to 1, the nearest first."""


class VectorStore(Protocol):
    """Points by index; those of one index are never seen in another.

    Where the store does not answer, methods raise `Unavailable`: the same call may succeed later, and does no harm if
    it is made twice. What the store refuses for good is a `Conflict`.
    """

    async def prepare(self, index: UUID, dims: int) -> None:
        """Make room for the index's vectors of `dims` numbers; nothing happens if there is.

        Raises `Conflict` if the vectors that it holds, or can hold, have another length.
        """
        ...

    async def put(self, index: UUID, points: Sequence[Point]) -> None:
        """Keep the points; of the same id the last one stays. Raises `Conflict` for vectors of another length."""
        ...

    async def search(
        self, index: UUID, vector: Sequence[float], depth: int, among: Sequence[UUID] | None = None
    ) -> Near:
        """The `depth` nearest points, at most `DEEPEST`; with `among` (at most `MOST_NAMED`) of these only.

        Nothing for an index that the store does not have.
        """
        ...

    async def remove(self, index: UUID, ids: Sequence[UUID]) -> None:
        """Forget these points; ones that are not there are no fault."""
        ...

    async def drop(self, index: UUID) -> None:
        """Forget the index with all of its points; one that is not there is no fault."""
        ...

    async def count(self, index: UUID) -> int:
        """How many points the index has; 0 for one that the store does not have."""
        ...

    async def aclose(self) -> None:
        """Close all connections."""
        ...


Binding = tuple[StoreType, str]
"""The type of a store and the name of its endpoint."""


class VectorStores:
    """The stores that the operator has bound. Each is opened when it is first asked for."""

    def __init__(self, bound: Mapping[Binding, Callable[[], VectorStore]] | None = None) -> None:
        self._bound = dict(bound or {})
        self._open: dict[Binding, VectorStore] = {}

    @property
    def bound(self) -> Collection[Binding]:
        """Which there are."""
        return self._bound.keys()

    def get(self, type: StoreType, endpoint: str) -> VectorStore:
        """The store behind an endpoint. Raises `Unavailable` for one that is not bound here."""
        binding = type, endpoint
        if binding not in self._bound:
            raise Unavailable(
                f"there is no {type} '{endpoint}' on this server, which keeps the collection's vectors",
                help="let the operator bind it in GIRIH_VECTOR_STORES",
            )
        if binding not in self._open:
            self._open[binding] = self._bound[binding]()
        return self._open[binding]

    async def aclose(self) -> None:
        """Close all that are open."""
        while self._open:
            await self._open.popitem()[1].aclose()


def require_length(name: str, held: int, dims: int) -> None:
    """Raises `Conflict` where a store holds vectors of another length."""
    if held != dims:
        raise Conflict(
            f"the {name} holds vectors of {held} numbers, and these have {dims}",
            help="nothing was stored; choose the embedder whose vectors it was made for, or another endpoint",
        )

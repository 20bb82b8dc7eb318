"""What clients of the LangGraph server protocol send about threads."""

from __future__ import annotations

from typing import Annotated, Any, Literal
from uuid import UUID

from pydantic import Field

from girih.api.compat.langgraph.shaping import Body, Limit, Offset, Order, refused
from girih.errors import InvalidInput
from girih.language.spec.durations import LONGEST_DURATION
from girih.language.spec.tree import JsonObject
from girih.services.runs.thread_search_repository import SortBy, ThreadSearch

Minutes = Annotated[float, Field(gt=0, le=LONGEST_DURATION / 60)]


class Ttl(Body):
    """How long a thread lives after its last use, in minutes."""

    ttl: Minutes
    strategy: Literal["delete", "keep_latest"] = "delete"

    def seconds(self) -> float:
        """The time in seconds. Raises `InvalidInput` for a strategy that there is not here."""
        if self.strategy != "delete":
            raise refused("ttl.strategy: keep_latest", "a thread whose time is over is deleted", "use `delete`")
        return self.ttl * 60


class ThreadCreate(Body):
    """A new thread."""

    thread_id: UUID | None = None
    metadata: JsonObject | None = None
    if_exists: Literal["raise", "do_nothing"] = "raise"
    supersteps: list[Any] | None = None
    ttl: Ttl | Minutes | None = None


class ThreadPatch(Body):
    """What to change of a thread: metadata is merged into what there is."""

    metadata: JsonObject | None = None
    ttl: Ttl | Minutes | None = None


class ThreadFilter(Body):
    """Which threads: all that is given has to hold."""

    metadata: JsonObject | None = None
    values: JsonObject | None = None
    status: Literal["idle", "busy", "interrupted", "error"] | None = None


class ThreadsWanted(ThreadFilter):
    """Which threads, in which order, and what of them."""

    ids: Annotated[list[UUID], Field(max_length=1000)] | None = None
    limit: Limit = 10
    offset: Offset = 0
    sort_by: Literal["thread_id", "status", "created_at", "updated_at", "state_updated_at"] = "created_at"
    sort_order: Order = "desc"
    select: list[str] | None = None
    extract: JsonObject | None = None


class Prune(Body):
    """Threads to be rid of."""

    thread_ids: Annotated[list[UUID], Field(max_length=1000)]
    strategy: Literal["delete", "keep_latest"] = "delete"


class Checkpoint(Body):
    """A moment of a thread. Only the thread's own graph has some that are found here."""

    thread_id: UUID | None = None
    checkpoint_id: str | None = None
    checkpoint_ns: str | None = None
    checkpoint_map: JsonObject | None = None

    def named(self) -> str | None:
        """Its id. Raises `InvalidInput` for one of a graph inside."""
        if self.checkpoint_ns:
            raise refused(
                "checkpoint.checkpoint_ns",
                "moments of graphs inside of another one are not kept apart",
                "leave it empty, and name a checkpoint of the thread's own graph",
            )
        return self.checkpoint_id


class StateWanted(Body):
    """Which moment of a thread, and what of it."""

    checkpoint: Checkpoint
    subgraphs: bool | None = None
    select: list[str] | None = None


class StateUpdate(Body):
    """Values to write: one object, or several to be written one after the other."""

    values: JsonObject | list[JsonObject] | None = None
    as_node: str | None = None
    checkpoint: Checkpoint | None = None
    checkpoint_id: str | None = None

    def at(self) -> str | None:
        """The moment to write on. Raises `InvalidInput` where two are named."""
        named = self.checkpoint.named() if self.checkpoint is not None else None
        if named is not None and self.checkpoint_id not in (None, named):
            raise InvalidInput("checkpoint and checkpoint_id name two moments", help="send one of them")
        return self.checkpoint_id or named


class HistoryWanted(Body):
    """Which moments of a thread."""

    limit: Limit = 10
    before: str | JsonObject | None = None
    metadata: JsonObject | None = None
    checkpoint: Checkpoint | None = None
    select: list[str] | None = None

    def edge(self) -> str | None:
        """The id of the moment before which they are; `before` may hold it as a checkpoint or a config has it."""
        if not isinstance(self.before, dict):
            return self.before
        given = self.before.get("configurable", self.before)
        found = given.get("checkpoint_id") if isinstance(given, dict) else None
        if not isinstance(found, str):
            raise InvalidInput("before: names no checkpoint_id")
        return found


_SORTED: dict[str, SortBy] = {
    "thread_id": "id",
    "status": "status",
    "created_at": "created_at",
    "updated_at": "updated_at",
    "state_updated_at": "updated_at",
}


def seconds_of(ttl: Ttl | float | None) -> float | None:
    """A time to live in seconds."""
    if ttl is None:
        return None
    return ttl.seconds() if isinstance(ttl, Ttl) else ttl * 60


def search_of(body: ThreadFilter, assistant: str | None) -> ThreadSearch:
    """What to look for; `assistant` is the agent that the metadata's `assistant_id` means."""
    metadata = dict(body.metadata or {})
    named: dict[str, tuple[str, str | None]] = {}
    for key, agent in (("graph_id", metadata.get("graph_id")), ("assistant_id", assistant)):
        if isinstance(metadata.get(key), str):
            named[key] = (metadata.pop(key), agent)
    if not isinstance(body, ThreadsWanted):
        return ThreadSearch(status=body.status, named=named, metadata=metadata, values=body.values or {})
    return ThreadSearch(
        status=body.status,
        named=named,
        metadata=metadata,
        values=body.values or {},
        ids=body.ids,
        sort_by=_SORTED[body.sort_by],
        descending=body.sort_order == "desc",
        limit=body.limit,
        offset=body.offset,
    )

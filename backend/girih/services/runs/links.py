"""What a run is bound to when it is accepted: a thread, a run whose checkpoint it continues from."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any
from uuid import UUID

from girih.errors import Conflict, GirihError, InvalidInput, NotFound, ThreadBusy
from girih.language.spec.tree import JsonObject
from girih.services.runs.plain import dump, load
from girih.services.runs.schemas import Multitask, RunIn


@dataclass(frozen=True)
class Link:
    """What `open_linked_run` is told. With a source and no checkpoint, all that is stored of it is taken over.

    `blobs` are the values of that checkpoint, as `[channel, version]`.
    """

    thread: UUID | None = None
    multitask: Multitask = "reject"
    source: UUID | None = None
    checkpoint: str | None = None
    blobs: Sequence[Sequence[str]] = ()
    makes_thread: bool = False
    """Whether the thread is made where there is none of that id."""
    chat: JsonObject | None = None
    """Messages and what the app gave, as they are kept with the run."""

    @property
    def is_any(self) -> bool:
        """Whether there is anything to tell."""
        return self.thread is not None or self.source is not None

    def text(self) -> str:
        """As the function takes it."""
        return dump(
            {
                "thread": str(self.thread) if self.thread else None,
                "multitask": self.multitask,
                "source": str(self.source) if self.source else None,
                "checkpoint": self.checkpoint,
                "blobs": [list(blob) for blob in self.blobs],
                "make": self.makes_thread,
            }
        )


@dataclass(frozen=True)
class Opened:
    """What became of a run that was to be recorded.

    `stamp` is `None` when another run has the key, empty when the reference means something else by now. `here` tells
    whether it may begin at once; `state` is its thread's, `stopped` are the runs that have to end for it. A thread that
    had no state at all is `stateless`.
    """

    stamp: str | None = None
    here: bool = False
    state: JsonObject = field(default_factory=dict)
    stopped: tuple[UUID, ...] = ()
    stateless: bool = False
    keeps: UUID | None = None
    """The version that the run's thread has, where the run was to have another one."""

    @classmethod
    def of(cls, text: str, link: Link) -> Opened:
        """The function's answer. Raises `NotFound` for a thread that is not there, `ThreadBusy` when runs are on it."""
        answer: Any = load(text)
        told = answer["told"] if link.thread is not None else answer
        if fault := told.get("fault"):
            raise _fault(fault, link, told)
        stopped = tuple(UUID(number) for number in told.get("stopped") or ())
        stateless = link.thread is not None and answer["before"] is None
        keeps = UUID(told["keeps"]) if "keeps" in told else None
        return cls(told["stamp"], bool(told.get("here")), told.get("state") or {}, stopped, stateless, keeps)


def on_thread(body: RunIn, thread_id: UUID) -> RunIn:
    """The run, on that thread. Raises `InvalidInput` where it names another one."""
    if body.thread_id not in (None, thread_id):
        raise InvalidInput(
            f"the run names thread {body.thread_id}, the address thread {thread_id}",
            help="leave `thread_id` out: the address says on which thread it runs",
        )
    return body.model_copy(update={"thread_id": thread_id})


def no_such_thread(thread_id: object) -> NotFound:
    """A thread that is not there, or not the caller's."""
    return NotFound(f"there is no thread {thread_id}", help="list the project's threads to see which there are")


def known_thread(thread_id: object) -> Conflict:
    """A thread that cannot be made, for the organization has one of that id."""
    return Conflict(f"there is a thread {thread_id} already", help="choose another id, or go on with that thread")


def _fault(fault: str, link: Link, told: JsonObject) -> GirihError:
    if fault == "thread" and link.makes_thread:
        return known_thread(link.thread)
    if fault == "thread":
        return no_such_thread(link.thread)
    return ThreadBusy(
        f"a run is on thread {link.thread} already",
        help="wait for it to end, or choose another `multitask`: enqueue, interrupt or rollback",
        runs=told["runs"],
    )

"""Whose text is embedded next: questions beside bulk, and everybody in turn."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass, field

MOST_WAITING = 4_096
"""Requests that may wait at once in one lane."""


@dataclass
class Job:
    """The texts of one request, its vectors so far, and what to do with them."""

    texts: list[str]
    done: Callable[[bytes], None]
    failed: Callable[[str, str], None]
    is_wanted: Callable[[], bool]
    parts: list[bytes] = field(default_factory=list)

    @property
    def is_question(self) -> bool:
        """Somebody waits for a single text (or for the model to be loaded); several texts are bulk."""
        return len(self.texts) <= 1


class Lane:
    """Jobs that are worked on one text at a time, each job in its turn, in a thread of the lane's own."""

    def __init__(self, name: str) -> None:
        self._jobs: deque[Job] = deque()
        self._thread = ThreadPoolExecutor(1, thread_name_prefix=f"girih-{name}")
        self.is_busy = False

    @property
    def is_full(self) -> bool:
        """Whether no more may wait."""
        return len(self._jobs) >= MOST_WAITING

    def add(self, job: Job) -> None:
        """Let a job wait for its turn."""
        self._jobs.append(job)

    def begin(self, step: Callable[[Job], None]) -> tuple[Job, Future[None]] | None:
        """The next step of whose turn it is, begun in the thread; `None` while one is under way or nobody waits."""
        while self._jobs and not self.is_busy:
            job = self._jobs.popleft()
            if job.is_wanted():
                self.is_busy = True
                return job, self._thread.submit(step, job)
        return None

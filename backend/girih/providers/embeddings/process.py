"""The embedding process: holds the model once for all processes of a machine, and ends with the last of them.

`python -m girih.providers.embeddings.process SOCKET [IDLE_SECONDS]`
"""

from __future__ import annotations

import asyncio
import fcntl
import os
import signal
import sys
import time
from collections.abc import Callable
from concurrent.futures import Future
from contextlib import suppress
from pathlib import Path
from typing import Any

from girih.errors import Unavailable
from girih.providers.embeddings.minilm import MiniLM
from girih.providers.embeddings.minilm_model import clipped
from girih.providers.embeddings.turns import Job, Lane
from girih.providers.embeddings.wire import MOST_TEXTS, Frame, Malformed, packed, receive

LONELY_SECONDS = 1.0
"""How long it stays after the last process that used it is gone, however that ended."""

FIRST_SECONDS = 20.0
"""How long it waits for the first one."""

IDLE_SECONDS = 900.0
"""How long it stays loaded without a text to embed. The next text starts it again, which takes about a second."""

_UNSENT = 2**20
"""Bytes that may wait for one slow reader before its next request is read."""


class Server:
    """Reads requests from any number of connections and answers each when all its texts have had their turn."""

    def __init__(self, model: MiniLM, idle: float) -> None:
        self._model = model
        self._idle = idle
        self._questions, self._bulk = Lane("questions"), Lane("bulk")
        self._connections: set[asyncio.StreamWriter] = set()
        self._used = self._alone_since = time.monotonic()
        self._patience = FIRST_SECONDS

    async def serve(self, place: Path) -> None:
        """Listen at `place`, which appears complete, until nobody is there any more."""
        partial = place.with_suffix(".new")
        partial.unlink(missing_ok=True)
        server = await asyncio.start_unix_server(self._attend, partial)
        partial.chmod(0o600)
        partial.replace(place)
        try:
            while not self._is_over():  # noqa: ASYNC110 - time ends it, not an event
                await asyncio.sleep(0.2)
        finally:
            _remove(place)  # from here on others start a new one
            server.close()

    def _is_over(self) -> bool:
        now = time.monotonic()
        if not (self._questions.is_busy or self._bulk.is_busy) and now - self._used > self._idle:
            return True
        return not self._connections and now - self._alone_since > self._patience

    async def _attend(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self._connections.add(writer)
        self._patience = LONELY_SECONDS
        try:
            while True:
                self._take(await receive(reader), writer)
                if writer.transport.get_write_buffer_size() > _UNSENT:
                    await writer.drain()
        except Malformed as fault:
            self._send(writer, Frame({"error": str(fault)}))
        except (EOFError, OSError):
            pass  # it has ended, or has no more questions
        finally:
            self._connections.discard(writer)
            self._alone_since = time.monotonic()
            writer.close()

    def _take(self, frame: Frame, writer: asyncio.StreamWriter) -> None:
        number, texts = frame.head.get("id"), frame.head.get("texts")
        if not isinstance(texts, list) or not all(isinstance(text, str) for text in texts) or len(texts) > MOST_TEXTS:
            raise Malformed(f"`texts` is a list of at most {MOST_TEXTS} texts")

        def answer(head: dict[str, Any], body: bytes = b"") -> None:
            self._send(writer, Frame({"id": number, **head}, body))

        job = Job(
            clipped(texts),
            done=lambda body: answer({}, body),
            failed=lambda error, advice: answer({"error": error, "help": advice}),
            is_wanted=lambda: writer in self._connections,
        )
        # In a lane of their own, questions share the cores with bulk; in one row they would wait for a whole passage.
        lane = self._questions if job.is_question else self._bulk
        if lane.is_full:
            job.failed("too many texts wait to be embedded", "try again later")
            return
        lane.add(job)
        self._go_on(lane)

    def _go_on(self, lane: Lane) -> None:
        begun = lane.begin(self._step)
        if begun is None:
            return
        job, step = begun
        loop = asyncio.get_running_loop()
        self._used = time.monotonic()
        step.add_done_callback(lambda done: _back_on(loop, lambda: self._after(lane, job, done)))

    def _step(self, job: Job) -> None:
        """In the thread: the next text of a job; without texts, the model is loaded."""
        if job.texts:
            job.parts.append(self._model.packed(job.texts[len(job.parts)]))
        else:
            self._model.load()

    def _after(self, lane: Lane, job: Job, step: Future[None]) -> None:
        lane.is_busy = False
        self._used = time.monotonic()
        fault = step.exception()
        if isinstance(fault, Unavailable):
            job.failed(fault.message, fault.help or "")
        elif fault is not None:
            job.failed(f"the embedding failed: {type(fault).__name__}", "")
        elif len(job.parts) == len(job.texts):
            job.done(b"".join(job.parts))
        else:
            lane.add(job)
        self._go_on(lane)

    def _send(self, writer: asyncio.StreamWriter, frame: Frame) -> None:
        if not writer.is_closing():
            writer.write(packed(frame))


def _remove(place: Path) -> None:
    with suppress(OSError):
        place.unlink()


def _back_on(loop: asyncio.AbstractEventLoop, do: Callable[[], None]) -> None:
    with suppress(RuntimeError):  # the loop is closed: this process ends
        loop.call_soon_threadsafe(do)


def main(place: Path, idle: float) -> int:
    """Serve at `place`; 0 at once if another process does."""
    lock = os.open(place.with_suffix(".lock"), os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
    try:
        fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return 0
    try:
        model = MiniLM()
    except Unavailable as fault:
        sys.stderr.write(f"{fault.message}\n")
        return 1
    signal.signal(signal.SIGTERM, lambda *_: os._exit(0))
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # Ctrl-C is for those who use it; it follows them
    with suppress(asyncio.CancelledError):
        asyncio.run(Server(model, idle).serve(place))  # noqa: TID251 - a process of its own, without a database
    # Whatever still waits for a text has nobody to give it to.
    os._exit(0)


if __name__ == "__main__":
    sys.exit(main(Path(sys.argv[1]), float(sys.argv[2]) if len(sys.argv) > 2 else IDLE_SECONDS))

"""Children that parse, from the parent's side: asked of one warm server, which is started again when it is gone."""

from __future__ import annotations

import asyncio
import atexit
import socket
import subprocess
import sys
import threading
from asyncio import StreamReader, StreamWriter
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass

from girih.errors import Unavailable

_MODULE = "girih.providers.parsers.server"
_PATIENCE = 5.0
"""Seconds that a server has to end when this process does."""


class ParserServer:
    """The server of this process, started when the first document comes. Any thread and event loop may ask it."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._process: subprocess.Popen[bytes] | None = None
        self._door: socket.socket | None = None

    def ask(self, line: socket.socket, end: socket.socket) -> None:
        """Have a child forked that is asked over `line`, and how it ended told over `end`. Raises `Unavailable`."""
        with self._lock:
            for _ in range(2):
                if self._door is None or self._process is None or self._process.poll() is not None:
                    self._begin()
                assert self._door is not None  # noqa: S101 - it was opened, above
                try:
                    socket.send_fds(self._door, [b"+"], [line.fileno(), end.fileno()])
                except OSError:  # it went just now
                    self._end()
                else:
                    return
        raise Unavailable("the process that reads documents does not start", help="see the server's log")

    def close(self) -> None:
        """End it; what it is asked for after that begins a new one."""
        with self._lock:
            self._end()

    def _begin(self) -> None:
        self._end()
        self._door, theirs = socket.socketpair()
        with theirs:
            self._process = subprocess.Popen(  # noqa: S603 - our own command, no shell
                [sys.executable, "-I", "-m", _MODULE, str(theirs.fileno())],
                stdin=subprocess.DEVNULL,
                stdout=subprocess.DEVNULL,
                stderr=subprocess.DEVNULL,
                # A library that is loaded before the fork must not have begun threads.
                env={"PYTHONHASHSEED": "0", "LC_ALL": "C.UTF-8", "OMP_NUM_THREADS": "1", "OPENBLAS_NUM_THREADS": "1"},
                pass_fds=[theirs.fileno()],
                start_new_session=True,
            )

    def _end(self) -> None:
        if self._door is not None:
            self._door.close()
        if self._process is not None:
            try:
                self._process.wait(_PATIENCE)
            except subprocess.TimeoutExpired:
                self._process.kill()
                self._process.wait()
        self._door = self._process = None


SERVER = ParserServer()
"""The one of this process."""

atexit.register(SERVER.close)


@dataclass
class Child:
    """A child at work: what it says is read from `answer`."""

    answer: StreamReader
    _ended: StreamReader

    async def code(self) -> int:
        """How it ended, once it did: 0, its code, or the signal as a negative number.

        Raises `ConnectionError` where the server ended before it: that takes all of its children along.
        """
        told = await self._ended.read()
        if not told:
            raise ConnectionResetError
        return int(told)


@asynccontextmanager
async def child(request: bytes) -> AsyncIterator[Child]:
    """A child that was asked this, one line. When the context is left it is ended, if it has not ended by itself.

    Raises `Unavailable` where there is no server, or none any more.
    """
    ours, theirs = socket.socketpair()
    end, their_end = socket.socketpair()
    writers: list[StreamWriter] = []
    try:
        with theirs, their_end:
            SERVER.ask(theirs, their_end)
        readers = []
        for one in (ours, end):
            reader, writer = await asyncio.open_connection(sock=one)
            readers.append(reader)
            writers.append(writer)
        writers[0].write(request + b"\n")
        yield Child(*readers)
    except ConnectionError as fault:
        raise Unavailable("the process that reads documents was ended", help="it is started again") from fault
    finally:
        for writer in writers:
            writer.transport.abort()
        for one in (ours, end)[len(writers) :]:
            one.close()

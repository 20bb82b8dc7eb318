"""The process that forks one limited child per document: `python -m girih.providers.parsers.server DOOR`."""

from __future__ import annotations

import gc
import os
import selectors
import signal
import socket
import sys
from contextlib import suppress
from importlib import import_module
from typing import NoReturn

from girih.providers.parsers import child

_LINES = 2
"""What comes with each document: the child's line, over which it is asked and answers, and the one for its end."""


class Server:
    """Forks children and tells how each one ended. Its work is done when whoever holds the other end of `door` ends."""

    def __init__(self, door: socket.socket) -> None:
        self._door = door
        self._ends: dict[int, socket.socket] = {}
        self._selector = selectors.DefaultSelector()
        self._bell, ring = socket.socketpair()
        for one in (self._bell, ring):
            one.setblocking(False)
        signal.signal(signal.SIGCHLD, lambda *_: None)
        signal.set_wakeup_fd(ring.fileno())
        self._ring = ring

    def serve(self) -> None:
        """Work until the door is closed; then no child stays."""
        self._selector.register(self._door, selectors.EVENT_READ)
        self._selector.register(self._bell, selectors.EVENT_READ)
        while True:
            for key, _ in self._selector.select():
                if key.fileobj is self._bell:
                    self._bury()
                elif key.fileobj is not self._door:
                    self._give_up(key.data)
                elif not self._begin():
                    for pid in self._ends:
                        _kill(pid)
                    return

    def _begin(self) -> bool:
        """Start the child that is asked for at the door; False where nobody is there any more."""
        asked, lines, _, _ = socket.recv_fds(self._door, 1, _LINES)
        if not asked or len(lines) != _LINES:
            return False
        line, end = (socket.socket(fileno=each) for each in lines)
        server = os.getpid()
        with line:
            try:
                pid = os.fork()
            except OSError:  # there are too many processes; who asked sees that nobody came
                end.close()
                return True
            if pid == 0:
                _become_child(line, server)
        with suppress(OSError):  # it did so itself, or has ended already
            os.setpgid(pid, pid)
        self._ends[pid] = end
        self._selector.register(end, selectors.EVENT_READ, pid)
        return True

    def _give_up(self, pid: int) -> None:
        """End a child whose answer nobody waits for: its end was hung up."""
        if pid in self._ends:  # else it was buried in this round
            self._selector.unregister(self._ends[pid])
            _kill(pid)

    def _bury(self) -> None:
        """Tell of those that ended: with 0, with a code, or by a signal (a negative number)."""
        with suppress(BlockingIOError):
            while self._bell.recv(1024):
                pass
        while self._ends:
            pid, status = os.waitpid(-1, os.WNOHANG)
            if pid == 0:
                return
            end = self._ends.pop(pid)
            with suppress(KeyError):
                self._selector.unregister(end)
            with suppress(OSError):
                end.sendall(str(os.waitstatus_to_exitcode(status)).encode())
            end.close()


def _become_child(line: socket.socket, server: int) -> NoReturn:
    """Parse what the line asks for and end: of the server nothing stays but the modules it loaded."""
    code = 1
    try:
        child.tie(server)
        os.setpgid(0, 0)
        signal.set_wakeup_fd(-1)
        signal.signal(signal.SIGCHLD, signal.SIG_DFL)
        os.dup2(line.fileno(), 0)
        os.dup2(line.fileno(), 1)
        os.closerange(3, os.sysconf("SC_OPEN_MAX"))
        child.main()
        sys.stdout.flush()
        code = 0
    finally:
        # No handlers and buffers of the server.
        os._exit(code)


def _kill(pid: int) -> None:
    """End a child with all that it started; it waits to be buried, so nobody else has its number."""
    for kill in (os.kill, os.killpg):
        with suppress(ProcessLookupError):
            kill(pid, signal.SIGKILL)


def main(door: str) -> None:
    """Serve at the socket that was handed over under that number."""
    for place in set(child.PARSERS.values()):
        import_module(f"girih.providers.parsers.{place.partition(':')[0]}")
    gc.freeze()  # what is shared stays shared
    Server(socket.socket(fileno=int(door))).serve()


if __name__ == "__main__":
    main(sys.argv[1])

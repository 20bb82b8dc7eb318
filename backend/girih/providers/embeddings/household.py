"""Finds the embedding process of a data folder, or starts it, and keeps it while this process needs it."""

from __future__ import annotations

import hashlib
import os
import socket
import stat
import subprocess
import sys
import tempfile
import threading
import time
from contextlib import suppress
from importlib.metadata import version
from pathlib import Path

from girih.errors import Unavailable
from girih.providers.embeddings.minilm_model import FINGERPRINT
from girih.providers.embeddings.wire import Frame, Malformed, packed, receive_blocking

START_SECONDS = 60.0
_LOAD_SECONDS = 120.0
_LOOK_SECONDS = 0.02
_TRY_AGAIN_SECONDS = 2.0
"""How long after a start that found another process the next one is tried: the other one may have been ending."""

_LONGEST_ADDRESS = 100
"""Bytes of a socket's path that every system takes."""

_PASSED_ON = ("PATH", "HOME", "LANG", "TMPDIR", "VIRTUAL_ENV", "LD_LIBRARY_PATH")
_PASSED_ON_PREFIXES = ("LC_", "PYTHON", "DYLD_", "OMP_")
"""All the embedding process gets of the environment: it needs no key and no database."""


class Household:
    """All processes of one user that share a data folder, and the embedding process they have in common.

    A connection held open says that this process is still there; the kernel closes it, however the process ends. May
    be used from any thread.
    """

    def __init__(self, data_dir: Path, *, folder: Path | None = None, idle: float | None = None) -> None:
        """`folder` is where the socket lies, `idle` the seconds without a text after which the process ends.

        Raises `Unavailable` where there is no private place for a socket.
        """
        facts = (str(data_dir.resolve()), version("girih"), FINGERPRINT, sys.executable)
        name = hashlib.sha256("\0".join(facts).encode()).hexdigest()[:16]
        self.address = _private(folder or _usual_folder()) / f"{name}.sock"
        if len(os.fsencode(self.address)) > _LONGEST_ADDRESS or not hasattr(socket, "AF_UNIX"):
            raise Unavailable(f"there can be no socket at {self.address}", help="set TMPDIR to a shorter path")
        self._log = self.address.with_suffix(".log")
        self._idle = idle
        self._lock = threading.Lock()
        self._tie: socket.socket | None = None
        self._started: subprocess.Popen[bytes] | None = None

    def gather(self, *, loaded: bool = False) -> None:
        """Make sure that the embedding process is there, and with `loaded` that its model is.

        Blocks while it starts, about a second. Raises `Unavailable` with what it said when it cannot be started.
        """
        with self._lock:
            if self._tie is None or not _holds(self._tie):
                self.leave()
                self._tie = self._connected()
            if loaded:
                _ask_to_load(self._tie)

    def leave(self) -> None:
        """Let go: the process ends when nobody else needs it."""
        if self._tie is not None:
            self._tie.close()
            self._tie = None

    def _connected(self) -> socket.socket:
        """A connection; starts the process as often as another one that was there turns out to be gone."""
        deadline, next_start = time.monotonic() + START_SECONDS, 0.0
        while True:
            with suppress(OSError):
                return _connect(self.address)
            now = time.monotonic()
            ended = self._started is None or self._started.poll() is not None
            if ended and self._started is not None and self._started.returncode > 0:
                raise Unavailable(f"the embedding process did not start: {self._said()}", help=f"see {self._log}")
            if now > deadline:
                raise Unavailable("the embedding process did not start in time", help=f"see {self._log}")
            if ended and now > next_start:
                self._start()
                next_start = now + _TRY_AGAIN_SECONDS
            time.sleep(_LOOK_SECONDS)

    def _start(self) -> None:
        command = [sys.executable, "-m", "girih.providers.embeddings.process", str(self.address)]
        if self._idle is not None:
            command.append(str(self._idle))
        kept = {k: v for k, v in os.environ.items() if k in _PASSED_ON or k.startswith(_PASSED_ON_PREFIXES)}
        with self._log.open("wb") as log:
            self._started = subprocess.Popen(  # noqa: S603 - our own module, no shell
                command,
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=subprocess.STDOUT,
                env=kept,
                start_new_session=True,  # Ctrl-C in a terminal is for those who use it
            )

    def _said(self) -> str:
        lines = self._log.read_text(errors="replace").strip().splitlines()
        return lines[-1] if lines else "it said nothing"


def _usual_folder() -> Path:
    try:
        return Path(tempfile.gettempdir()) / f"girih-{os.geteuid()}"
    except OSError as fault:  # every folder is read-only
        raise Unavailable("there is no temporary folder that can be written", help="set TMPDIR to one") from fault


def _private(folder: Path) -> Path:
    """The folder, made with mode 700 if it is not there. Raises `Unavailable` if it is not this user's alone."""
    try:
        with suppress(FileExistsError):
            folder.mkdir(mode=0o700)
        found = folder.lstat()
    except OSError as fault:
        raise Unavailable(f"{folder} cannot be made: {fault.strerror}") from fault
    if not stat.S_ISDIR(found.st_mode) or found.st_uid != os.geteuid() or stat.S_IMODE(found.st_mode) & 0o077:
        raise Unavailable(f"{folder} is not a folder of this user alone", help=f"remove it, or `chmod 700 {folder}`")
    return folder


def _connect(address: Path) -> socket.socket:
    connection = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
    try:
        connection.settimeout(_LOAD_SECONDS)
        connection.connect(str(address))
    except OSError:
        connection.close()
        raise
    return connection


def _holds(connection: socket.socket) -> bool:
    """Whether the other side is still there: nothing is ever sent unasked, so there is either nothing or the end."""
    connection.setblocking(False)
    try:
        return bool(connection.recv(1, socket.MSG_PEEK))
    except BlockingIOError:
        return True
    except OSError:
        return False
    finally:
        connection.settimeout(_LOAD_SECONDS)


def _ask_to_load(connection: socket.socket) -> None:
    try:
        connection.sendall(packed(Frame({"id": 0, "texts": []})))
        answer = receive_blocking(connection).head
    except (OSError, EOFError, Malformed) as fault:
        raise Unavailable("the embedding process ended while it loaded its model") from fault
    if "error" in answer:
        raise Unavailable(str(answer["error"]), help=str(answer.get("help") or "") or None)

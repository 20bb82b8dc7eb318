"""What Python's own audit events say happened while something was watched, and which code had it done."""

from __future__ import annotations

import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass, field
from types import FrameType

EXECUTING = (
    "exec",
    "compile",
    "import",
    "pickle.find_class",
    "marshal.loads",
    "os.system",
    "os.exec",
    "os.fork",
    "os.posix_spawn",
    "os.spawn",
    "subprocess.Popen",
    "ctypes.",
    "code.__new__",
    "shutil.",
    "os.remove",
    "os.rename",
)
"""Something is loaded, executed or started, or a file is taken away. `import` is said where a module is looked for."""
CONNECTING = ("socket.connect",)


WITHIN: ContextVar[str] = ContextVar("within", default="")
"""What a test knows the code to be within: tasks begun there take it along, although their own frames do not show it."""


@dataclass(frozen=True)
class Event:
    """One event: its name, what it was about, the files of those who asked for it, the nearest first, and `WITHIN`."""

    name: str
    about: str
    files: tuple[str, ...]
    within: str


@dataclass
class Watch:
    """The events of one look that begin with one of `names`."""

    names: tuple[str, ...]
    seen: list[Event] = field(default_factory=list)


_open: list[Watch] = []
_installed = threading.Lock()
_within = threading.local()


@contextmanager
def watching(*names: str) -> Iterator[Watch]:
    """Note every event of this process that begins with one of these names, whichever thread has it."""
    if _installed.acquire(blocking=False):
        sys.addaudithook(_note)  # it can never be taken away again: without a watch it returns at once
    watch = Watch(names)
    _open.append(watch)
    try:
        yield watch
    finally:
        _open.remove(watch)


def _note(name: str, about: tuple[object, ...]) -> None:
    if not _open or getattr(_within, "noting", False):
        return
    _within.noting = True
    try:
        for watch in _open:
            if name.startswith(watch.names):
                watch.seen.append(Event(name, repr(about)[:300], tuple(_files(sys._getframe(1))), WITHIN.get()))
    finally:
        _within.noting = False


def _files(frame: FrameType | None) -> Iterator[str]:
    while frame is not None:
        yield frame.f_code.co_filename
        frame = frame.f_back

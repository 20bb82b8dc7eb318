"""One supervisor per data folder: a lock the kernel takes back when its holder ends, however it ends."""

from __future__ import annotations

import fcntl
import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TextIO

from girih.errors import Conflict, Unavailable


@contextmanager
def held_lock(file: Path) -> Iterator[None]:
    """Hold `file` locked, with this process's pid in it. Raises `Conflict` naming the pid when another one has it.

    A file that a killed process left behind is no lock: the kernel let go of it when that process ended.
    """
    with _opened(file) as lock:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError as fault:
            lock.seek(0)
            pid = lock.read().strip() or "unknown"
            raise Conflict(
                f"girih dev already runs on {file.parent} (pid {pid})",
                help=f"use that one, stop it with `kill {pid}`, or choose another folder with --data-dir",
            ) from fault
        lock.truncate(0)
        lock.write(f"{os.getpid()}\n")
        lock.flush()
        yield
        lock.truncate(0)


def _opened(file: Path) -> TextIO:
    try:
        file.parent.mkdir(parents=True, exist_ok=True)
        return file.open("a+")
    except OSError as fault:
        raise Unavailable(
            f"cannot use {file.parent} for data: {fault.strerror}",
            help="choose a folder that is yours with --data-dir (one made with sudo belongs to root)",
        ) from fault

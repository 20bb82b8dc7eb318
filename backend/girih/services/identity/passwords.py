"""Passwords: hashed with Argon2id, a few at a time: many sign-ins neither fill the memory nor stall the rest."""

from __future__ import annotations

import asyncio
import os
import sys
import threading
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import Final, TypeVar

from pwdlib import PasswordHash
from pwdlib.hashers.argon2 import Argon2Hasher

from girih.errors import InvalidInput, QueueFull
from girih.services.identity.guessed import is_guessed

SHORTEST: Final = 12
"""Characters of a password, at least (NIST SP 800-63B asks for 15 alone, 8 beside a second factor)."""

LONGEST: Final = 128
"""Characters of a new password, at most: hashing a longer one is work for whoever sends it."""

_COMPARED: Final = 200
"""Characters that are compared: passwords were allowed to be as long before."""

_AT_ONCE: Final = 2
"""Hashes that are worked out at a time, each on 64 MiB of memory (RFC 9106, second recommended option)."""

_NICE: Final = 5
"""How far hashes step back; each step leaves a fifth less of a busy core."""

_WAITING: Final = 200
"""Sign-ins that may wait for their turn."""


def check_password(password: str, *known: str) -> None:
    """Raises `InvalidInput` for a password that is too short, too long, common, or known of the person.

    Nothing is asked of its characters (NIST SP 800-63B, 3.1.1.2).
    """
    if not SHORTEST <= len(password) <= LONGEST:
        raise InvalidInput(
            f"a password has {SHORTEST} to {LONGEST} characters", help="take a few words that do not belong together"
        )
    if password.lower() in {one.lower() for one in known} or is_guessed(password, *known):
        raise InvalidInput("this password is easily guessed", help="take a few words that do not belong together")


T = TypeVar("T")


def _step_back() -> None:
    """Let the thread wait for the others: where all cores are busy, requests come before hashes."""
    if sys.platform == "linux":  # elsewhere the whole process would step back
        thread = threading.get_native_id()
        os.setpriority(os.PRIO_PROCESS, thread, os.getpriority(os.PRIO_PROCESS, thread) + _NICE)


class Passwords:
    """Hashes and compares. `memory` (KiB) and `rounds` are Argon2id's costs; tests take smaller ones."""

    def __init__(self, *, memory: int = 65_536, rounds: int = 3) -> None:
        self._hasher = PasswordHash((Argon2Hasher(time_cost=rounds, memory_cost=memory, parallelism=1),))
        self._threads = ThreadPoolExecutor(_AT_ONCE, "girih-passwords", initializer=_step_back)
        self._waiting = 0
        self._nobody = ""

    async def hash(self, password: str) -> str:
        """The hash that is stored. Raises `QueueFull` where too many wait."""
        return await self._work(lambda: self._hasher.hash(password))

    async def fits(self, password: str, stored: str | None) -> bool:
        """Whether the password is the one that was hashed; where nothing is stored it takes as long to say no."""

        def compare() -> bool:
            if stored is None:
                self._nobody = self._nobody or self._hasher.hash("somebody")
            return self._hasher.verify(password[: _COMPARED + 1], stored or self._nobody) and stored is not None

        return await self._work(compare)

    def close(self) -> None:
        """End the threads."""
        self._threads.shutdown(wait=False, cancel_futures=True)

    async def _work(self, what: Callable[[], T]) -> T:
        if self._waiting >= _WAITING:
            raise QueueFull("too many people are signing in", help="send it again in a moment")
        self._waiting += 1
        try:
            return await asyncio.get_running_loop().run_in_executor(self._threads, what)
        finally:
            self._waiting -= 1

"""A worker with several roles: a process for each, all of which end together."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from collections.abc import Collection
from types import FrameType

from girih.embedded.processes import tied

_LOOK_SECONDS = 0.2


class Crew:
    """Starts a worker for each role and passes signals on."""

    def __init__(self, roles: Collection[str]) -> None:
        self._roles = roles
        self._members: list[subprocess.Popen[bytes]] = []
        self._stopping = False

    def run(self) -> int:
        """Work until all have ended. When one ends by itself the others are stopped too: whoever started us decides."""
        for number in (signal.SIGTERM, signal.SIGINT):
            signal.signal(number, self._pass_on)
        command = tied([sys.executable, "-m", "girih.worker"], signal.SIGTERM)
        for role in self._roles:
            environment = os.environ | {"GIRIH_WORKER_ROLES": role}
            # In a session of its own: a terminal's Ctrl-C reaches it once, from here.
            member = subprocess.Popen(command, env=environment, start_new_session=True)  # noqa: S603 - our own command, no shell
            self._members.append(member)
        while any(member.poll() is None for member in self._members):
            if any(member.poll() is not None for member in self._members) and not self._stopping:
                self._pass_on(signal.SIGTERM, None)
            time.sleep(_LOOK_SECONDS)
        return next((code for member in self._members if (code := member.returncode)), 0)

    def _pass_on(self, number: int, frame: FrameType | None) -> None:
        del frame
        self._stopping = True
        for member in self._members:
            if member.poll() is None:
                member.send_signal(number)

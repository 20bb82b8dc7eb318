"""The API again and again: a process for each point that is named, ended there, and one more that goes on.

All of them are forked from one that has loaded everything, so that only the first one's start is slow.
"""

from __future__ import annotations

import ctypes
import os
import signal
import sys

from girih.api.server import main

PR_SET_PDEATHSIG = 1


def live(point: str) -> int:
    """One life; gives its exit code."""
    pid = os.fork()
    if pid == 0:
        ctypes.CDLL(None).prctl(PR_SET_PDEATHSIG, signal.SIGKILL)
        os.environ["GIRIH_CRASH_AT"] = point
        os._exit(main())
    return os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1])


if __name__ == "__main__":
    for point in sys.argv[1:]:
        if live(point) != 9:
            sys.exit(1)
    sys.exit(main())

"""Run as a script between a parent and its child: change the user, tie the child's life to the parent's, become it.

`python -I -S tie.py PARENT_PID SIGNAL UID:GID|- COMMAND…`. It imports nothing of girih, so that it takes 20 ms, and
does what `preexec_fn` would do without forking a process that has threads.
"""

from __future__ import annotations

import ctypes
import os
import sys

_PR_SET_PDEATHSIG = 1


def main(parent: int, number: int, owner: str, command: list[str]) -> None:
    """Never returns: either the process is the command now, or it ended because its parent already had."""
    if owner != "-":
        uid, gid = (int(part) for part in owner.split(":"))
        os.setgroups([])
        os.setgid(gid)
        os.setuid(uid)
    if sys.platform == "linux":  # after the change of user, which would clear it
        ctypes.CDLL(None).prctl(_PR_SET_PDEATHSIG, number, 0, 0, 0)
    if os.getppid() != parent:
        sys.exit(1)
    os.execv(command[0], command)  # noqa: S606 - the parent's own command, no shell


if __name__ == "__main__":
    main(int(sys.argv[1]), int(sys.argv[2]), sys.argv[3], sys.argv[4:])

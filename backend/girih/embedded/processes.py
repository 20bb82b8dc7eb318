"""Child processes that end with their parent, write to a log file, and can be told from strangers with the same pid."""

from __future__ import annotations

import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from pathlib import Path

from girih.embedded.unprivileged import OsUser

_TIE = str(Path(__file__).with_name("tie.py"))
_SPAWNER = ThreadPoolExecutor(max_workers=1, thread_name_prefix="girih-spawner")
"""Starts every child: to Linux the parent of a process is a *thread*, so it has to be one that stays."""


def spawn(
    command: Sequence[str | Path],
    *,
    log: Path,
    cwd: Path | None = None,
    env: Mapping[str, str] | None = None,
    user: OsUser | None = None,
    on_parent_death: signal.Signals = signal.SIGKILL,
) -> subprocess.Popen[bytes]:
    """Start a child in a session of its own, its output appended to `log`.

    It works as `user`, and on Linux the kernel sends it `on_parent_death` when this process ends, however it ends.
    """
    log.parent.mkdir(parents=True, exist_ok=True)
    tie = tied(command, on_parent_death, user)

    def start() -> subprocess.Popen[bytes]:
        with log.open("ab") as output:
            return subprocess.Popen(  # noqa: S603 - the callers' own commands, no shell
                tie,
                stdin=subprocess.DEVNULL,
                stdout=output,
                stderr=subprocess.STDOUT,
                cwd=cwd,
                env=dict(env) if env is not None else None,
                start_new_session=True,
            )

    return _SPAWNER.submit(start).result()


def tied(command: Sequence[str | Path], on_parent_death: signal.Signals, user: OsUser | None = None) -> list[str]:
    """The command that starts another one, which is sent a signal when this process ends, and works as `user`."""
    owner = f"{user.uid}:{user.gid}" if user else "-"
    tie = [sys.executable, "-I", "-S", _TIE, str(os.getpid()), str(int(on_parent_death)), owner]
    return [*tie, *(str(part) for part in command)]


def end(process: subprocess.Popen[bytes], how: Sequence[tuple[signal.Signals, float]]) -> None:
    """Send each signal in turn and give the child its seconds to end, until it has; then kill its whole group."""
    for number, seconds in how:
        if process.poll() is not None:
            return
        process.send_signal(number)
        with suppress(subprocess.TimeoutExpired):
            process.wait(timeout=seconds)
            return
    with suppress(ProcessLookupError):
        os.killpg(process.pid, signal.SIGKILL)
    process.wait()


def alive(pid: int) -> bool:
    """Whether a process of that pid exists (a zombie does not count where `/proc` tells)."""
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    except PermissionError:
        return True
    status = Path(f"/proc/{pid}/stat")
    with suppress(OSError):
        return status.read_text().rpartition(")")[2].split()[0] != "Z"
    return True


def command_line(pid: int) -> str:
    """The command a pid runs, arguments joined by spaces; empty when there is none or it cannot be seen."""
    file = Path(f"/proc/{pid}/cmdline")
    if file.exists():
        with suppress(OSError):
            return file.read_bytes().replace(b"\0", b" ").decode(errors="replace").strip()
        return ""
    with suppress(OSError):
        shown = subprocess.run(["ps", "-p", str(pid), "-o", "command="], capture_output=True, text=True, check=False)  # noqa: S603, S607 - `ps` wherever the system keeps it
        return shown.stdout.strip()
    return ""


def free_port(host: str = "127.0.0.1") -> int:
    """A TCP port nobody listens on right now."""
    with socket.socket() as probe:
        probe.bind((host, 0))
        return int(probe.getsockname()[1])


def listening(port: int, host: str = "127.0.0.1") -> bool:
    """Whether something accepts connections there."""
    with socket.socket() as probe:
        probe.settimeout(1)
        return probe.connect_ex((host, port)) == 0


def wait_until(condition: Callable[[], bool], seconds: float = 30.0) -> bool:
    """Poll every 10 ms until `condition` holds; whether it did in time."""
    deadline = time.monotonic() + seconds
    while not condition():
        if time.monotonic() > deadline:
            return False
        time.sleep(0.01)
    return True


def write_private(path: Path, content: str) -> None:
    """Write a file that only its owner reads (mode 600), complete or not at all."""
    partial = path.with_name(f".{path.name}.part")
    partial.unlink(missing_ok=True)
    with os.fdopen(os.open(partial, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "w") as file:
        file.write(content)
    partial.replace(path)


def tail(log: Path, lines: int = 5, *, since: int = 0) -> str:
    """The last lines of a log after its first `since` bytes, for a message why something did not start."""
    if not log.is_file():
        return ""
    return "\n".join(log.read_bytes()[since:].decode(errors="replace").splitlines()[-lines:])

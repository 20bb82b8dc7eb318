"""A private Valkey (the Redis protocol) on this machine, its data in an append-only file."""

from __future__ import annotations

import re
import secrets
import signal
import socket
import subprocess
from dataclasses import dataclass, field
from pathlib import Path

from girih.embedded.binaries import valkey_binary
from girih.embedded.processes import (
    alive,
    command_line,
    end,
    free_port,
    listening,
    spawn,
    tail,
    wait_until,
    write_private,
)
from girih.errors import Unavailable

HOST = "127.0.0.1"

# The title stays the command line, so that a pid can be told from a stranger's.
_CONFIG = """\
bind {host}
port {port}
requirepass {password}
dir "{home}"
pidfile "{home}/valkey.pid"
set-proc-title no
appendonly yes
save ""
maxmemory-policy noeviction
"""


@dataclass
class ValkeyServer:
    """A running server; `url` holds its password."""

    url: str = field(repr=False)
    pid: int
    _process: subprocess.Popen[bytes] | None = None

    def running(self) -> bool:
        """Whether the server is still there."""
        return alive(self.pid) if self._process is None else self._process.poll() is None

    def stop(self) -> None:
        """End the server with everything written; one that was already running when it was asked for stays."""
        if self._process is not None:
            end(self._process, ((signal.SIGTERM, 10.0),))


def start_valkey(data_dir: Path, *, log: Path | None = None) -> ValkeyServer:
    """Start the server whose files lie in `data_dir`, on the port it had last or a free one, and wait until it answers.

    One that already runs on these files is used as it is. Raises `Unavailable` when it does not come up.
    """
    home = data_dir.absolute()
    home.mkdir(parents=True, exist_ok=True)
    config = home / "valkey.conf"
    port, password = _configured(config)
    pid = _running(home, config)
    if pid is not None and wait_until(lambda: not alive(pid) or _answers(port, password)) and alive(pid):
        return ValkeyServer(_url(port, password), pid)
    port = free_port(HOST) if not port or listening(port, HOST) else port
    password = password or secrets.token_urlsafe(24)
    write_private(config, _CONFIG.format(host=HOST, port=port, password=password, home=home))
    log = log or home / "valkey.log"
    process = spawn([valkey_binary(), config], log=log, cwd=home, on_parent_death=signal.SIGTERM)
    if not wait_until(lambda: process.poll() is not None or _answers(port, password)) or process.poll() is not None:
        end(process, ())
        raise Unavailable(f"the embedded Valkey did not start:\n{tail(log)}", help=f"its whole log is {log}")
    return ValkeyServer(_url(port, password), process.pid, process)


def _url(port: int, password: str) -> str:
    return f"redis://:{password}@{HOST}:{port}/0"


def _configured(config: Path) -> tuple[int, str]:
    """Port and password of the last start; 0 and nothing when there was none."""
    text = config.read_text() if config.exists() else ""
    port = re.search(r"^port (\d+)$", text, re.MULTILINE)
    password = re.search(r"^requirepass (\S+)$", text, re.MULTILINE)
    return int(port[1]) if port else 0, password[1] if password else ""


def _running(home: Path, config: Path) -> int | None:
    """The pid of a server that works on this folder, if one does."""
    try:
        pid = int((home / "valkey.pid").read_text())
    except (OSError, ValueError):
        return None
    return pid if alive(pid) and str(config) in command_line(pid) else None


def _answers(port: int, password: str) -> bool:
    """Whether the server takes the password and says that it is ready (and not still loading its file)."""
    try:
        with socket.create_connection((HOST, port), timeout=1) as connection:
            connection.sendall(f"AUTH {password}\r\nPING\r\n".encode())
            answer = b""
            while answer.count(b"\r\n") < 2 and (part := connection.recv(256)):
                answer += part
            return answer == b"+OK\r\n+PONG\r\n"
    except OSError:
        return False

"""A private PostgreSQL with pgvector on this machine: made once, started in a fraction of a second after that."""

from __future__ import annotations

import signal
import subprocess
from dataclasses import dataclass, field
from pathlib import Path

from girih.embedded.binaries import postgres_installation
from girih.embedded.cluster import Cluster, Credentials, open_cluster
from girih.embedded.processes import alive, command_line, end, free_port, listening, spawn, tail, wait_until
from girih.errors import Conflict, Unavailable

HOST = "127.0.0.1"

_SETTINGS = {
    "listen_addresses": HOST,
    "unix_socket_directories": "",
    "max_connections": "200",
    "shared_buffers": "64MB",
    "max_wal_size": "512MB",
    "io_method": "sync",
    "jit": "off",
    "timezone": "UTC",
    "log_timezone": "UTC",
}
_NOT_DURABLE = {"fsync": "off", "synchronous_commit": "off", "full_page_writes": "off"}
_STOP = ((signal.SIGINT, 20.0), (signal.SIGQUIT, 5.0))
"""Fast shutdown first (open sessions are ended, everything is written), then without a checkpoint."""


@dataclass
class PostgresServer:
    """A running server. `owner_url` migrates, `app_url` is all the application needs, `admin_url` is for operators."""

    owner_url: str = field(repr=False)
    app_url: str = field(repr=False)
    admin_url: str = field(repr=False)
    port: int
    pid: int
    _process: subprocess.Popen[bytes] | None = None

    def running(self) -> bool:
        """Whether the server is still there."""
        return alive(self.pid) if self._process is None else self._process.poll() is None

    def stop(self) -> None:
        """End the server with everything written; one that was already running when it was asked for stays."""
        if self._process is not None:
            end(self._process, _STOP)


def start_postgres(
    data_dir: Path, port: int | None = None, *, durable: bool = True, log: Path | None = None
) -> PostgresServer:
    """Start the server whose files lie in `data_dir` (made on first use), on `port` or a free one, and wait for it.

    Started by root, it runs as an unprivileged user. A server that already runs on these files is used as it is.
    `durable=False` (for tests) gives up crash safety for speed. Raises `Conflict` when `port` is taken and
    `Unavailable` when the server does not come up, with the end of its log (`log`, default beside the data).
    """
    cluster = open_cluster(data_dir, postgres_installation())
    found = _already_running(cluster)
    if found is not None:
        return _describe(cluster.credentials, *found, process=None)
    if port is not None and listening(port, HOST):
        raise Conflict(f"port {port} is taken, PostgreSQL cannot listen there", help="choose another one")
    chosen = port or free_port(HOST)
    log = log or cluster.home / "postgres.log"
    settings = _SETTINGS | {"port": str(chosen)} | ({} if durable else _NOT_DURABLE)
    options = [part for name, value in settings.items() for part in ("-c", f"{name}={value}")]
    process = spawn(
        [cluster.program("postgres"), "-D", cluster.data, *options],
        log=log,
        cwd=cluster.home,
        env=cluster.environment,
        user=cluster.user,
        on_parent_death=signal.SIGINT,
    )
    if not wait_until(lambda: _status(cluster) == (process.pid, chosen, "ready") or process.poll() is not None):
        end(process, _STOP)
    if process.poll() is not None:
        raise Unavailable(f"the embedded PostgreSQL did not start:\n{tail(log)}", help=f"its whole log is {log}")
    return _describe(cluster.credentials, process.pid, chosen, process)


def _describe(credentials: Credentials, pid: int, port: int, process: subprocess.Popen[bytes] | None) -> PostgresServer:
    def url(role: str, password: str, database: str) -> str:
        return f"postgresql://{role}:{password}@{HOST}:{port}/{database}"

    return PostgresServer(
        owner_url=url("girih_owner", credentials.owner, "girih"),
        app_url=url("girih_app", credentials.app, "girih"),
        admin_url=url("postgres", credentials.admin, "postgres"),
        port=port,
        pid=pid,
        _process=process,
    )


def _already_running(cluster: Cluster) -> tuple[int, int] | None:
    """Pid and port of a server that runs on these files already; waits for one that is just coming up or going down.

    A pid file whose process is gone, or is another program by now, is removed: PostgreSQL itself takes any process
    of that number for a server, and after a crash in a container the numbers repeat.
    """
    status = _status(cluster)
    if status is None:
        return None
    if not _is_server(cluster, status[0]):
        cluster.pid_file.unlink(missing_ok=True)
        return None
    if not wait_until(
        lambda: _status(cluster) is None or _status(cluster) == (*status[:2], "ready") or not alive(status[0])
    ):
        raise Conflict(
            f"another PostgreSQL (pid {status[0]}) holds {cluster.data} and does not get ready",
            help=f"look at its log in {cluster.home}, or end it with `kill -INT {status[0]}`",
        )
    return status[:2] if _is_server(cluster, status[0]) else None


def _is_server(cluster: Cluster, pid: int) -> bool:
    return alive(pid) and str(cluster.data) in command_line(pid)


def _status(cluster: Cluster) -> tuple[int, int, str] | None:
    """Pid, port and state (`starting`, `ready`, `stopping`) as the server wrote them; `None` when there is no file."""
    try:
        lines = cluster.pid_file.read_text().splitlines()
    except OSError:
        return None
    if len(lines) < 4 or not lines[0].isdigit():
        return (int(lines[0]), 0, "starting") if lines and lines[0].isdigit() else None
    return int(lines[0]), int(lines[3] or 0), lines[7].strip() if len(lines) > 7 else "starting"

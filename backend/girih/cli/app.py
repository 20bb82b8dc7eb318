"""`girih`: finds the command, loads only that one, and turns every fault into one sentence and an exit code."""

from __future__ import annotations

import gc
import importlib
import os
import sys
from collections.abc import Mapping, Sequence
from typing import Annotated, Any

import typer
from typer.core import TyperCommand, TyperGroup
from typer.exceptions import TyperException

from girih.cli.output import INTERRUPTED, USAGE, complain, exit_code_of
from girih.errors import GirihError, Unavailable

COMMANDS: Mapping[str, str] = {
    "new": "Make a workspace with a first graph, ready to run.",
    "validate": "Check specs and say everything that is wrong with them.",
    "explain": "Explain a diagnostic code: `girih explain E101`.",
    "fmt": "Lay specs out, with every comment and the same meaning.",
    "migrate": "Bring specs to the newest version of the language.",
    "test": "Run the tests beside graphs, without a server.",
    "graph": "Draw a graph: as text, Mermaid or SVG.",
    "schema": "Print or write the JSON Schemas that editors use.",
    "lsp": "Serve an editor while specs are written.",
    "diff": "Compare two versions of a graph by what they do.",
    "plan": "Say what publishing a workspace would change, and what it would break.",
    "apply": "Publish what changed in a workspace, all or nothing.",
    "publish": "Point an alias such as prod at a version, or give the version a share.",
    "rollback": "Lead an alias back to the version it pointed at before.",
    "history": "Show where an alias was led, by whom and when.",
    "protect": "Let moves of an alias wait for a second person.",
    "approvals": "List the moves that wait for a second person.",
    "approve": "Approve a move that somebody else asked for.",
    "refuse": "Refuse a move, or withdraw your own.",
    "versions": "List the versions of an agent.",
    "deprecate": "Say that a version should be used no more.",
    "yank": "Take a version off the shelf: nothing new may use it.",
    "restore": "Take back that a version is deprecated or yanked.",
    "gc": "Remove versions that nothing refers to.",
    "pull": "Write what the server has as files, and show where they differ.",
    "bundle": "Export a version with all it is locked to as one file, or import one.",
    "verify": "Check who signed a version or a bundle, and that nothing was changed.",
    "signing-keys": "Print the public keys that a server signs versions with.",
    "run": "Run an agent and show its answer as it comes.",
    "runs": "List runs, how they stand, and what they wait for.",
    "interrupts": "List what runs wait for, and how to answer it.",
    "answer": "Answer what a run waits for.",
    "threads": "List threads, and show what one holds.",
    "schedules": "Make, list and pause the runs that the clock starts.",
    "retention": "Show and set how long is kept what has ended.",
    "trace": "Show what a run did, as a tree.",
    "usage": "Show what model calls used and cost.",
    "setup-token": "Print the token that a fresh installation is set up with.",
    "secrets": "Set, list and delete secrets, and rotate the keys they are kept under.",
    "keys": "List, make, rotate and revoke API keys, and limit what each may do.",
    "members": "List and invite the members of the organization, and say what they may do.",
    "issuers": "Let the users of an app call with the tokens that its own provider gives them.",
    "service-accounts": "Give programs roles, and keys that may do no more than these.",
    "organization": "Show, export, divide or end the organization; suspend one as the operator.",
    "audit": "Show who did what in the organization, and verify the log.",
    "data-stores": "Let collections follow sources, and sync them.",
    "ingest": "Bring files and folders into a collection.",
    "documents": "List, show, download, move and delete documents.",
    "search": "Search in a collection, and show how hits were found.",
    "collections": "List collections, and build, switch and roll back their indexes.",
    "pipelines": "List pipelines, and show one.",
    "models": "List models, bind them to what answers here, and try them.",
    "tools": "List tools and try one; import those of MCP servers and API descriptions.",
    "eval": "Measure how well searches answer questions with known answers.",
    "backup": "Write an installation into one file, check it, and restore it.",
    "dev": "Run everything on this machine, with embedded servers.",
    "doctor": "Check what girih needs on this machine.",
}
"""Every command and its line in the help. Its code is `girih.cli.NAME`, loaded when the command is called."""

_EPILOG = (
    "Exit codes: 0 ok, 1 findings or failed run, 2 usage, 3 changes pending, 4 unreachable or unauthorized, "
    "5 conflict, 6 the run waits for an answer, or the move for approval, 130 interrupted."
)


class LazyGroup(TyperGroup):
    """A group that knows its commands by name and loads one when it is called, so that `--help` stays fast."""

    def list_commands(self, ctx: Any) -> list[str]:  # noqa: ARG002 - typer calls it so
        """The names, in the order of the table."""
        return list(COMMANDS)

    def get_command(self, ctx: Any, cmd_name: str) -> Any:  # noqa: ARG002 - typer calls it so
        """The command of that name; `None` for an unknown one."""
        return load_command(cmd_name) if cmd_name in COMMANDS else None

    def format_commands(self, ctx: Any, formatter: Any) -> None:  # noqa: ARG002 - typer calls it so
        """The table as it stands here, without loading anything."""
        with formatter.section("Commands"):
            formatter.write_dl(list(COMMANDS.items()))


def load_command(name: str) -> TyperCommand:
    """The command of that name, from its own module. Raises `Unavailable` when an optional package is missing."""
    place = name.replace("-", "_")
    try:
        module = importlib.import_module(f"girih.cli.{place}")
    except ModuleNotFoundError as error:
        if (error.name or "").partition(".")[0] == "girih":
            raise
        raise Unavailable(
            f"`girih {name}` needs the package '{error.name}', which is not installed",
            help="pip install 'girih[server]'",
        ) from error
    finally:
        gc.freeze()
        gc.enable()
    app = typer.Typer(rich_markup_mode=None, add_completion=False)
    app.command(name)(getattr(module, place))
    command = typer.main.get_command(app)
    if not isinstance(command, TyperCommand):
        raise TypeError(f"girih.cli.{name} is a group, not a command")
    return command


def _show_version(value: bool) -> None:
    if value:
        # Loaded by name: only this option needs it, and it costs a fifth of what `--help` may take.
        metadata = importlib.import_module("importlib.metadata")
        typer.echo(f"girih {metadata.version('girih')}")
        raise typer.Exit


def _root(
    version: Annotated[
        bool, typer.Option("--version", callback=_show_version, is_eager=True, help="Show the version and stop.")
    ] = False,
) -> None:
    """Write agents in YAML, have them proven, run them durably."""


def make_app() -> Any:
    """The whole command line, as one command to call."""
    app = typer.Typer(rich_markup_mode=None, add_completion=True, no_args_is_help=True, epilog=_EPILOG, cls=LazyGroup)
    app.callback()(_root)
    command: Any = typer.main.get_command(app)
    command.commands = dict.fromkeys(COMMANDS)
    return command


def _is_broken(text: str) -> bool:
    """Whether an argument holds bytes that are no text; the system hands them over as halves of characters."""
    return any("\ud800" <= character <= "\udfff" for character in text)


def run(args: Sequence[str]) -> int:
    """Run one command and return its exit code; faults that girih can explain are explained on stderr."""
    if unreadable := next((text for text in args if _is_broken(text)), None):
        complain(f"{unreadable!a} is not UTF-8 text", "give it as UTF-8, or in a file")
        return USAGE
    try:
        result = make_app().main(args=list(args), prog_name="girih", standalone_mode=False)
        sys.stdout.flush()
    except TyperException as error:
        show = getattr(error, "show", None)
        show() if show else complain(str(error))
        return error.exit_code
    except GirihError as error:
        complain(error.message, error.help)
        return exit_code_of(error)
    except (KeyboardInterrupt, typer.Abort):
        return INTERRUPTED
    except BrokenPipeError:
        # Nobody reads on; without this the interpreter would complain about it once more while it ends.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return 1
    return result if isinstance(result, int) else 0

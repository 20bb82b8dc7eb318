"""`girih graph FILE`: a graph as a picture, a Mermaid flowchart or lines of text."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Annotated, Literal

import typer

from girih.cli.findings import counted, show
from girih.cli.output import FINDINGS, data, note
from girih.errors import InvalidInput
from girih.language.charts.chart import Chart, chart_of
from girih.language.charts.mermaid import mermaid
from girih.language.charts.outline import outline
from girih.language.charts.svg import svg
from girih.language.compiler.folder import read_folder
from girih.language.compiler.pipeline import compile_workspace
from girih.language.compiler.plan import Plan
from girih.language.spec.suggest import hint

Format = Literal["text", "mermaid", "svg"]

_DRAW: Mapping[Format, Callable[[Chart], str]] = {"text": outline, "mermaid": mermaid, "svg": svg}
_FORMATS: Mapping[str, Format] = {".svg": "svg", ".mmd": "mermaid", ".mermaid": "mermaid"}


def graph(
    path: Annotated[Path, typer.Argument(metavar="FILE", exists=True, help="A graph's file, or a folder of specs.")],
    name: Annotated[str | None, typer.Argument(help="Which graph of the folder.")] = None,
    format: Annotated[Format | None, typer.Option("--format", help="How to draw; text, unless --output says.")] = None,
    output: Annotated[
        Path | None, typer.Option("--output", "-o", dir_okay=False, help="Write it into a file: .svg, .mmd, .txt.")
    ] = None,
    workspace: Annotated[
        Path | None, typer.Option("--workspace", exists=True, file_okay=False, help="The folder the file belongs to.")
    ] = None,
) -> None:
    """Draw a graph: its nodes, where each leads and when, what runs side by side.

    The graph has to compile; what is wrong with it is shown otherwise, and nothing is drawn. Nothing is run.
    """
    folder = path if path.is_dir() else workspace or path.parent
    plan = _plan(folder, None if path.is_dir() else path, name)
    chosen = format or _FORMATS.get(output.suffix.lower() if output else "", "text")
    drawn = _DRAW[chosen](chart_of(plan))
    if output is None:
        data(drawn)
    else:
        output.write_text(drawn, "utf-8")
        note(f"wrote {output}")


def _plan(folder: Path, file: Path | None, name: str | None) -> Plan:
    files = read_folder(folder)
    made = compile_workspace(files)
    plans = dict(made.plans)
    wrong = [found for found in made.diagnostics if found.severity == "error"]
    if file is not None:
        inside = file.resolve().relative_to(folder.resolve()).as_posix()
        plans = {known: plan for known, plan in plans.items() if made.sources.get(known) == inside}
        wrong = [found for found in wrong if found.place.file == inside]
    if name is not None:
        plans = {name: plans[name]} if name in plans else {}
    if len(plans) == 1:
        return next(iter(plans.values()))
    if not plans and wrong:
        show(wrong, files.files)
        note(f"{counted(wrong)}: nothing is drawn")
        raise typer.Exit(FINDINGS)
    if plans:
        raise InvalidInput(f"'{folder}' holds {len(plans)} graphs", help=f"name one of: {', '.join(sorted(plans))}")
    missing = f"no graph '{name}'" if name else "no graph"
    raise InvalidInput(f"there is {missing} in '{file or folder}'", help=hint(name or "", made.plans, "graphs"))

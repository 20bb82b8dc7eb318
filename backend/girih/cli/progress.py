"""How far documents are: moving bars on a terminal, one plain line per change everywhere else. Always on stderr."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Protocol

import rich.progress
from rich.console import Console
from rich.markup import escape

from girih.cli.output import note


class Progress(Protocol):
    """Shows the stages of several documents at once."""

    def show(self, name: str, stage: str, done: int, total: int) -> None:
        """A document is in `stage`, `done` of `total` (0 where unknown)."""
        ...

    def end(self, name: str, *, ok: bool, comment: str) -> None:
        """A document is done."""
        ...


@contextmanager
def open_progress(*, sends_only: bool = False) -> Iterator[Progress]:
    """Bars if stderr is a terminal, else lines: with `sends_only` one for each document, which says what became of it.

    That is for documents that nobody follows once they are sent.
    """
    console = Console(stderr=True)
    if not console.is_terminal:
        yield Lines(unsaid="upload" if sends_only else None)
        return
    columns = (
        rich.progress.TextColumn("{task.fields[mark]} {task.description}"),
        rich.progress.BarColumn(bar_width=20),
        rich.progress.TextColumn("{task.fields[note]}"),
    )
    with rich.progress.Progress(*columns, console=console) as bars:
        yield Bars(bars)


class Lines:
    """One line when a document enters a stage, but for one that is left `unsaid`."""

    def __init__(self, unsaid: str | None = None) -> None:
        self._stage: dict[str, str] = {}
        self._unsaid = unsaid

    def show(self, name: str, stage: str, done: int, total: int) -> None:
        """Say so, unless it was said."""
        if stage in (self._stage.get(name), self._unsaid):
            return
        self._stage[name] = stage
        note(f"{name}: {stage}" + (f" ({done} of {total})" if total else ""))

    def end(self, name: str, *, ok: bool, comment: str) -> None:
        """Say how it ended."""
        note(f"{name}: {'ready' if ok else 'failed'}" + (f" ({comment})" if comment else ""), "ok" if ok else "error")


class Bars:
    """One bar per document."""

    def __init__(self, bars: rich.progress.Progress) -> None:
        self._bars = bars
        self._tasks: dict[str, rich.progress.TaskID] = {}

    def show(self, name: str, stage: str, done: int, total: int) -> None:
        """Move the document's bar."""
        share = f"{stage} {done}/{total}" if total else stage
        self._bars.update(self._task(name), completed=done, total=total or None, note=escape(share))

    def end(self, name: str, *, ok: bool, comment: str) -> None:
        """Fill the bar, or mark it."""
        mark = "[green]✓[/]" if ok else "[red]✗[/]"
        self._bars.update(self._task(name), completed=1, total=1, mark=mark, note=escape(comment))

    def _task(self, name: str) -> rich.progress.TaskID:
        if name not in self._tasks:
            self._tasks[name] = self._bars.add_task(escape(name), total=None, mark=" ", note="")
        return self._tasks[name]

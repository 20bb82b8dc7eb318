"""The tour of `girih dev --demo`: the main job on real input, each step the command that anyone would type."""

from __future__ import annotations

import os
import shlex
import sys
from collections.abc import Mapping
from pathlib import Path

from girih.cli.dev_watch import girih
from girih.cli.output import wants_color
from girih.language.spec.tree import JsonObject

QUESTIONS = (
    "Within how many days can I send something back?",
    "When is a parcel late?",
    "Which telephone number has the office in Madrid?",
)
"""The last one is not in the handbook, and the answer has to say so."""

TRIAGE: JsonObject = {"customer_id": "C-1001", "message": "My compass arrived damaged. I want my money back, please."}

MISTAKES = Path(__file__).with_name("three_mistakes.yaml")


class Guide:
    """Prints headings, types commands, and remembers whether each ended as it should."""

    def __init__(self, environment: Mapping[str, str]) -> None:
        self._environment = environment
        self._surprises: list[str] = []
        self._step = 0

    def heading(self, title: str, explanation: str) -> None:
        """The next step's name, and what to look at."""
        self._step += 1
        line = f"── {self._step}  {title} "
        rule = line + "─" * max(0, 96 - len(line))
        if wants_color(sys.stdout):
            rule = f"\x1b[1m{rule}\x1b[0m"
        print(f"{rule}\n{explanation}\n")

    def type(self, *arguments: str, expect: int = 0) -> None:
        """Run one command of girih, shown as it would be typed."""
        shown = shlex.join(["girih", *arguments])
        print(f"$ {shown}")
        code = girih(list(arguments), self._environment)
        print()
        if code != expect:
            self._surprises.append(f"`{shown}` ended with {code} instead of {expect}")

    def conclude(self) -> int:
        """Say how it went; the exit code."""
        for surprise in self._surprises:
            print(f"the demo did not go as it should: {surprise}")
        if not self._surprises:
            print("That was the main job: published, ingested, answered with citations, traced, proven.")
        sys.stdout.flush()
        return 1 if self._surprises else 0


def tour(workspace: Path, environment: Mapping[str, str]) -> int:
    """Show the main job on the example workspace; 0 when every step ended as it should."""
    guide = Guide(environment)
    guide.heading("Publish", "The compiler checks every file of the workspace; what changed becomes a new version.")
    guide.type("apply", str(workspace))
    guide.heading("Ingest", "The Celery worker parses, chunks, embeds and stores each document in pgvector.")
    guide.type("ingest", "handbook", str(workspace / "handbook"))
    guide.heading("Ask", "Answers stream with the places they cite. The handbook does not know the last one.")
    for question in QUESTIONS:
        guide.type("run", "handbook", "--input", f"question={question}", "--trace")
    guide.heading("Decide", "A fork of search and a real HTTP call, conditions, and another graph as one step.")
    inputs = [part for name, value in TRIAGE.items() for part in ("--input", f"{name}={value}")]
    guide.type("run", "triage", *inputs, "--trace")
    guide.heading("Prove", "A file with three mistakes: all found at once, each at its place, nothing is published.")
    guide.type("validate", os.path.relpath(MISTAKES), expect=1)
    return guide.conclude()

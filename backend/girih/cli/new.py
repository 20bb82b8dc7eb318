"""`girih new DIR`: a workspace with a first graph, a model and a prompt, ready to validate and run."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from girih.cli.output import note
from girih.cli.schema import write_schemas
from girih.errors import Conflict, InvalidInput

_HELLO = """\
# yaml-language-server: $schema=schemas/graph.schema.json
kind: graph/v1
name: hello
title: Hello
description: Answers one question with one model call.
inputs:
  question: { type: string, minLength: 1, description: What to answer }
  language: { enum: [English, Deutsch], default: English }
chat: { input: question, output: text }
use:
  small: model://small
nodes:
  answer:
    llm: small
    system: "You are friendly and brief. Answer in ${ inputs.language }."
    prompt: { file: prompts/answer.md, with: { question: "${ inputs.question }" } }
    next: $end
outputs:
  text: "${ answer.text }"
"""
_MODEL = """\
# yaml-language-server: $schema=../schemas/model.schema.json
kind: model/v1
name: small
description: The model for short answers.
provider: default # OpenAI-compatible when OPENAI_API_KEY is set, else the built-in demo model
params: { temperature: 0 }
"""
_PROMPT = """\
Answer this question in one or two sentences.

Question: {{ question }}
"""
_README = """\
# A girih workspace

| file | what it is |
|---|---|
| `hello.yaml` | a graph: published under its name, run by its name |
| `models/small.yaml` | the model that the graph calls `model://small` |
| `prompts/answer.md` | the prompt, with the data that the graph passes to it |
| `schemas/` | JSON Schemas for your editor; `girih schema --write schemas` renews them |

```
girih validate .                                   # everything that is wrong, with its line
girih dev                                          # the servers, on this machine (keep it running)
girih apply .                                      # publish what changed
girih run hello --input question="What is girih?"
```

Without a key the built-in demo model answers. For a real one: `export OPENAI_API_KEY=…` before `girih dev`.
"""
FILES = {
    "hello.yaml": _HELLO,
    "models/small.yaml": _MODEL,
    "prompts/answer.md": _PROMPT,
    "README.md": _README,
    ".gitignore": ".girih/\n",
}
"""Every file of a new workspace but the generated schemas."""


def new(folder: Annotated[Path, typer.Argument(help="The folder to make.")]) -> None:
    """Make a workspace with a first graph, ready to run. Nothing that is there is ever overwritten."""
    make_workspace(folder)
    note(f"made the workspace '{folder}'", "ok")
    note(f"next: girih validate {folder}, then girih dev, and in a second terminal girih apply {folder}")


def make_workspace(folder: Path) -> None:
    """Write the files of a new workspace. Raises `Conflict` if one of them, or a file in its way, is there."""
    if folder.exists() and not folder.is_dir():
        raise InvalidInput(f"'{folder}' is a file", help="give the name of a folder")
    there = [name for name in (*FILES, "schemas") if (folder / name).exists() and name != ".gitignore"]
    if there:
        raise Conflict(f"'{folder}' already has {', '.join(there)}", help="give an empty folder, or a new name")
    for name, text in FILES.items():
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        if not path.exists():
            path.write_text(text, "utf-8")
    write_schemas(folder / "schemas")

"""The files of a new workspace: a first graph with its tests, a model, a prompt, and what an editor needs."""

from __future__ import annotations

import json
from collections.abc import Mapping

_GRAPH = """\
# yaml-language-server: $schema=schemas/graph.schema.json
kind: graph/v1
name: AGENT
title: TITLE
description: Answers one question with one model call.
inputs:
  question: { type: string, minLength: 1, description: What to answer }
  language: { enum: [English, Deutsch], default: English }
chat: { input: question, output: text }
use:
  model: model://MODEL
nodes:
  answer:
    llm: model
    system: "You are friendly and brief. Answer in ${ inputs.language }."
    prompt: { file: prompts/answer.md, with: { question: "${ inputs.question }" } }
    next: $end
outputs:
  text: "${ answer.text }"
tests:
  - name: the model's answer is the output
    given: { question: What is girih? }
    mock: { answer: { text: A pattern of knots. } }
    expect: { path: [answer], outputs: { text: A pattern of knots. } }
  - name: without its model it fails
    given: { question: What is girih? }
    mock: { answer: { $error: unavailable } }
    expect: { error: { kind: unavailable, node: answer } }
"""
_MODEL = """\
# yaml-language-server: $schema=../schemas/model.schema.json
kind: model/v1
name: MODEL
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
| `AGENT.yaml` | a graph with its tests: published under its name, run by its name |
| `models/MODEL.yaml` | the model that the graph calls `model://MODEL` |
| `prompts/answer.md` | the prompt, with the data that the graph passes to it |
| `schemas/` | JSON Schemas for your editor; `girih schema --write schemas` renews them |
| `.vscode/` | tells VS Code and its kin which schema is for which file |

While you write, without a server:

```
girih validate .                 # everything that is wrong, with its line
girih test . --watch             # the tests beside the graphs, again whenever a file changes
girih fmt .                      # the one layout, with every comment
girih graph AGENT.yaml           # a drawing of the graph
```

And then:

```
girih dev .                      # the servers, on this machine (keep it running); publishes what you save
girih run AGENT --input question="What is girih?"
```

Without a key the built-in demo model answers. For a real one: `export OPENAI_API_KEY=…` before `girih dev`.
"""
_SETTINGS = {
    "yaml.schemas": {
        "schemas/graph.schema.json": [
            "*.yaml",
            "!models/*.yaml",
            "!tools/*.yaml",
            "!collections/*.yaml",
            "!pipelines/*.yaml",
            "!cases/*.yaml",
            "!.github/**",
        ],
        "schemas/model.schema.json": ["models/*.yaml"],
        "schemas/tool.schema.json": ["tools/*.yaml"],
        "schemas/collection.schema.json": ["collections/*.yaml"],
        "schemas/pipeline.schema.json": ["pipelines/*.yaml"],
    },
    "yaml.format.enable": False,
    "[yaml]": {"editor.insertSpaces": True, "editor.tabSize": 2},
}
_EXTENSIONS = {"recommendations": ["redhat.vscode-yaml"]}


def new_files(agent: str, model: str) -> Mapping[str, str]:
    """Every file of a new workspace but the generated schemas: path to text."""
    title = agent.replace("-", " ").replace(".", " ").capitalize()
    texts = {
        f"{agent}.yaml": _GRAPH,
        f"models/{model}.yaml": _MODEL,
        "prompts/answer.md": _PROMPT,
        "README.md": _README,
        ".gitignore": ".girih/\n",
        ".vscode/settings.json": json.dumps(_SETTINGS, indent=2) + "\n",
        ".vscode/extensions.json": json.dumps(_EXTENSIONS, indent=2) + "\n",
    }
    words = {"AGENT": agent, "MODEL": model, "TITLE": title}
    return {path: _filled(text, words) for path, text in texts.items()}


def _filled(text: str, words: Mapping[str, str]) -> str:
    for word, value in words.items():
        text = text.replace(word, value)
    return text

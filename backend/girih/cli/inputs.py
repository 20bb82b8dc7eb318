"""Inputs of agents on the command line: pairs of names and values, or a file of JSON."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Any

from girih.cli.client import Refused, Server, fail, segment
from girih.cli.output import USAGE
from girih.language.spec import strict_json
from girih.language.spec.tree import JsonObject, JsonValue


def given_inputs(server: Server, agent: str, pairs: list[str], file: Path | None) -> JsonObject:
    """The inputs from pairs `name=value` and a file of JSON; what is no input ends the command."""
    given = _from_file(file) if file is not None else {}
    split = [_pair(text) for text in pairs]
    names = [name for name, _ in split]
    if twice := next((name for name in names if names.count(name) > 1), None):
        fail(f"the input '{twice}' is given twice", "give a list as JSON: --input name='[1, 2]'", code=USAGE)
    if split:
        properties = _declared(server, agent)
        given |= {name: _typed(text, properties.get(name)) for name, text in split}
    return given


def _pair(text: str) -> tuple[str, str]:
    name, equals, value = text.partition("=")
    if not equals or not name:
        fail(f"'{text}' is not an input", "write --input name=value", code=USAGE)
    return name, value


def _from_file(file: Path) -> JsonObject:
    try:
        text = sys.stdin.read() if str(file) == "-" else file.read_text("utf-8-sig")
        found = strict_json.loads(text)
    except OSError as error:
        fail(f"cannot read {file}: {error.strerror}", code=USAGE)
    except ValueError as error:
        fail(f"{file} is not JSON: {error}", code=USAGE)
    if not isinstance(found, dict):
        fail(f"{file} must hold one JSON object, name to value", code=USAGE)
    return found


def _declared(server: Server, agent: str) -> JsonObject:
    """The schemas of the agent's inputs; a server that cannot tell will judge the run itself."""
    try:
        found = server.attempt("GET", f"/v1/agents/{segment(agent)}")
    except Refused:
        return {}
    properties: JsonObject = (found.get("inputs") or {}).get("properties") or {}
    return properties


def _typed(text: str, schema: Any) -> JsonValue:
    """The value that `text` means: text where the input takes text, else JSON."""
    kind = schema.get("type") if isinstance(schema, dict) else "string"
    if kind == "string" or (isinstance(kind, list) and "string" in kind):
        return text
    try:
        return strict_json.loads(text)
    except ValueError:
        return text

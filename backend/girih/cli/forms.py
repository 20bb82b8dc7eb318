"""Questions of runs on the command line: shown, asked on a terminal, and answered as their forms want it."""

from __future__ import annotations

import json
import sys
from collections.abc import Iterable, Iterator
from typing import Any

import typer

from girih.cli.client import Refused, Server, fail
from girih.cli.output import USAGE, harmless, note
from girih.language.spec import strict_json
from girih.language.spec.tree import JsonObject, JsonSchema, JsonValue

FOR_PEOPLE = ("ask", "approve")


def questions(interrupts: Iterable[JsonObject]) -> list[JsonObject]:
    """Those that people can answer."""
    return [one for one in interrupts if one["kind"] in FOR_PEOPLE]


def stops(interrupts: Iterable[JsonObject]) -> list[JsonObject]:
    """The breakpoints among them."""
    return [one for one in interrupts if one["kind"] == "breakpoint"]


def has_terminal() -> bool:
    """Whether somebody is there to be asked."""
    return sys.stdin.isatty() and sys.stderr.isatty()


def described(run_id: str, interrupt: JsonObject) -> Iterator[str]:
    """A question in lines: what it asks, its form, and the command that answers it."""
    yield f"{interrupt['id']}  {interrupt['kind']} in {interrupt['node']}: {interrupt['message']}"
    if interrupt["kind"] in ("approve", "tool"):
        yield f"  {interrupt['details'].get('tool')}({json.dumps(interrupt['details'].get('arguments'))})"
    if interrupt["kind"] in (*FOR_PEOPLE, "tool"):
        fields = _fields(interrupt["schema"])
        values = " ".join(f"{name}={_hint(schema)}" for name, schema in fields) or "--json 'ANSWER'"
        yield f"  girih answer {run_id} {interrupt['id']} {values}"
    if interrupt["kind"] == "breakpoint":
        yield f"  girih answer {run_id}"
    if interrupt.get("expires_at"):
        yield f"  until {interrupt['expires_at'][:19].replace('T', ' ')} UTC"


def asked(interrupt: JsonObject) -> JsonValue:
    """The answer of whoever sits at the terminal, field by field."""
    note("")
    note(f"{interrupt['message']}", "help")
    if interrupt["kind"] == "approve":
        details = interrupt["details"]
        note(f"  {details.get('tool')}: {json.dumps(details.get('arguments'), ensure_ascii=False)}")
    fields = _fields(interrupt["schema"])
    if not fields:
        return _value(_line("answer"), interrupt["schema"])
    required = interrupt["schema"].get("required", ())
    answer: JsonObject = {}
    for name, schema in fields:
        text = _line(_label(name, schema, name in required))
        if text or (name in required and "default" not in schema):
            answer[name] = _value(text, schema)
    return answer


def resume(server: Server, run_id: str, answers: JsonObject) -> str | None:
    """Send answers by id; what is wrong with them, if anything is."""
    try:
        server.attempt("POST", f"/v1/runs/{run_id}/resume", json={"answers": answers})
    except Refused as refused:
        if refused.failure.status == 422:
            return refused.failure.message
        server.give_up(refused.failure)
    return None


def ask_all(server: Server, run_id: str, interrupts: Iterable[JsonObject]) -> None:
    """Ask each question until its answer fits, and send it."""
    for interrupt in interrupts:
        while (fault := resume(server, run_id, {interrupt["id"]: asked(interrupt)})) is not None:
            note(fault, "error")


def let_go(server: Server, run_id: str, stopped: Iterable[JsonObject]) -> None:
    """Let the run go on from where it stopped, once somebody has pressed Enter."""
    places = ", ".join(one["message"] for one in stopped)
    if places:
        _line(f"{places}; press Enter to go on")
        server.call("POST", f"/v1/runs/{run_id}/resume", json={})


def from_pairs(pairs: Iterable[str], schema: JsonSchema) -> JsonObject:
    """The answer that `field=value` arguments mean."""
    fields = dict(_fields(schema))
    answer: JsonObject = {}
    for text in pairs:
        name, equals, value = text.partition("=")
        if not equals or not name:
            fail(f"'{text}' is not a field of an answer", "write field=value, or --json '{…}'", code=USAGE)
        if name in answer:
            fail(f"the field '{name}' is given twice", code=USAGE)
        answer[name] = _value(value, fields.get(name, {}))
    return answer


def _fields(schema: JsonSchema) -> list[tuple[str, JsonSchema]]:
    return list((schema.get("properties") or {}).items())


def _label(name: str, schema: JsonSchema, is_required: bool) -> str:
    parts = [name]
    if schema.get("description"):
        parts.append(f"({schema['description']})")
    parts.append(f"[{_hint(schema)}]")
    if "default" in schema:
        parts.append(f"default {json.dumps(schema['default'], ensure_ascii=False)}")
    elif not is_required:
        parts.append("optional")
    return " ".join(parts)


def _hint(schema: JsonSchema) -> str:
    if "enum" in schema:
        return "|".join(str(choice) for choice in schema["enum"])
    kind = schema.get("type", "JSON")
    return {"boolean": "true|false", "string": "TEXT", "integer": "N", "number": "N"}.get(str(kind), "JSON")


def _line(label: str) -> str:
    """One line from the terminal. Raises `EOFError` when there is none."""
    typer.echo(harmless(f"  {label}: "), err=True, nl=False)
    line = sys.stdin.readline()
    if not line:
        raise EOFError
    return line.strip()


_YES, _NO = frozenset({"y", "yes", "true", "1"}), frozenset({"n", "no", "false", "0"})


def _value(text: str, schema: JsonSchema) -> Any:
    """What a text means where the schema stands: the server says so if it does not fit."""
    kind = schema.get("type", "string" if "enum" in schema else None)
    if kind == "boolean" and text.lower() in _YES | _NO:
        return text.lower() in _YES
    if kind == "string" or (isinstance(kind, list) and "string" in kind):
        return text
    try:
        return strict_json.loads(text)
    except ValueError:
        return text

"""CEL at run time: conditions and values over plain JSON data, compiled once, with every failure raised in words."""

from __future__ import annotations

import math
import re
from collections.abc import Mapping
from functools import cached_property, lru_cache
from typing import Any

from girih.language.expressions.environment import UNCHECKED
from girih.language.expressions.syntax_reader import read
from girih.language.expressions.syntax_tree import Expr, Field, Loop, Name, paths, walk
from girih.language.expressions.visits import with_visits
from girih.language.spec.tree import JsonValue

MAX_RESULT = 1_000_000
"""The most values and characters, together, that one expression may give."""

MISSING = object()
_CACHED = 4096


class ExpressionError(ValueError):
    """An expression that gives no value for the data it met: something is missing or of the wrong type."""


class ParseFault(ValueError):
    """Text that is not CEL. `message` is the parser's own first complaint, `offset` where it stands."""

    def __init__(self, message: str, offset: int) -> None:
        super().__init__(message)
        self.message = message
        self.offset = offset


class Condition:
    """A CEL condition, ready to be asked."""

    def __init__(self, text: str) -> None:
        self.text = text
        self._compiled = compiled(text)

    def holds(self, data: Mapping[str, JsonValue]) -> bool:
        """Whether it is true of the data. Raises `ExpressionError`, also when the result is no boolean."""
        result = _evaluate(self.text, self._compiled, data)
        if _kind(result) != "bool":
            raise ExpressionError(f"'{self.text}' is neither true nor false")
        return bool(result.value())


class Compiled:
    """An expression and the names it reads."""

    def __init__(self, text: str) -> None:
        self.text = text
        self.program, self.tree = parsed(text)
        self.runs = with_visits(text, self.tree)
        """The text that runs: one without functions of our own."""
        if self.runs != text:
            self.program = parsed(self.runs)[0]
        self._paths = frozenset(paths(self.tree))
        self.names = frozenset(path[0] for path in self._paths)

    @cached_property
    def loops(self) -> tuple[Loop, ...]:
        """Its macros (`filter`, `exists`, …)."""
        return tuple(part for part in walk(self.tree) if isinstance(part, Loop)) if "(" in self.text else ()

    def shown(self, data: Mapping[str, JsonValue]) -> dict[str, JsonValue]:
        """The part of the data that the expression reads: binding all of a large state costs a thousand times more."""
        seen: dict[str, JsonValue] = {}
        for path in self._paths:
            _pick(data, seen, path)
        return {name: _without_nul(value) for name, value in seen.items()}


def _pick(data: Mapping[str, JsonValue], seen: dict[str, JsonValue], path: tuple[str, ...]) -> None:
    name, rest = path[0], path[1:]
    value = data.get(name) if name in data else MISSING
    if value is MISSING:
        return
    if rest and isinstance(value, dict):
        inner = seen.setdefault(name, {})
        if inner is not value:
            _pick(value, inner, rest)
    else:
        seen[name] = value


def _without_nul(value: JsonValue) -> JsonValue:
    """The value with NUL characters replaced: the binding ends a text at one, so that 'a\\0b' would equal 'a'."""
    if isinstance(value, str):
        return value.replace("\0", "\ufffd") if "\0" in value else value
    if isinstance(value, dict):
        return {_without_nul(key): _without_nul(item) for key, item in value.items()}
    return [_without_nul(item) for item in value] if isinstance(value, list | tuple) else value


def evaluate_expression(text: str, data: Mapping[str, JsonValue]) -> JsonValue:
    """The JSON value of an expression. Raises `ExpressionError` when it has none, `ParseFault` when it is not CEL.

    A name without data counts as an empty mapping, so that `node.?field.orValue(…)` works for a node that did not run.
    """
    program = compiled(text)
    found = _looked_up(program.tree, data)
    return found if found is not MISSING else _json(text, _evaluate(text, program, data))


def _looked_up(tree: Expr, data: Mapping[str, JsonValue]) -> JsonValue:
    """The value of a plain path (`a.b.c`), which most expressions are: the data itself, without a way through CEL."""
    steps: list[str] = []
    while isinstance(tree, Field) and not tree.test and not tree.optional:
        steps.append(tree.name)
        tree = tree.operand
    if not isinstance(tree, Name):
        return MISSING
    value: JsonValue = data
    for step in (tree.name, *reversed(steps)):
        if not isinstance(value, Mapping) or step not in value:
            return MISSING
        value = value[step]
    return value


def parse(text: str) -> Expr:
    """The tree of an expression. Raises `ParseFault`."""
    return compiled(text).tree


@lru_cache(maxsize=_CACHED)
def compiled(text: str) -> Compiled:
    """The program of an expression. Raises `ParseFault`.

    It is not checked by CEL, whose rules for whole and other numbers are stricter than JSON's: `check` does that.
    """
    return Compiled(text)


def parsed(text: str) -> tuple[Any, Expr]:
    """The program of an expression and its tree, made anew. Raises `ParseFault`."""
    try:
        program = UNCHECKED.compile(text, disable_check=True)
    except RuntimeError as refused:
        raise first_fault(str(refused), text) from refused
    except TypeError as fault:
        # The binding takes no text that UTF-8 cannot hold.
        at = next((i for i, character in enumerate(text) if "\ud800" <= character <= "\udfff"), 0)
        raise ParseFault("half of a character (a lone surrogate)", at) from fault
    return program, read(program.serialize(), text)


_FAULT = re.compile(r"ERROR: <input>:(-?\d+):(-?\d+): (.*)")


def first_fault(report: str, text: str) -> ParseFault:
    """The compiler's report as its first complaint and an offset into the text."""
    found = _FAULT.search(report)
    if found is None:
        return ParseFault(report.strip(), 0)
    line, column, message = int(found[1]), int(found[2]), found[3]
    before = sum(len(part) for part in text.splitlines(keepends=True)[: max(0, line - 1)])
    return ParseFault(message.removesuffix(" [INVALID_ARGUMENT]"), min(before + max(0, column - 1), len(text)))


def _evaluate(text: str, program: Compiled, data: Mapping[str, JsonValue]) -> Any:
    absent: dict[str, JsonValue] = {name: {} for name in program.names}
    try:
        result = program.program.eval(data=absent | program.shown(data))
    except (RuntimeError, TypeError, UnicodeError) as fault:
        raise ExpressionError(f"'{text}' meets data that is no JSON") from fault
    if _kind(result) == "error":
        # `eval` hands an error back as a value: taken as one, it would pass for data.
        raise ExpressionError(f"'{text}' has no value: {_reason(_error(result), program.names - data.keys())}")
    return result


def _error(result: Any) -> str:
    try:
        return str(result.value())
    except TypeError:
        # The binding shows an optional as an error that cannot be taken.
        return "it may have none, so add .orValue(…)"


_MISSING = re.compile(r'Key not found in map : "?([^"]*)"?')


def _reason(error: str, absent: frozenset[str]) -> str:
    found = _MISSING.search(error)
    if found and absent:
        return f"{_quoted(absent)} did not run"
    if found:
        return f"there is no '{found[1]}'"
    if "out of range for" in error:
        return "a whole number is beyond 64 bits"
    return error.split(": ", 1)[-1].replace(
        "Applying SELECT to non-message type", "a field is asked of something without"
    )


def _quoted(names: frozenset[str]) -> str:
    return " and ".join(f"'{name}'" for name in sorted(names))


def _json(text: str, result: Any) -> JsonValue:
    try:
        value = _plain(result)
    except TypeError as unusual:
        raise ExpressionError(f"'{text}' gives {unusual}, which is no JSON: use string(…)") from unusual
    _cap(text, value)
    return value


def _kind(result: Any) -> str:
    """The kind of a result: `int`, `list`, `null`, `error`, …"""
    return str(result.type().name()).split("<")[0].split("_")[0].lower()


def _plain(result: Any) -> JsonValue:
    """A result as plain data, one value at a time, so that no null is ever converted (see `_json`)."""
    kind = _kind(result)
    if kind == "null":
        # Taking a null out of a result loses a reference to None on Python before 3.12: it is never taken.
        return None
    if kind not in _PLAIN:
        raise TypeError(f"a {kind}")
    value = result.value()
    if kind == "list":
        return [_plain(item) for item in value]
    if kind == "map":
        return {_key(key): _plain(item) for key, item in value.items()}
    if kind == "double" and not math.isfinite(value):
        raise TypeError(f"the number {value}")
    return value


_PLAIN = frozenset({"bool", "int", "double", "string", "list", "map"})


def _key(key: object) -> str:
    if not isinstance(key, str):
        raise TypeError("a mapping whose keys are not text")
    return key


def _cap(text: str, value: JsonValue) -> None:
    size, waiting = 0, [value]
    while waiting:
        item = waiting.pop()
        size += len(item) if isinstance(item, str) else 1
        if size > MAX_RESULT:
            raise ExpressionError(f"'{text}' gives more than {MAX_RESULT:,} characters and values")
        if isinstance(item, dict):
            waiting.extend(item)
            waiting.extend(item.values())
        elif isinstance(item, list):
            waiting.extend(item)

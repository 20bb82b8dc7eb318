"""Prompt files: MiniJinja over plain JSON data, with strict variables and bounded work."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache

from minijinja import Environment, TemplateError

from girih.language.expressions.template_filters import known_filters
from girih.language.expressions.template_reader import read_template
from girih.language.spec.suggest import did_you_mean, one_of
from girih.language.spec.tree import JsonValue

FUEL = 500_000
"""Instructions one rendering may take: about a tenth of a second."""

MAX_OUTPUT = 2_000_000
"""The longest prompt, in characters."""

MAX_SOURCE = 200_000
"""The longest prompt file, in characters."""

_CACHED = 512
_BUILT_IN = frozenset({"loop", "range", "dict", "namespace", "self", "super", "caller", "true", "false", "none"})
_TAG = re.compile(r"\{[{%].*?[%}]\}", re.DOTALL)
_NOT_CODE = re.compile(
    r"\{#.*?#\}|\{%-?\s*raw\s*-?%\}.*?\{%-?\s*endraw\s*-?%\}|(?<=[^\w])'(?:\\.|[^'\\])*'|\"(?:\\.|[^\"\\])*\"",
    re.DOTALL,
)


class PromptError(ValueError):
    """A prompt that cannot be read or rendered; `line` counts from 1 and is 0 where it is not known."""

    def __init__(self, message: str, line: int = 0, column: int = 1, length: int = 1, help: str | None = None) -> None:
        super().__init__(message)
        self.message = message
        self.line = line
        self.column = column
        self.length = length
        self.help = help


@dataclass(frozen=True)
class Variable:
    """A variable a prompt uses, and the first place it does: line and column from 1."""

    name: str
    line: int
    column: int


def render_template(text: str, data: Mapping[str, JsonValue]) -> str:
    """The prompt's text. A variable without a value, too much work and too long a text raise `PromptError`."""
    # A copy, because the engine hands Python's own dictionaries to the template, whose methods change them.
    copied = json.loads(json.dumps(dict(data)))
    try:
        result = _environment().render_str(text, "prompt", **copied)
    except TemplateError as fault:
        raise _explained(fault, text) from fault
    except ValueError as fault:
        raise PromptError(str(fault)) from fault
    except TypeError as fault:
        # One of the filters below was given too few or too many arguments, or a value is no data (`hit.items`).
        raise PromptError(str(fault).removeprefix("_")) from fault
    return result


@lru_cache(maxsize=_CACHED)
def template_variables(text: str) -> tuple[Variable, ...]:
    """The variables a prompt needs, in the order it uses them. Raises `PromptError` when it cannot be read."""
    if len(text) > MAX_SOURCE:
        raise PromptError(f"the prompt file is longer than {MAX_SOURCE:,} characters", 1)
    environment = _environment()
    try:
        # Asking for variables of a broken text answers with none: only reading it complains.
        environment.add_template("prompt", text)
    except TemplateError as fault:
        raise _explained(fault, text) from fault
    except UnicodeEncodeError as fault:
        raise PromptError("half of a character (a lone surrogate)", *position(text, fault.start)) from fault
    finally:
        environment.remove_template("prompt")
    bare = _blanked(text)
    _refuse_statements(text, bare)
    if read_template(text) is None:
        _refuse_unknown_filters(text, bare)
    names = environment.undeclared_variables_in_str(text) - _BUILT_IN
    return tuple(sorted((_first_use(name, text) for name in names), key=lambda v: (v.line, v.column)))


def _environment() -> Environment:
    # Of its own for every call: it counts what one rendering writes, and costs 20 µs.
    made = Environment(
        undefined_behavior="strict",
        fuel=FUEL,
        pycompat=False,
        auto_escape_callback=lambda _: False,
        finalizer=_Meter().written,
    )
    made.remove_filter("format")  # a width inside of a format text allocates without costing fuel
    for name in ("debug", "cycler", "joiner", "namespace"):
        made.remove_global(name)
    made.add_filter("replace", _replaced)
    made.add_filter("join", _joined)
    return made


class _Meter:
    """Writes values into the prompt (mappings and lists as JSON), and stops a prompt that grows without end."""

    def __init__(self) -> None:
        self._size = 0

    def written(self, value: object) -> object:
        text = value if isinstance(value, str) else _as_text(value)
        self._size += len(text)
        if self._size > MAX_OUTPUT:
            raise ValueError(_TOO_LONG)
        return text


_TOO_LONG = f"the prompt grew over {MAX_OUTPUT:,} characters"


def _as_text(value: object) -> str:
    return "" if value is None else json.dumps(value, ensure_ascii=False, default=list)


# The engine's own forms of these two can square the length of a text at the cost of one instruction.
def _replaced(text: str, old: str, new: str) -> str:
    if text.count(old) * len(new) > MAX_OUTPUT:
        raise ValueError(_TOO_LONG)
    return text.replace(old, new)


def _joined(values: Sequence[object], between: str = "") -> str:
    parts = [value if isinstance(value, str) else _as_text(value) for value in values]
    if sum(map(len, parts)) + len(between) * len(parts) > MAX_OUTPUT:
        raise ValueError(_TOO_LONG)
    return between.join(parts)


_FILTER = re.compile(r"(?<!\|)\|\s*([A-Za-z_]\w*)")


_STATEMENT = re.compile(r"\{%[-+]?\s*(\w+)")
_ALLOWED = frozenset({"if", "elif", "else", "endif", "for", "endfor", "set", "endset", "filter", "endfilter", "with",
                      "endwith", "raw", "endraw", "do", "break", "continue"})  # fmt: skip
_MAX_SETS = 12


def _refuse_statements(text: str, bare: str) -> None:
    """A prompt is one file; and macros and long chains of `set` could double a text without end."""
    sets = 0
    for found in _STATEMENT.finditer(bare):
        word = found[1]
        sets += word == "set"
        line, column = position(text, found.start(1))
        if word not in _ALLOWED:
            raise PromptError(f"a prompt has no '{word}'", line, column, len(word), "write the text out in this file")
        if sets > _MAX_SETS:
            raise PromptError(f"a prompt has at most {_MAX_SETS} 'set'", line, column, len(word), "use a set node")


def _refuse_unknown_filters(text: str, bare: str) -> None:
    """For text that `template_check` has no way into: rendering would be too late for an author."""
    for tag in _TAG.finditer(bare):
        for found in _FILTER.finditer(tag.group()):
            if found[1] not in known_filters():
                line, column = position(text, tag.start() + found.start(1))
                near = did_you_mean(found[1], known_filters())
                way_out = f"did you mean '{near}'?" if near else f"filters: {one_of(known_filters())}"
                raise PromptError(f"there is no filter '{found[1]}'", line, column, len(found[1]), way_out)


def _explained(fault: TemplateError, text: str) -> PromptError:
    detail = (fault.detail or fault.message).rstrip()
    if detail.startswith("unexpected end of input"):
        detail = "a tag or a block ({% if %}, {% for %}) is never closed"
    if fault.kind == "OutOfFuel":
        detail = "the prompt takes too much work to render"
    start, end = fault.range or (None, None)
    if start is None:
        return PromptError(detail, fault.line or 1)
    # The engine counts bytes.
    before = text.encode()[:start].decode(errors="ignore")
    line, column = position(text, len(before))
    return PromptError(detail.replace("`", "'"), line, column, max(1, (end or start) - start))


def _first_use(name: str, text: str) -> Variable:
    pattern = re.compile(rf"(?<![\w.]){re.escape(name)}\b")
    bare = _blanked(text)
    for tag in _TAG.finditer(bare):
        found = pattern.search(tag.group())
        if found:
            return Variable(name, *position(text, tag.start() + found.start()))
    return Variable(name, 1, 1)


def _blanked(text: str) -> str:
    """The text with comments, raw blocks and quoted texts turned into blanks of the same length."""
    return _NOT_CODE.sub(lambda found: re.sub(r"[^\n]", " ", found.group()), text)


def position(text: str, offset: int) -> tuple[int, int]:
    """Line and column, from 1, of an offset into a prompt file."""
    before = text[:offset]
    return before.count("\n") + 1, offset - (before.rfind("\n") + 1) + 1

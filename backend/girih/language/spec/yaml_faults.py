"""The YAML parser's complaints in the words of someone who wants to help."""

from __future__ import annotations

import re

import yaml

from girih.language.spec.diagnostics import Diagnostic, Place, Related
from girih.language.spec.source import Source

_CLOSE = "quote texts with special characters"
_BACKSLASH = "write '\\\\' for a backslash, or use single quotes"
_NO_DIRECTIVES = "remove the lines that begin with '%'"

# A part of the parser's message → what is wrong, what to do. The parser's own spelling is on purpose ("hexdecimal").
_SENTENCES: dict[str, tuple[str, str]] = {
    "mapping values are not allowed": (
        "a ': ' is not allowed here",
        "quote a text that contains ': '; else check the indentation",
    ),
    "could not find expected ':'": (
        "a line without ': ' where a key was expected",
        "write 'key: value', or indent a text that goes on",
    ),
    "did not find expected key": (
        "this line does not line up with the keys above it",
        "indent keys of one mapping alike; close quotes and braces",
    ),
    "did not find expected '-' indicator": (
        "this line does not line up with the list above it",
        "indent the items of one list alike",
    ),
    "did not find expected ',' or ']'": (
        "a list in [ ] is not closed, or a comma is missing",
        f"close it with ']'; {_CLOSE}",
    ),
    "did not find expected ',' or '}'": (
        "a mapping in { } is not closed, or a comma is missing",
        f"close it with '}}'; {_CLOSE}",
    ),
    "block sequence entries are not allowed": (
        "a list item ('- ') is not allowed here",
        "begin the list on a line of its own below its key",
    ),
    "did not find expected node content": (
        "a key or a value is missing here",
        "write it, or quote a text that begins with a special character",
    ),
    "unexpected end of stream": ("a quoted text is never closed", "close it with the quote it began with"),
    "unknown escape character": ("an escape that YAML does not know", _BACKSLASH),
    "did not find expected hexdecimal number": ("an escape without its hexadecimal digits", _BACKSLASH),
    "did not find expected alphabetic or numeric": ("'*' and '&' begin an alias or an anchor here", "quote the text"),
    "duplicate %": ("a directive is given twice", _NO_DIRECTIVES),
    "unknown directive": ("an unknown directive", _NO_DIRECTIVES),
    "incompatible YAML document": ("a YAML version that does not exist", _NO_DIRECTIVES),
    "undefined tag handle": ("tags ('!…') are not part of the language", "write the plain value, or quote the text"),
}
_TAB_HELP = "indent with spaces: YAML does not allow tabs for it"


def explain(source: Source, error: yaml.YAMLError) -> Diagnostic:
    """The parser's error as a finding (E001) at its place."""
    mark = getattr(error, "problem_mark", None)
    problem = str(getattr(error, "problem", "") or error)
    index = min(mark.index if mark is not None else 0, max(len(source.text.rstrip()) - 1, 0))
    context = getattr(error, "context_mark", None)
    if "unexpected end of stream" in problem and context is not None:
        index = context.index  # where the quote begins says more than where the file ends
    if tab := _tab(source, index):
        return Diagnostic("E001", "a tab is not allowed here", _place(source, tab), help=_TAB_HELP)
    message, way_out = _words(problem, source.text[index : index + 1])
    related: tuple[Related, ...] = ()
    if context is not None and context.index < index and context.index < len(source.text):
        related = (Related(_place(source, context.index), "it begins here"),)
    return Diagnostic("E001", message, _place(source, index), help=way_out, related=related)


def _words(problem: str, char: str) -> tuple[str, str]:
    if "cannot start any token" in problem:
        return f"a text cannot begin with '{char}' without quotes", "quote the text"
    for part, sentences in _SENTENCES.items():
        if part in problem:
            return sentences
    return f"this is not YAML: {problem}", "check quotes, brackets and indentation around it"


def _tab(source: Source, index: int) -> int | None:
    """The tab in the indentation at or just above the fault, which is then its cause."""
    line, _ = source.position(index)
    for number in (line, line - 1):
        indentation = re.match(r"[ \-]*\t", source.line(number))
        if indentation:
            return source.start_of(number) + indentation.end() - 1
    return None


def _place(source: Source, index: int) -> Place:
    line, column = source.position(index)
    return Place(source.name, line, column)

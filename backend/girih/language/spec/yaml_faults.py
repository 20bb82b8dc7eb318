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


def explain(source: Source, error: yaml.YAMLError, open_quote: tuple[int, int] | None = None) -> Diagnostic:
    """The parser's error as a finding (E001) at its cause, as far as that can be told.

    `open_quote` is the quoted text over several lines that was read last, as indexes of its begin and its end.
    """
    mark = getattr(error, "problem_mark", None)
    problem = str(getattr(error, "problem", "") or error)
    index = min(mark.index if mark is not None else 0, max(len(source.text.rstrip()) - 1, 0))
    context = getattr(error, "context_mark", None)
    began = context.index if context is not None and context.index < index else None
    if tab := _tab(source, index):
        return Diagnostic("E001", "a tab is not allowed here", _place(source, tab), help=_TAB_HELP)
    if open_quote is not None and _is_beside(source, open_quote[1], index):
        return _finding(source, open_quote[0], *_OPEN_QUOTE, related=(index, "it ends only here"))
    if "unexpected end of stream" in problem and began is not None:
        return _finding(source, began, *_words(problem, ""))  # where the quote begins says more than the file's end
    what = str(getattr(error, "context", "") or "")
    return _in_context(source, index, began, what, problem)


def _in_context(source: Source, index: int, began: int | None, what: str, problem: str) -> Diagnostic:
    """The finding for a fault at `index` in something (`what`) that began further up."""
    words = _words(problem, source.text[index : index + 1])
    if began is not None and "flow" in what and _ends_before(source, began, index):
        return _finding(source, began, *words, related=(index, "this cannot belong to it"))
    if "flow" in what and "did not find expected ','" in problem and source.text[index : index + 1] == ":":
        words = _SENTENCES["mapping values are not allowed"]
    elif began is not None and "simple key" in what:
        return _finding(source, began, *words)
    elif _is_behind_quote(source, index):
        words = _BEHIND_QUOTE
    elif "mapping values are not allowed" in problem and (bare := _line_without_colon(source, index)) is not None:
        return _finding(source, bare, *_SENTENCES["could not find expected ':'"])
    related = (began, "it begins here") if began is not None and "block" not in what else None
    return _finding(source, index, *words, related=related)


_OPEN_QUOTE = ("a quoted text is not closed on its line", "close it with the quote it began with")
_BEHIND_QUOTE = (
    "text behind the quote that closes a text",
    "write a quote inside of quotes twice ('') or as \\\", or use the other kind around it",
)


def _finding(source: Source, index: int, message: str, help: str, related: tuple[int, str] | None = None) -> Diagnostic:
    others = (Related(_place(source, related[0]), related[1]),) if related else ()
    return Diagnostic("E001", message, _place(source, index), help=help, related=others)


def _is_beside(source: Source, end: int, index: int) -> bool:
    """Whether a fault stands on the line on which a quoted text ends, or right below it."""
    return 0 <= source.position(index)[0] - source.position(end)[0] <= 1


def _ends_before(source: Source, began: int, index: int) -> bool:
    """Whether a bracket that opens at `began` was left open: before the fault, the text goes on at its own level."""
    line, _ = source.position(began)
    indent = len(source.line(line)) - len(source.line(line).lstrip())
    for number in range(line + 1, source.position(index)[0] + 1):
        content = source.line(number).lstrip()
        if content and len(source.line(number)) - len(content) <= indent and content[0] not in "]},#":
            return True
    return index >= len(source.text.rstrip()) - 1


def _is_behind_quote(source: Source, index: int) -> bool:
    """Whether a quote was closed right before the fault, on its line."""
    line, column = source.position(index)
    before = source.line(line)[: column - 1].rstrip()
    return before.endswith(('"', "'")) and source.text[index] not in ":,#]}"


def _line_without_colon(source: Source, index: int) -> int | None:
    """The line above, if it is no pair and stands at the same level: what follows was then read as a part of it."""
    line, _ = source.position(index)
    above = line - 1
    while above > 0 and not source.line(above).strip():
        above -= 1
    text, own = source.line(above), source.line(line)
    indent = len(text) - len(text.lstrip())
    is_pair = re.search(r":(\s|$)", text) is not None
    if not text.strip() or text.lstrip()[0] in "#-" or is_pair or indent != len(own) - len(own.lstrip()):
        return None
    return source.start_of(above) + indent


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

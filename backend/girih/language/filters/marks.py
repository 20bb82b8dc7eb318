"""`${ … }` in a filter: each becomes a name of the same length for its value, so that every place stays where it is."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace

from girih.language.expressions.names import Finding
from girih.language.expressions.values import Unterminated, spans_in


@dataclass(frozen=True)
class Marked:
    """A filter without `${ … }`, and the expression that gives the value of each name, in order."""

    text: str
    values: Mapping[str, str]


def name_of(place: int) -> str:
    """The name of the value that is written at that place, counted from 0."""
    return f"g{place}"


def mark(text: str) -> Marked:
    """The filter with its values named. Of what is never closed, its own check tells."""
    try:
        spans = spans_in(text)
    except Unterminated:
        return Marked("true", {})
    values: dict[str, str] = {}
    for place, (start, end, inner) in enumerate(spans):
        name = name_of(place)
        values[name] = inner
        # The shortest is `${x}`, which leaves room for three digits.
        text = text[:start] + name.ljust(end - start) + text[end:]
    return Marked(text, values)


def retold(finding: Finding, marked: Marked) -> Finding:
    """The finding in the words of the text as its author wrote it."""
    message, help_ = finding.message, finding.help
    for name, inner in marked.values.items():
        message = message.replace(f"({name})", f"({inner})")
    if finding.code == "E201" and message.startswith("nothing is called"):
        help_ = "a filter names document and metadata; a value of the graph stands in ${ … }"
    return replace(finding, message=message, help=help_)

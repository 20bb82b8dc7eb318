"""`girih fmt`: a spec in the one layout, with every comment, and with the meaning it had."""

from __future__ import annotations

import json

import yaml

from girih.language.formatting.layout import laid_out
from girih.language.spec.canonical import canonical_json
from girih.language.spec.diagnostics import Diagnostic, has_errors
from girih.language.spec.reader import read
from girih.language.spec.source import Source

MOST_ROUNDS = 4


class NotTheSameError(Exception):
    """The layout would have changed what the text means: a fault of the formatter, and the text stays as it is."""


def formatted(source: Source) -> tuple[str, tuple[Diagnostic, ...]]:
    """The text in its layout; as it was, with what is wrong, where its syntax is not sound.

    Raises `NotTheSameError` rather than give a text that means something else.
    """
    tree, found = read(source)
    if tree is None or has_errors(found):
        return source.text, found
    if source.name.endswith(".json"):
        return json.dumps(tree.value, indent=2, ensure_ascii=False) + "\n", ()
    text = source.text.removeprefix("\ufeff")
    try:
        text = _settled(text)
    except yaml.YAMLError as error:
        raise NotTheSameError(source.name) from error
    again, found = read(Source(source.name, text))
    if again is None or has_errors(found) or canonical_json(again.value) != canonical_json(tree.value):
        raise NotTheSameError(source.name)
    return text, ()


def _settled(text: str) -> str:
    """Laid out until it stays as it is: what moved may let a comment find its place."""
    for _ in range(MOST_ROUNDS):
        before, text = text, laid_out(text)
        if text == before:
            break
    return text

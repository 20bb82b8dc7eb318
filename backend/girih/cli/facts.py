"""Metadata of documents on the command line: pairs of names and values."""

from __future__ import annotations

import json
from collections.abc import Sequence

from girih.cli.client import fail
from girih.cli.output import USAGE
from girih.language.spec.tree import JsonObject, JsonValue


def facts_of(pairs: Sequence[str]) -> JsonObject:
    """The metadata that pairs `name=value` say; a value that reads as JSON is that, any other is a text.

    What is no pair, and a name that comes twice, ends the command.
    """
    facts: JsonObject = {}
    for pair in pairs:
        name, equals, value = pair.partition("=")
        if not equals or not name:
            fail(f"'{pair}' is no metadata", "write --metadata name=value", code=USAGE)
        if name in facts:
            fail(f"'{name}' is given twice", 'give a list as JSON: --metadata name=\'["a", "b"]\'', code=USAGE)
        facts[name] = _value(value)
    return facts


def _value(text: str) -> JsonValue:
    try:
        value: JsonValue = json.loads(text)
    except ValueError:
        return text
    return value

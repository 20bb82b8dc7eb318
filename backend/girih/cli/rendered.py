"""A document whose text nobody knows, as the text somebody would have written."""

from __future__ import annotations

from io import StringIO

from ruamel.yaml import YAML

from girih.language.spec.tree import JsonObject, JsonValue

_FOLDERS = {"model/v1": "models", "tool/v1": "tools", "pipeline/v1": "pipelines", "collection/v1": "collections"}


def with_text(thing: JsonObject) -> JsonObject:
    """What the server has, with a path and, where its document is known, with a text."""
    path = thing["path"] or "/".join(filter(None, (_FOLDERS.get(thing["kind"]), f"{thing['name']}.yaml")))
    source = thing["source"]
    if source is None and thing["document"] is not None:
        source = _yaml(_without_nulls(thing["document"]))
    return thing | {"path": path, "source": source}


def _without_nulls(value: JsonValue) -> JsonValue:
    """What is not said needs no line."""
    if isinstance(value, dict):
        return {key: _without_nulls(item) for key, item in value.items() if item is not None}
    return [_without_nulls(item) for item in value] if isinstance(value, list) else value


def _yaml(document: JsonValue) -> str:
    written = StringIO()
    made = YAML(typ="rt", pure=True)
    made.width = 110
    made.dump(document, written)
    return written.getvalue()

"""Canonical JSON and the digest that names it: equal data has equal text and an equal name."""

from __future__ import annotations

import hashlib
import json

from girih.language.spec.tree import JsonValue


def canonical_json(value: JsonValue) -> str:
    """JSON with sorted keys and no optional white space: equal data gives equal text."""
    return json.dumps(value, sort_keys=True, separators=(",", ":"), ensure_ascii=False, allow_nan=False)


def digest_of(value: JsonValue) -> str:
    """The digest that names JSON data."""
    return "sha256:" + hashlib.sha256(canonical_json(value).encode()).hexdigest()

"""Takes the values of secrets out of what services answer, so that one which echoes them tells nobody."""

from __future__ import annotations

import base64
import json
from collections.abc import Mapping
from urllib.parse import quote, quote_plus

SHORTEST = 4
"""A shorter value is part of too much that is none."""


class Veil:
    """Knows the values of a call's secrets by their names. It shows none of them."""

    def __init__(self, values: Mapping[str, str]) -> None:
        known = [(form, f"[secret {name}]") for name, value in values.items() for form in _forms(value)]
        # The longest first: one value may be a part of another.
        self._forms = sorted(known, key=lambda pair: -len(pair[0]))

    def __repr__(self) -> str:
        return f"Veil({len(self._forms)} forms)"

    def over(self, text: str) -> str:
        """The text with each value replaced by `[secret NAME]`, also where it is escaped as in JSON, URLs or Basic."""
        for form, shown in self._forms:
            text = text.replace(form, shown)
        return text

    def over_bytes(self, body: bytes) -> bytes:
        """The same of a body, whatever it holds."""
        for form, shown in self._forms:
            body = body.replace(form.encode(), shown.encode())
        return body


NO_VEIL = Veil({})
"""Where there is no secret."""


def _forms(value: str) -> set[str]:
    if len(value) < SHORTEST:
        return set()
    escaped = json.dumps(value)[1:-1], json.dumps(value, ensure_ascii=False)[1:-1]
    coded = quote(value, safe=""), quote_plus(value), base64.b64encode(value.encode()).decode()
    return {value, *escaped, *(form.replace("/", "\\/") for form in escaped), *coded}

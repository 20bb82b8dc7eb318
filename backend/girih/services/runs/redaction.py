"""What of a trace's contents may be shown: without secrets always, without personal data where that is asked for."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Literal

from girih.errors import NodeError
from girih.language.nodes.ports import Scanner
from girih.language.spec.tree import JsonObject, JsonValue
from girih.providers.telemetry.secret_texts import HIDDEN, has_secret, without_secrets
from girih.services.runs.spans import Span, walk

Content = Literal["full", "redacted", "none"]

_SECRET_KEY = re.compile(
    r"(?i)(^|[_\-.\s])(password|passwd|pwd|secret|api[_\-]?key|token|authorization|auth|cookie|credentials?|private[_\-]?key)s?$"
)
_CAMEL = re.compile(r"(?<=[a-z0-9])(?=[A-Z])")
PERSONAL = ("email", "phone", "iban", "card", "ssn", "national_id", "ip", "secret")
LONGEST = 200_000
"""Characters of a text that is looked through; what is longer is hidden where personal data may not be shown."""


class Redaction:
    """Takes out of contents what may not be shown."""

    def __init__(self, content: Content, scanner: Scanner | None = None) -> None:
        self._content = content
        self._scanner = scanner

    def apply(self, root: Span, *, shown: bool = True) -> Content:
        """Redact a trace in its place; says how much of its contents is left. Nothing is without `shown`."""
        if not shown or self._content == "none":
            for span in walk(root):
                span.content = None
            return "none"
        for span in walk(root):
            if span.content is not None:
                span.content = self.clean(span.content)
        return self._content

    def clean(self, value: JsonValue) -> JsonValue:
        """The value without what may not be shown."""
        if isinstance(value, dict):
            return dict(self._fields(value))
        if isinstance(value, list):
            return [self.clean(item) for item in value]
        return self._text(value) if isinstance(value, str) else value

    def _fields(self, value: JsonObject) -> Iterator[tuple[str, JsonValue]]:
        for name, item in value.items():
            is_secret = bool(_SECRET_KEY.search(_CAMEL.sub("_", name))) and not isinstance(item, bool | None)
            yield self._text(name), HIDDEN if is_secret and not isinstance(item, int | float) else self.clean(item)

    def _text(self, text: str) -> str:
        if len(text) > LONGEST:
            return text if self._content == "full" and not has_secret(text) else HIDDEN
        text = without_secrets(text)
        if self._content == "full" or self._scanner is None:
            return text
        try:
            personal = self._scanner.find(text, PERSONAL)
        except NodeError:  # it cannot be looked through whole
            return HIDDEN
        for found in reversed(personal):
            text = f"{text[: found.start]}[{found.kind}]{text[found.end :]}"
        return text

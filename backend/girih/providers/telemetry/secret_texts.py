"""How secrets look in texts: what is recognized as one is hidden in logs and traces."""

from __future__ import annotations

import re

HIDDEN = "[hidden]"

_SECRET = re.compile(
    r"girih_[a-z]+_[0-9a-fA-F]{32}_\w+|(?i:bearer)\s+[A-Za-z0-9._~+/=-]{8,}|\bsk-[A-Za-z0-9_-]{16,}"
    r"|\bghp_[A-Za-z0-9]{20,}|\bAKIA[0-9A-Z]{16}\b|\beyJ[\w-]{8,}\.eyJ[\w-]{8,}\.[\w-]+"
    r"|-----BEGIN [A-Z ]*PRIVATE KEY-----[\s\S]*?(?:-----END|$)|(?<=://)[^/\s:@]+:[^/\s@]+(?=@)"
)


def without_secrets(text: str) -> str:
    """The text with every secret in it hidden: keys of girih and of known services, tokens, passwords in addresses."""
    return _SECRET.sub(HIDDEN, text)


def has_secret(text: str) -> bool:
    """Whether there is one in it."""
    return _SECRET.search(text) is not None

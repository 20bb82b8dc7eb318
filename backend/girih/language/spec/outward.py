"""How specs and bindings name what lies outside: secrets by name, services by their public address."""

from __future__ import annotations

import re
from typing import Annotated, Final
from urllib.parse import urlsplit

from pydantic import AfterValidator, WithJsonSchema
from pydantic_core import PydanticCustomError

from girih.language.spec.addresses import is_local_name

_SECRET = re.compile(r"secret://[a-z][a-z0-9]*([-._][a-z0-9]+)*\Z")
_PLACE = re.compile(r"https://[^\s\\/?#@\x00-\x20]+(/[^\s\\\x00-\x20]*)?\Z")
"""What every reader of addresses takes apart in the same way."""
BAD_URL: Final = "'url' must be an https:// address of a public host, without user, query or fragment"


def _secret_name(text: str) -> str:
    if not _SECRET.match(text):
        raise PydanticCustomError("secret", "must name a secret: secret://NAME, never its value")
    return text


SecretRef = Annotated[
    str,
    AfterValidator(_secret_name),
    WithJsonSchema({"type": "string", "pattern": r"^secret://[a-z][a-z0-9]*([-._][a-z0-9]+)*$"}),
]
"""The name of a secret as the operator has set it: `secret://NAME`. Its value is never part of a spec."""


def is_public_url(url: str) -> bool:
    """Whether it is an `https://` address of a public host, as far as that shows, without user, query or fragment."""
    try:
        parts = urlsplit(url)
        port_is_sound = parts.port is None or parts.port > 0
    except ValueError:
        return False
    plain = not (parts.username or parts.password or parts.query or parts.fragment)
    is_clear = bool(_PLACE.match(url)) and not is_local_name(parts.hostname or "")
    return parts.scheme == "https" and bool(parts.hostname) and plain and port_is_sound and is_clear

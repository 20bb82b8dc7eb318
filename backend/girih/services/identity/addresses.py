"""E-mail addresses, as far as it matters that two of them are the same."""

from __future__ import annotations

import re
from typing import Final

from girih.errors import InvalidInput

_FORM: Final = re.compile(r"[^@\s]{1,64}@[^@\s]+\.[^@\s]+")
_LONGEST: Final = 254
"""Characters of an address (RFC 5321)."""


def email_of(text: str) -> str:
    """The address in the one form it is stored in. Raises `InvalidInput` for what is none."""
    email = text.strip().lower()
    if len(email) > _LONGEST or not email.isprintable() or not _FORM.fullmatch(email):
        raise InvalidInput("this is no e-mail address", help="write it as `name@example.com`")
    return email

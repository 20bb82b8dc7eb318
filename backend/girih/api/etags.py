"""ETags of what can change between a look and a deed: given with answers, and asked for with `If-Match`."""

from __future__ import annotations

import re
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Annotated

from fastapi import Header

from girih.errors import InvalidInput, PreconditionFailed, StaleBase

IfMatch = Annotated[str | None, Header(max_length=200, description="The `ETag` of the answer this was decided on.")]

_STRONG = re.compile(r'"([\x21\x23-\x7e]*)"')


def etag(value: str) -> dict[str, str]:
    """The header of an answer that stands for that state."""
    return {"etag": f'"{value}"'}


def asked(if_match: str | None) -> str | None:
    """The state that has to be there; `None` where any will do. Raises `InvalidInput` for what no answer had."""
    if if_match is None or if_match.strip() == "*":
        return None
    found = _STRONG.fullmatch(if_match.strip())
    if found is None:
        raise InvalidInput("If-Match holds no ETag of this server", help="send one ETag as it was given, in its quotes")
    return found[1]


@contextmanager
def precondition(if_match: str | None) -> Iterator[None]:
    """Within, a state that is no longer there is a failed precondition, where it was asked for so."""
    try:
        yield
    except StaleBase as stale:
        if if_match is None:
            raise
        raise PreconditionFailed(stale.message, help=stale.help, **stale.details) from stale

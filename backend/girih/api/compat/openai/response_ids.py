"""The ids of responses, which name a run and one of its turns."""

from __future__ import annotations

import re
from dataclasses import dataclass
from uuid import UUID

from girih.errors import NotFound

_RESPONSE = re.compile(r"resp_([0-9a-f]{32})(?:_([1-9][0-9]{0,3}))?")
_CALL = re.compile(r"call_([0-9a-f]{32})_.+")


@dataclass(frozen=True)
class ResponseId:
    """`resp_` and the run's id; behind it the number of the turn, where it is not the first."""

    run_id: str
    turn: int = 0

    def __str__(self) -> str:
        number = UUID(self.run_id).hex
        return f"resp_{number}_{self.turn}" if self.turn else f"resp_{number}"


def read_response_id(text: str) -> ResponseId | None:
    """The id, if it is one."""
    found = _RESPONSE.fullmatch(text)
    return ResponseId(str(UUID(found[1])), int(found[2] or 0)) if found else None


def no_such_response(text: str) -> NotFound:
    """A response that is not there, or not the caller's."""
    return NotFound(f"Response with id '{text[:100]}' not found.", code="not_found", param="id")


def no_longer_kept(text: str) -> NotFound:
    """A response that has ended so long ago that its run's events were removed."""
    return NotFound(
        f"Response with id '{text[:100]}' ended long ago, and what it said is no longer kept",
        help="the run's outputs are: GET /v1/runs/{id}; the project's retention says how long events stay",
        code="response_not_kept",
        param="id",
    )


def run_of_call(call_id: str) -> UUID | None:
    """The run whose model wanted the call, as far as the id tells."""
    found = _CALL.fullmatch(call_id)
    return UUID(found[1]) if found else None

"""Every fault girih can explain: what was wrong, and what to do about it."""

from __future__ import annotations

from collections.abc import Sequence
from typing import ClassVar, Literal

RunErrorKind = Literal[
    "rate_limit", "timeout", "invalid_output", "tool_error", "refused", "budget", "unavailable", "internal"
]
"""The closed list of ways a node can fail; authors name them, doors show them."""


class GirihError(Exception):
    """A fault with a sentence for the person who meets it.

    `message` says what was wrong, `help` what to do next, `details` carries plain JSON data for programs.
    Neither may ever hold a secret: doors show all three.
    """

    code: ClassVar[str] = "error"

    def __init__(self, message: str, *, help: str | None = None, **details: object) -> None:
        super().__init__(message)
        self.message = message
        self.help = help
        self.details = details


class InvalidInput(GirihError):
    """The caller sent something that cannot be accepted as it is."""

    code = "invalid_input"


class BadCursor(InvalidInput):
    """The place to go on reading from is none that was ever given out."""

    code = "bad_cursor"


class SpecInvalid(InvalidInput):
    """Specs with faults; `diagnostics` are the compiler's findings, as plain JSON objects."""

    code = "spec_invalid"

    def __init__(self, message: str, diagnostics: Sequence[dict[str, object]], *, help: str | None = None) -> None:
        super().__init__(message, help=help, diagnostics=list(diagnostics))
        self.diagnostics = list(diagnostics)


class NotFound(GirihError):
    """Nothing of that name is visible to the caller (a foreign and an absent thing look the same)."""

    code = "not_found"


class Conflict(GirihError):
    """The thing is in a state that does not allow the request."""

    code = "conflict"


class SpecRefused(Conflict):
    """Specs without a fault of their own that what stands here does not allow.

    `places` say where: kind, name and the path within the document, for each place that it comes from.
    """

    def __init__(
        self,
        message: str,
        places: Sequence[tuple[str, str, tuple[str | int, ...]]],
        *,
        help: str | None = None,
        **details: object,
    ) -> None:
        super().__init__(message, help=help, **details)
        self.places = tuple(places)


class StaleBase(Conflict):
    """What was decided on is no longer so; `details` says how it stands now."""


class PreconditionFailed(StaleBase):
    """The same, asked for with `If-Match`."""

    code = "precondition_failed"


class ThreadBusy(Conflict):
    """A run is on the thread already; the same request may succeed when it has ended."""

    code = "thread_busy"


class TooLarge(GirihError):
    """The upload or the value is over a limit; the message names the limit."""

    code = "too_large"


class Unsupported(GirihError):
    """A kind of file or option girih does not take."""

    code = "unsupported"


class Unauthorized(GirihError):
    """No key, or one that does not hold."""

    code = "unauthorized"


class Forbidden(GirihError):
    """A good key that lacks the permission; the message names it."""

    code = "forbidden"


class QueueFull(GirihError):
    """So much work waits already that no more is taken. Nothing was recorded; the same request may succeed later."""

    code = "queue_full"


class RateLimited(GirihError):
    """More requests came than may in that time; `details["retry_after"]` (seconds) says when the next may."""

    code = "rate_limited"


class TooManyAtOnce(GirihError):
    """More is open at once than may be. `details` has the `limit`, and `retry_after` in seconds."""

    code = "too_many_at_once"


class BudgetExceeded(GirihError):
    """What may be spent in this period is spent. `details` has `frees_at`, and `retry_after` in seconds."""

    code = "budget_exceeded"


class Unavailable(GirihError):
    """Something girih depends on does not answer (database, queue, provider)."""

    code = "unavailable"


class DatabaseUnavailable(Unavailable):
    """Our own database does not answer, or has no connection left: it passes, and ends nothing that was accepted."""


class LeaseLost(GirihError):
    """Another process took this run or job over; the holder must stop and change nothing more."""

    code = "lease_lost"


class DocumentRejected(GirihError):
    """A document that cannot be ingested, with a reason its owner understands (encrypted, empty, needs OCR…)."""

    code = "document_rejected"


class NodeError(GirihError):
    """A node's failure of a named kind; a run that is not told to handle it fails with it.

    `can_pass` is false for what no repetition can mend: a refused certificate, status 400, 401, 403, 404 or 422.
    """

    code = "node_error"

    def __init__(
        self, kind: RunErrorKind, message: str, *, help: str | None = None, can_pass: bool = True, **details: object
    ) -> None:
        super().__init__(message, help=help, **details)
        self.kind: RunErrorKind = kind
        self.can_pass = can_pass


class Paused(Exception):
    """A node waits for an answer, a time or an event: no failure, and nothing but the engine may catch it."""

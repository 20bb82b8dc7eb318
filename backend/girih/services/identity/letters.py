"""What letters to people say, and for how long their tokens hold."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import timedelta
from typing import Final, Literal

Kind = Literal["reset", "verify", "change", "changing", "changed", "password"]
"""Another password, an address to be shown, another address; and to be told: that it is asked for, that it was done,
that the password is another one."""


@dataclass(frozen=True)
class Form:
    """One kind of letter: its words, how long it holds, and (`page`) where its link leads; no page: no token."""

    subject: str
    text: str
    holds: timedelta
    page: str = ""


FORMS: Final[Mapping[Kind, Form]] = {
    "reset": Form(
        "Choose another password",
        "Somebody, hopefully you, has asked for another password for your account. This holds for 30 minutes, once:",
        timedelta(minutes=30),
        "reset-password",
    ),
    "verify": Form(
        "Confirm your address",
        "An account was made with this address. Please confirm that it is yours. This holds for three days, once:",
        timedelta(days=3),
        "confirm-email",
    ),
    "change": Form(
        "Confirm your new address",
        "Your account shall have this address from now on. Please confirm it. This holds for a day, once:",
        timedelta(days=1),
        "confirm-email",
    ),
    "changing": Form(
        "Another address for your account",
        "Your account shall have another address, which was written to as well. Until it is confirmed nothing changes.",
        timedelta(days=3),
    ),
    "changed": Form(
        "Your account has another address",
        "Your account has another address now, and you sign in with that one.",
        timedelta(days=3),
    ),
    "password": Form(
        "Your password was changed",
        "The password of your account was changed, and all other sessions have ended.",
        timedelta(days=3),
    ),
}
_NOT_ME: Final = "If this was not you, somebody may know your password: choose another one, and tell whoever runs this."
_IGNORE: Final = "If this was not you, there is nothing to do: without it nothing changes."


def written(kind: Kind, token: str | None, base: str) -> tuple[str, str]:
    """Subject and text of a letter; `base` is the address its link begins with, empty where there is none."""
    form = FORMS[kind]
    if token is None:
        return form.subject, f"{form.text}\n\n{_NOT_ME}\n"
    return form.subject, f"{form.text}\n\n{_way(form.page, token, base)}\n\n{_IGNORE}\n"


def invitation(organization: str, token: str, base: str) -> tuple[str, str]:
    """Subject and text of an invitation."""
    way = _way("accept-invitation", token, base)
    said = f"You are invited to join {organization}. The invitation holds for seven days, once:"
    return f"Your invitation to {organization}", f"{said}\n\n{way}\n\n{_IGNORE}\n"


def _way(page: str, token: str, base: str) -> str:
    if not base:
        return token
    # Behind the `#`: browsers send that part to no server, so it stands in no log.
    return f"{base.rstrip('/')}/{page}#token={token}\n\nThe token, where it is asked for by itself:\n\n{token}"

"""Tools that name a secret and a public address: published only where the secret may go there."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from girih.db.unit_of_work import Work
from girih.errors import SpecRefused
from girih.language.spec.tools import BINDINGS
from girih.language.spec.tree import JsonObject
from girih.providers.credentials import Destination, NotForThere, require_host
from girih.services.secrets.repository import hosts

_SCHEME = "secret://"


async def require_bound_secrets(work: Work, documents: Sequence[JsonObject]) -> None:
    """Raises `SpecRefused` for a tool whose secret is stored, and is not for the host of the tool's `url`.

    A secret that is not stored yet, and where an `endpoint` leads to, is looked at with each call only.
    """
    named = list(_named(documents))
    known = await hosts(work, work.speaks_for, {secret for *_, secret, _ in named}) if named else {}
    for tool, binding, secret, url in named:
        if secret not in known:
            continue
        try:
            require_host(secret, known[secret], Destination(url, is_chosen=False))
        except NotForThere as fault:
            place = ("tool/v1", tool, (binding, "auth"))
            raise SpecRefused(
                f"tool `{tool}`: {fault.message}; nothing was published", [place], help=fault.help, missing="host"
            ) from fault


def _named(documents: Sequence[JsonObject]) -> Iterator[tuple[str, str, str, str]]:
    """The tools that send a secret to a `url` of their own: name, binding, secret, address."""
    for document in documents:
        if document.get("kind") != "tool/v1":
            continue
        for binding in BINDINGS:
            found = document.get(binding) or {}
            auth = found.get("auth") or {}
            if "url" in found and (secret := auth.get("bearer") or auth.get("value")):
                yield document["name"], binding, str(secret).removeprefix(_SCHEME), found["url"]

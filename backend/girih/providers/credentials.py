"""How providers ask for secrets: by name, for one project and one destination; and which hosts a secret may go to."""

from __future__ import annotations

import re
from collections.abc import Awaitable, Callable, Iterable, Sequence
from dataclasses import dataclass
from typing import TypeAlias

from girih.errors import Forbidden, InvalidInput

MOST_HOSTS = 20
_PLACE = re.compile(r"([A-Za-z][A-Za-z0-9+.-]*)://([A-Za-z0-9.:,_\[\]-]+)(?=[/?#]|\Z)")
"""An address whose host every reader of addresses reads alike: to no other one a secret is sent."""
_HOST = re.compile(r"(\*\.)?(?=.{1,253}\Z)[a-z0-9_]([a-z0-9_-]*[a-z0-9])?(\.[a-z0-9]([a-z0-9-]*[a-z0-9])?)*\Z")
_IPV6 = re.compile(r"[0-9a-f:.]*:[0-9a-f:.]*\Z")


@dataclass(frozen=True)
class Destination:
    """Where a secret is about to be sent. `is_chosen`: by who may send it there, and not by who wrote a spec.

    That is the operator, for an endpoint, or somebody with `secrets:write`, for the address that a model is bound to.
    """

    url: str
    is_chosen: bool


class NotForThere(Forbidden):
    """A secret is not sent to a host that it is not for."""

    code = "secret_host"


Secrets: TypeAlias = Callable[[str, Destination], Awaitable[str | None]]
"""Gives the value of one project's secret by its name, for one destination; `None` where it is not set.

Raises `NotForThere` for a host that it is not for. The value is never logged.
"""


async def no_secrets(name: str, to: Destination) -> str | None:
    """Knows none."""
    del name, to
    return None


def secret_variable(name: str) -> str:
    """The variable of the environment that holds a secret: `crm.key` → `GIRIH_SECRET_CRM_KEY`."""
    return f"GIRIH_SECRET_{re.sub('[^A-Za-z0-9]', '_', name).upper()}"


def sound_hosts(given: Iterable[str]) -> tuple[str, ...]:
    """Hosts as they are compared: in lower case, each once, in order. Raises `InvalidInput`.

    `*.example.com` stands for every host below it, and not for `example.com` itself.
    """
    hosts = tuple(dict.fromkeys(host.strip().lower().rstrip(".") for host in given))
    for host in hosts:
        if not (_HOST.match(host) or _IPV6.match(host)) or (host.startswith("*.") and "." not in host[2:]):
            raise InvalidInput(
                f"'{host[:80]}' is not a host that a secret can be for",
                help="a name such as api.example.com, or *.example.com for all below it: no scheme, port or path",
            )
    if len(hosts) > MOST_HOSTS:
        raise InvalidInput(f"a secret is for at most {MOST_HOSTS} hosts", help="*.example.com stands for all below it")
    return hosts


def require_host(name: str, hosts: Sequence[str] | None, to: Destination) -> None:
    """Raise `NotForThere` where a secret that is for `hosts` must not go.

    `None` are those of a secret from before there were any: it goes anywhere. One without hosts goes where an operator
    or a holder of `secrets:write` has chosen the address, and nowhere that a spec alone names.
    """
    if hosts is None or (not hosts and to.is_chosen):
        return
    found = hosts_of(to.url)
    if found and all(any(_is_for(host, one) for one in hosts) for host in found):
        return
    wanted = found[0] if found else "HOST"
    advice = f"if it may go there, set it again with that host: girih secrets set {name} --host {wanted}"
    shown = ", ".join(found) or "an address whose host is not written in plain ASCII"
    told = f"is for {', '.join(hosts)}" if hosts else "is for no host"
    raise NotForThere(f"the secret '{name}' {told}, and is not sent to {shown}", help=advice)


def hosts_of(url: str) -> list[str]:
    """The hosts of an address (a database may have several) as they are compared; none for an ambiguous one."""
    found = _PLACE.match(url)
    return [host for part in found[2].split(",") if (host := _host(part))] if found else []


def _host(part: str) -> str:
    if part.startswith("["):
        return part[1:].partition("]")[0].lower()
    return part.partition(":")[0].lower().rstrip(".")


def _is_for(host: str, allowed: str) -> bool:
    return host.endswith(allowed[1:]) and host != allowed[2:] if allowed.startswith("*.") else host == allowed

"""What a key is limited to besides its permissions, and that nobody gives a key more than what he has."""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from ipaddress import IPv4Network, IPv6Network, ip_address, ip_network
from typing import Final
from uuid import UUID

from girih.errors import Forbidden, InvalidInput

MOST_AGENTS: Final = 50
MOST_NETWORKS: Final = 50
MOST_PROJECTS: Final = 100

_AGENT: Final = re.compile(r"(?=.{1,200}$)(?:[a-z0-9][a-z0-9._-]*\*?|\*)")
_HELP: Final = "make it with a key, or as a person, that is not so limited"


@dataclass(frozen=True)
class KeyLimits:
    """What a key is limited to. Nothing said is no limit; `projects` are those besides its own."""

    agents: tuple[str, ...] = ()
    """Names of agents; a `*` at the end stands for any rest."""
    projects: tuple[UUID, ...] = ()
    networks: tuple[str, ...] = ()
    """The addresses it may come from, as CIDR."""
    requests_per_minute: int | None = None
    runs_at_once: int | None = None


UNLIMITED: Final = KeyLimits()


def checked(limits: KeyLimits) -> KeyLimits:
    """The limits as they are kept: without repetitions, networks in one spelling. Raises `InvalidInput`."""
    agents = tuple(dict.fromkeys(limits.agents))
    for name in agents:
        if not _AGENT.fullmatch(name):
            raise InvalidInput(
                f"`{name[:100]}` names no agent", help="give names of agents, or their beginning followed by `*`"
            )
    if "*" in agents:
        raise InvalidInput("`*` is every agent", help="leave the agents out to make a key for all of them")
    networks = tuple(dict.fromkeys(str(_network(text)) for text in limits.networks))
    projects = tuple(dict.fromkeys(limits.projects))
    for what, given, most in (
        ("agents", agents, MOST_AGENTS), ("networks", networks, MOST_NETWORKS), ("projects", projects, MOST_PROJECTS),
    ):  # fmt: skip
        if len(given) > most:
            raise InvalidInput(f"a key is limited to {most} {what} at most, not to {len(given)}")
    return KeyLimits(agents, projects, networks, limits.requests_per_minute, limits.runs_at_once)


def within(wanted: KeyLimits, maker: KeyLimits) -> KeyLimits:
    """The limits of a key made by whoever has those of `maker`, which hold where nothing is said.

    Raises `Forbidden` for what goes beyond. Of projects nothing is asked here: `maker` says nothing of its own one.
    """
    agents = wanted.agents or maker.agents
    if beyond := [name for name in agents if not _covered(name, maker.agents)]:
        raise Forbidden(f"this key is not for the agents {', '.join(beyond)}, nor can one it makes be", help=_HELP)
    networks = wanted.networks or maker.networks
    if outside := [text for text in networks if not _inside(text, maker.networks)]:
        raise Forbidden(f"a key cannot come from where its maker may not: {', '.join(outside)}", help=_HELP)
    return KeyLimits(
        agents,
        wanted.projects,
        networks,
        _least("requests a minute", wanted.requests_per_minute, maker.requests_per_minute),
        _least("runs at once", wanted.runs_at_once, maker.runs_at_once),
    )


def covers(maker: KeyLimits, other: KeyLimits) -> bool:
    """Whether one with the limits of `maker` may know of, change and replace a key with those of the other."""
    try:
        return within(other, maker).agents == other.agents
    except Forbidden:
        return False


def ends_at(lifetime: timedelta | None, *, longest: timedelta | None, maker_ends: datetime | None) -> datetime | None:
    """When a key that is made now ends: at the latest with its maker, and never later than `longest` from now.

    Raises `InvalidInput` for one that is asked to live longer than keys may, `Forbidden` for longer than its maker.
    """
    if lifetime is not None and lifetime <= timedelta(0):
        raise InvalidInput("a key must be good for some time", help="give a positive `expires_in`")
    if lifetime is not None and longest is not None and lifetime > longest:
        raise InvalidInput(
            f"keys hold for {longest.days} days at most here", help="ask for less; rotate the key before it ends"
        )
    now = datetime.now(UTC)
    bound = lifetime or longest
    asked = now + bound if bound is not None else None
    if maker_ends is None:
        return asked
    if lifetime is not None and now + lifetime > maker_ends:
        raise Forbidden(f"a key cannot hold longer than its maker does, until {maker_ends.isoformat()}", help=_HELP)
    return min(asked, maker_ends) if asked is not None else maker_ends


def comes_from(address: str | None, networks: Sequence[str]) -> bool:
    """Whether a caller's address lies in one of the networks; of one that is not known nothing is believed."""
    if not networks:
        return True
    try:
        caller = ip_address((address or "").partition("%")[0])
    except ValueError:
        return False
    mapped = getattr(caller, "ipv4_mapped", None)
    return any((mapped or caller) in ip_network(text) for text in networks)


def _network(text: str) -> IPv4Network | IPv6Network:
    try:
        return ip_network(text.strip(), strict=False)
    except ValueError:
        raise InvalidInput(
            f"`{text[:100]}` is no network", help="give an address or a network as 192.0.2.0/24 or 2001:db8::/32"
        ) from None


def _covered(name: str, by: Iterable[str]) -> bool:
    """Whether all that a name or pattern means is meant by one of the others; where there are none, everything is."""
    known = tuple(by)
    return not known or any(
        name == one or (one.endswith("*") and name.removesuffix("*").startswith(one[:-1])) for one in known
    )


def _inside(text: str, networks: Sequence[str]) -> bool:
    inner = _network(text)
    return not networks or any(_contains(_network(outer), inner) for outer in networks)


def _contains(outer: IPv4Network | IPv6Network, inner: IPv4Network | IPv6Network) -> bool:
    if isinstance(outer, IPv4Network):
        return isinstance(inner, IPv4Network) and inner.subnet_of(outer)
    return isinstance(inner, IPv6Network) and inner.subnet_of(outer)


def _least(what: str, wanted: int | None, maker: int | None) -> int | None:
    if wanted is not None and maker is not None and wanted > maker:
        raise Forbidden(f"a key cannot be given {wanted} {what}, which its maker has {maker} of", help=_HELP)
    return wanted if wanted is not None else maker

"""Which addresses belong to the public network, and which names cannot."""

from __future__ import annotations

import ipaddress
import re
import unicodedata

Address = ipaddress.IPv4Address | ipaddress.IPv6Address

_NAT64 = ipaddress.ip_network("64:ff9b::/96")
_NEVER = tuple(
    map(
        ipaddress.ip_network,
        (
            *("192.0.0.0/24", "192.88.99.0/24", "2001::/23", "2002::/16", "64:ff9b:1::/48"),
            *("::/96", "3fff::/20", "5f00::/16", "fec0::/10"),
        ),
    )
)
"""Tunnels that hide another address, and what `ipaddress` still takes for global."""

_LOCAL_NAMES = ("localhost", "local", "internal", "localdomain", "home.arpa")
"""What names of no public network end with, by RFC 6761, 6762, 8375 and ICANN's word."""
_NUMBER = re.compile(r"[0-9]+|0x[0-9a-f]*")


def is_local_name(host: str) -> bool:
    """Whether a URL's host is no public one before anybody is asked: a name of this network, or an address.

    The host is read as resolvers would: other letters for the same digits and dots count as these, and what ends in a
    number is an IPv4 address in a spelling that nobody needs, unless it is a plain one.
    """
    plain = unicodedata.normalize("NFKC", host).replace("。", ".").strip("[]").rstrip(".").lower()
    if "%" in plain or any(plain == name or plain.endswith(f".{name}") for name in _LOCAL_NAMES):
        return True
    try:
        ipaddress.ip_address(plain)
    except ValueError:
        return bool(_NUMBER.fullmatch(plain.rpartition(".")[2]))
    return not is_public(plain)


def is_public(address: str) -> bool:
    """Whether an IP address belongs to the public network, also when it hides an IPv4 address."""
    try:
        ip = _unwrapped(ipaddress.ip_address(address))
    except ValueError:
        return False  # with a zone, or no address at all
    special = ip.is_multicast or ip.is_reserved or ip.is_link_local or ip.is_loopback or ip.is_unspecified
    return ip.is_global and not special and not any(ip in network for network in _NEVER)


def _unwrapped(ip: Address) -> Address:
    if isinstance(ip, ipaddress.IPv6Address):
        if ip.scope_id:
            raise ValueError("an address with a zone is a local one")
        if ip.ipv4_mapped:
            return ip.ipv4_mapped
        if ip in _NAT64:
            return ipaddress.IPv4Address(int(ip) & 0xFFFFFFFF)
    return ip

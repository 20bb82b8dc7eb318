"""The formats of JSON Schema that data is held against: dates and times, addresses, identifiers, patterns."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from contextlib import suppress
from datetime import date, time
from ipaddress import IPv4Address, IPv6Address
from urllib.parse import urlsplit
from uuid import UUID

from girih.language.spec.patterns import pattern_fault

_DATE = re.compile(r"\d{4}-\d{2}-\d{2}", re.ASCII)
_TIME = re.compile(r"(\d{2}:\d{2}:\d{2})(\.\d+)?([Zz]|[+-]\d{2}:\d{2})", re.ASCII)
_DURATION = re.compile(
    r"P(?:\d+W|(?=[\dT])(?:\d+Y)?(?:\d+M)?(?:\d+D)?(?:T(?=\d)(?:\d+H)?(?:\d+M)?(?:\d+S)?)?)", re.ASCII
)
_LABEL = re.compile(r"[A-Za-z0-9](?:[A-Za-z0-9-]{0,61}[A-Za-z0-9])?")
_LOCAL = re.compile(r"[^\s@<>()\[\],;:\\\"]{1,64}")
_SCHEME = re.compile(r"[A-Za-z][A-Za-z0-9+.-]*")
_NO_URI = re.compile(r"[^\x21-\x7e]|[\"<>\\^`{|}]|%(?![0-9A-Fa-f]{2})")
_NO_IRI = re.compile(r"[\x00-\x20\x7f\"<>\\^`{|}]|%(?![0-9A-Fa-f]{2})")
_POINTER = re.compile(r"(?:/(?:[^~/]|~[01])*)*", re.DOTALL)
_UUID = re.compile(r"[0-9A-Fa-f]{8}(?:-[0-9A-Fa-f]{4}){3}-[0-9A-Fa-f]{12}")


def fits(format: str, text: str) -> bool:
    """Whether a text is of the format; a format that is not among `FORMATS` says nothing about any text."""
    check = FORMATS.get(format)
    if check is None:
        return True
    with suppress(ValueError):
        return check(text)
    return False


def _is_date(text: str) -> bool:
    return _DATE.fullmatch(text) is not None and date.fromisoformat(text) is not None


def _is_time(text: str) -> bool:
    found = _TIME.fullmatch(text)
    if found is None:
        return False
    zone = found[3]
    if zone not in "Zz" and not (int(zone[1:3]) < 24 and int(zone[4:]) < 60):
        return False
    # A leap second has no other form in Python; RFC 3339 allows it.
    clock = f"{found[1][:6]}59" if found[1].endswith(":60") else found[1]
    return time.fromisoformat(clock) is not None


def _is_date_time(text: str) -> bool:
    return text[10:11] in ("T", "t") and _is_date(text[:10]) and _is_time(text[11:])


def _is_email(text: str) -> bool:
    local, at, host = text.rpartition("@")
    is_local = _LOCAL.fullmatch(local) is not None and ".." not in local and local.strip(".") == local
    return bool(at) and is_local and _is_host(host)


def _is_host(text: str) -> bool:
    name = text.removesuffix(".")
    return len(name) < 254 and all(_LABEL.fullmatch(label) for label in name.split("."))


def _is_uri(text: str, unfit: re.Pattern[str] = _NO_URI) -> bool:
    if unfit.search(text) or text.count("#") > 1:
        return False
    parts = urlsplit(text)
    scheme, colon, rest = text.partition(":")
    is_port = parts.port is None or parts.port >= 0  # a port that is none raises
    return bool(colon and rest) and _SCHEME.fullmatch(scheme) is not None and is_port


def _is_reference(text: str) -> bool:
    return not _NO_URI.search(text) and text.count("#") <= 1 and urlsplit(text) is not None


FORMATS: Mapping[str, Callable[[str], bool]] = {
    "date": _is_date,
    "time": _is_time,
    "date-time": _is_date_time,
    "duration": lambda text: _DURATION.fullmatch(text) is not None,
    "email": _is_email,
    "hostname": _is_host,
    "ipv4": lambda text: IPv4Address(text) is not None,
    "ipv6": lambda text: IPv6Address(text) is not None and "%" not in text,
    "uri": _is_uri,
    "iri": lambda text: _is_uri(text, _NO_IRI),
    "uri-reference": _is_reference,
    "uuid": lambda text: _UUID.fullmatch(text) is not None and UUID(text) is not None,
    "json-pointer": lambda text: _POINTER.fullmatch(text) is not None,
    "regex": lambda text: pattern_fault(text) is None,
}
"""Format → whether a text is of it. A check may also raise `ValueError` for one that is not."""

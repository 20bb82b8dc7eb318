"""From the address of a master key in a key service to what asks it there."""

from __future__ import annotations

import importlib
from collections.abc import Callable, Mapping
from dataclasses import dataclass

from girih.errors import Unavailable
from girih.providers.keys.base import KeyWrapper


@dataclass(frozen=True)
class _Service:
    """The module of a key service, the libraries it needs, and the extra that brings them."""

    module: str
    extra: str


_SERVICES: Mapping[str, _Service] = {
    "aws-kms": _Service("aws", "aws"),
    "vault": _Service("vault", "vault"),
    "google-kms": _Service("google", "google"),
}


def open_wrapper(address: str, vault_url: str, vault_token: str) -> KeyWrapper | None:
    """What asks for the master key at an address such as `aws-kms:KEY`; `None` for a text that is none.

    Raises `InvalidInput` for an address that cannot work, and `Unavailable` where an extra is missing.
    """
    scheme, colon, key = address.partition(":")
    service = _SERVICES.get(scheme) if colon else None
    if service is None:
        return None
    try:
        module = importlib.import_module(f"girih.providers.keys.{service.module}")
    except ModuleNotFoundError as fault:
        raise Unavailable(
            f"a master key is at {scheme}, and what speaks to it is not installed",
            help=f"install it: pip install 'girih[{service.extra}]'",
        ) from fault
    make: Callable[..., KeyWrapper] = module.open_key
    return make(key, vault_url, vault_token) if scheme == "vault" else make(key)

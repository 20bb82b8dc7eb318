"""The keys of `girih dev`'s own server: made once, kept in its data folder, in files that only their owner reads."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from pathlib import Path

from girih.embedded.processes import write_private
from girih.providers.signing.keys import SigningKey
from girih.services.identity.tokens import new_key_pem

_MADE: Mapping[str, tuple[str, Callable[[], str]]] = {
    "GIRIH_TOKEN_KEY": ("token-key.pem", new_key_pem),
    "GIRIH_SIGNING_KEY": ("signing-key.pem", lambda: SigningKey.made().pem()),
}
"""Setting → the file that its key is kept in, and how one is made."""


def own_keys(data_dir: Path, environment: Mapping[str, str]) -> dict[str, str]:
    """The settings that name these files, made where they are missing; what the environment sets already stays."""
    return {
        setting: str(_kept(data_dir / name, make))
        for setting, (name, make) in _MADE.items()
        if not environment.get(setting)
    }


def _kept(path: Path, make: Callable[[], str]) -> Path:
    if not path.exists():
        write_private(path, make())
    return path

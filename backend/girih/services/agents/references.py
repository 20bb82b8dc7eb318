"""How a version is spoken of: `name`, `name@alias`, `name@1.2.0`, `name@^1`, `name@sha256:…`."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Final, Literal

from girih.errors import InvalidInput
from girih.language.spec.semantic import is_version, parse_range

LATEST: Final = "latest"
"""The alias of the newest version; only publishing moves it."""

PROD: Final = "prod"
"""The alias that the first publish sets and that people move."""

_NAME = re.compile(r"[a-z][a-z0-9]*([-.][a-z0-9]+)*")
_ALIAS = re.compile(r"[a-z][a-z0-9]*(-[a-z0-9]+)*")
_DIGEST = re.compile(r"sha256:[0-9a-f]{64}")
_LONGEST: Final = 64


@dataclass(frozen=True)
class Reference:
    """A version of an agent: which agent, how the version is named, and its name."""

    name: str
    by: Literal["alias", "version", "range", "digest"]
    value: str

    def __str__(self) -> str:
        return f"{self.name}@{self.value}"


def is_name(text: str) -> bool:
    """Whether an agent may be called that."""
    return len(text) <= _LONGEST and _NAME.fullmatch(text) is not None


def parse_reference(text: str) -> Reference:
    """Read a reference; without `@` it means `latest`. Raises `InvalidInput` for what cannot be one."""
    name, at, value = text.partition("@")
    if not is_name(name):
        raise InvalidInput(f"`{_shown(text)}` does not name an agent", help="write `name` or `name@version`")
    return parse_version(name, value if at else LATEST)


def parse_version(name: str, value: str) -> Reference:
    """Read what stands after the `@`: an alias, a version, a range of versions or a digest."""
    if is_version(value):
        return Reference(name, "version", value)
    if parse_range(value) is not None:
        return Reference(name, "range", value)
    if _DIGEST.fullmatch(value):
        return Reference(name, "digest", value)
    if _ALIAS.fullmatch(value) and len(value) <= _LONGEST:
        return Reference(name, "alias", value)
    raise InvalidInput(
        f"`{_shown(value)}` does not name a version" if value else f"`{name}@` names no version after the `@`",
        help="use an alias (`prod`), a version (`1.2.0`), a range (`^1`, `~1.2`) or a digest (`sha256:…`)",
    )


def check_movable(alias: str) -> str:
    """An alias that people may move. Raises `InvalidInput` for `latest` and for what is no alias."""
    if alias == LATEST:
        raise InvalidInput("`latest` is always the newest version", help="choose another alias, such as `prod`")
    if not _ALIAS.fullmatch(alias) or len(alias) > _LONGEST:
        raise InvalidInput(
            f"`{_shown(alias)}` is not an alias", help="use lower-case words joined by `-`, such as `prod`"
        )
    return alias


def _shown(text: str) -> str:
    return text if len(text) <= _LONGEST else text[:_LONGEST] + "…"

"""Master keys: what wraps the keys that secrets are encrypted with, wherever it is kept."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Protocol, TypeAlias

from girih.errors import Unavailable

Context: TypeAlias = Mapping[str, str]
"""What a wrapped key is bound to: it unwraps with the same names and values only."""


class WrongKey(Unavailable):
    """What was to be decrypted does not belong to this key, or not to this place."""


class KeyWrapper(Protocol):
    """A master key. `id` names it beside what it has wrapped, and tells nothing of it; `kind` says where it is kept."""

    @property
    def id(self) -> str:
        """The same for as long as the key is the same."""
        ...

    @property
    def kind(self) -> str:
        """Where it is kept, for people."""
        ...

    async def wrap(self, key: bytes, context: Context) -> bytes:
        """Encrypt a key of 32 bytes. Raises `Unavailable`."""
        ...

    async def unwrap(self, wrapped: bytes, context: Context) -> bytes:
        """The key again. Raises `WrongKey`, and `Unavailable` where the master key cannot be asked."""
        ...


class MasterKeys:
    """The master key that wraps, and those that are known besides: what they wrapped can still be read."""

    def __init__(self, current: KeyWrapper, further: Sequence[KeyWrapper] = ()) -> None:
        self.current = current
        self._known = {one.id: one for one in (*further, current)}

    def __repr__(self) -> str:
        return f"MasterKeys(current={self.current.id!r})"

    def knows(self, id: str) -> bool:
        """Whether what the key of that name has wrapped can be read."""
        return id in self._known

    async def unwrap(self, master: str, wrapped: bytes, context: Context) -> bytes:
        """A key that the master key of that name has wrapped. Raises `WrongKey`, `Unavailable`."""
        if master not in self._known:
            raise Unavailable(
                f"secrets here are encrypted under the master key {master}, which this server does not have",
                help="set it as GIRIH_MASTER_KEY, or add it to GIRIH_FORMER_MASTER_KEYS",
            )
        return await self._known[master].unwrap(wrapped, context)

"""Which of several versions a caller gets: by weight, the same one for the same key, and few move when weights do."""

from __future__ import annotations

import hashlib
import math
from collections.abc import Sequence
from typing import Protocol, TypeVar
from uuid import UUID

_RANGE = 2.0**64


class Weighed(Protocol):
    """A version with a share."""

    @property
    def version_id(self) -> UUID:
        """What its share is known by."""
        ...

    @property
    def weight(self) -> int:
        """Percent, above 0."""
        ...


Share = TypeVar("Share", bound=Weighed)


def choose(shares: Sequence[Share], place: str, key: str) -> Share:
    """The share that the key falls to, in a split of traffic called `place`.

    Rendezvous hashing with weights: each share draws a number from the key and its own id, longer by its weight, and
    the longest wins. So a changed weight moves only those keys that its share wins or loses.
    """
    return max(shares, key=lambda share: (_drawn(place, key, share), share.version_id))


def _drawn(place: str, key: str, share: Weighed) -> float:
    text = "\0".join((place, key, str(share.version_id))).encode(errors="surrogatepass")
    number = int.from_bytes(hashlib.blake2b(text, digest_size=8).digest(), "big")
    return -share.weight / math.log((number + 0.5) / _RANGE)

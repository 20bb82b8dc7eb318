"""Which version of a pipeline a reference means."""

from __future__ import annotations

from collections.abc import Sequence

from girih.language.spec.semantic import highest, numbers_of, parse_range
from girih.services.pipelines.repository import Pointer


def pick(pointers: Sequence[Pointer], ref: str | None) -> Pointer | None:
    """The version that `ref` means, by number, digest or range; of several, and without `ref`, the highest."""
    if ref is None:
        return max(pointers, key=lambda one: numbers_of(one.version), default=None)
    asked = parse_range(ref)
    if asked is None:
        return next((one for one in pointers if ref in (one.version, one.digest)), None)
    return highest(pointers, asked, lambda one: one.version)

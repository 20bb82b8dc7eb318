"""Compiling without garbage collection: what a compilation makes is needed until its end, and it is bounded."""

from __future__ import annotations

import gc
from collections.abc import Iterator
from contextlib import contextmanager


@contextmanager
def without_collecting() -> Iterator[None]:
    """No cyclic garbage is looked for meanwhile.

    A collection in the middle of a large compilation looks at everything made so far and frees nothing: it takes a
    third of the time. Two threads may do this at once; the last one to leave may find it switched on already.
    """
    was_on = gc.isenabled()
    gc.disable()
    try:
        yield
    finally:
        if was_on:
            gc.enable()

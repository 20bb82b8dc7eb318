"""How a long-lived process starts: its modules load without garbage collection, and stay out of it for good."""

from __future__ import annotations

import gc
import importlib
import sys
import warnings
from collections.abc import Iterator
from contextlib import contextmanager

UNUSED = ("rich", "charset_normalizer", "opentelemetry.sdk")
"""What libraries look for as they load and do without: colours for faults, guesses at encodings, spans of their own.
No server uses them through these libraries, and each would hold their memory, 8 MB in all."""


def launch(module: str) -> int:
    """Load a module and run its `main`; gives the exit code.

    What loading makes is there to stay. Collecting in between only looks at it again and again, a sixth of the time;
    frozen, it is not looked at later either, and forked processes go on sharing its memory.
    """
    gc.disable()
    try:
        with _without(UNUSED):
            loaded = importlib.import_module(module)
        gc.freeze()
    finally:
        gc.enable()
    return int(loaded.main())


@contextmanager
def _without(names: tuple[str, ...]) -> Iterator[None]:
    """Let these look as if they were not installed. Who asks for them by name later finds them."""
    hidden = [name for name in names if name not in sys.modules]
    modules: dict[str, object] = dict.fromkeys(hidden)
    sys.modules.update(modules)  # type: ignore[arg-type]  # - `None` is how Python says "not to be found"
    try:
        with warnings.catch_warnings():
            # requests says so when it cannot guess encodings; only the tracing of LangSmith would use it.
            warnings.filterwarnings("ignore", message="Unable to find acceptable character detection")
            yield
    finally:
        for name in hidden:
            del sys.modules[name]

"""The `girih` program: Ctrl-C ends it with 130 from its first moment on, also while it is still being loaded."""

from __future__ import annotations

import gc
import importlib
import os
import signal
import sys
from types import FrameType

_INTERRUPTED = 130
"""As in `girih.cli.output`, which is not loaded yet."""


def main() -> None:
    """The entry point."""
    is_ours = signal.getsignal(signal.SIGINT) is signal.default_int_handler  # not where a shell has it ignored
    if is_ours:
        signal.signal(signal.SIGINT, _leave)
    gc.disable()  # what loading makes is there to stay; the app switches it on again once the command is loaded
    app = importlib.import_module("girih.cli.app")
    if is_ours:
        signal.signal(signal.SIGINT, signal.default_int_handler)
    sys.exit(app.run(sys.argv[1:]))


def _leave(number: int, frame: FrameType | None) -> None:
    del number, frame
    os._exit(_INTERRUPTED)

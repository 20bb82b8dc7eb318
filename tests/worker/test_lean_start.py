"""What the processes do not load: it would cost every start, and the worker's memory, for nothing."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from girih.launch import GATHERING, UNUSED

LOADERS = "lxml re2 sqlite3 girih.providers.loaders.web girih.providers.loaders.folder girih.providers.loaders.sqlite"
"""What data stores are read with; the API opens one only to try it."""


@pytest.mark.parametrize(
    ("module", "absent"),
    [
        (
            "girih.worker.ingestion",
            "langgraph langchain_core langsmith openai langchain_openai alembic fastapi girih.engine girih.services.runs",
        ),
        ("girih.worker.process", "langgraph langchain_core openai alembic fastapi girih.engine girih.services.runs"),
        ("girih.worker.running", "alembic openai langchain_openai fastapi girih.services.identity.service"),
        ("girih.api.server", f"alembic openai langchain_openai {LOADERS}"),
    ],
)
def test_a_process_loads_only_what_it_uses(module: str, absent: str) -> None:
    assert not _printed(f"import sys, {module}; print(*sys.modules)") & set(absent.split())


def test_the_api_launched_loads_nothing_that_libraries_do_without(tmp_path: Path) -> None:
    loaded = _launched(tmp_path, "print(*sys.modules)")
    assert {"httpcore", "langsmith.run_trees", "langgraph.pregel"} <= loaded
    assert not loaded & {*UNUSED, *GATHERING, *LOADERS.split()}
    assert not loaded & {"hpack", "langgraph_sdk.client", "langsmith.types.run", "opentelemetry.sdk.trace"}


def test_what_was_left_out_is_found_whole_by_who_asks_for_it_later(tmp_path: Path) -> None:
    whole = """from langgraph_sdk import get_client
    from langsmith.types import Run
    print(get_client.__name__, Run.__name__, *(importlib.import_module(name).__name__ for name in UNUSED))"""
    assert _launched(tmp_path, whole) == {"get_client", "Run", *UNUSED}


def _launched(folder: Path, main: str) -> set[str]:
    """What is printed by a process that loads the API as `python -m girih.api` does, but does this with it."""
    (folder / "probe.py").write_text(f"""import importlib, sys
import girih.api.server
from girih.launch import UNUSED
def main():
    {main}
    return 0
""")
    return _printed("from girih.launch import launch; launch('probe')", folder)


def _printed(program: str, folder: Path | None = None) -> set[str]:
    run = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True, cwd=folder)
    return set(run.stdout.split())

"""What the processes do not load: it would cost every start, and the worker's memory, for nothing."""

from __future__ import annotations

import subprocess
import sys

import pytest


@pytest.mark.parametrize(
    ("module", "absent"),
    [
        (
            "girih.worker.ingestion",
            "langgraph langchain_core langsmith openai langchain_openai alembic fastapi girih.engine girih.services.runs",
        ),
        ("girih.worker.process", "langgraph langchain_core openai alembic fastapi girih.engine girih.services.runs"),
        ("girih.worker.running", "alembic openai langchain_openai fastapi girih.services.identity.service"),
        ("girih.api.server", "alembic openai langchain_openai"),
    ],
)
def test_a_process_loads_only_what_it_uses(module: str, absent: str) -> None:
    program = f"import sys, {module}; print(*sys.modules)"
    run = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)
    assert not set(run.stdout.split()) & set(absent.split())

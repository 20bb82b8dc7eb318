"""The worker's process: opens the knowledge parts and works until a signal."""

from __future__ import annotations

import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from girih.errors import GirihError
from girih.logs import configure_logging
from girih.wiring.environment import read_settings
from girih.wiring.knowledge import open_knowledge, require_worker_settings
from girih.worker.app import Worker
from girih.worker.tasks import Knowledge

CONCURRENCY = 1
"""Documents at once: embedding uses every core already, and a second worker is a second process away."""


def main() -> int:
    """Work; 1 and one sentence when it cannot be started."""
    try:
        settings = read_settings()
        require_worker_settings(settings)
        configure_logging(settings.log_level, settings.log_format)
    except GirihError as fault:
        sys.stderr.write(f"girih: {fault.message}\n" + (f"  {fault.help}\n" if fault.help else ""))
        return 1

    @asynccontextmanager
    async def opening() -> AsyncIterator[Knowledge]:
        async with open_knowledge(settings) as knowledge:
            yield knowledge

    return Worker(settings.redis_url, opening).run(CONCURRENCY)

"""A worker for tests: a real Celery worker whose lease is short. Arguments: database, broker, data folder, lease, pause."""

from __future__ import annotations

import asyncio
import sys
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from datetime import timedelta
from pathlib import Path

from girih.db.engine import make_engine, make_sessions
from girih.db.unit_of_work import UnitOfWork
from girih.logs import configure_logging
from girih.providers.embeddings.hashing import Hashing
from girih.providers.embeddings.ladder import Embedders
from girih.services.knowledge.service import KnowledgeService
from girih.worker.ingestion import Worker
from girih.worker.pump import Pump


class Slow(Hashing):
    """The hashing embedder, which takes its time: there is a middle to be killed in."""

    name = "openai"  # the rung of the ladder it is put on
    pause = 0.2

    async def embed(self, texts: Sequence[str]) -> list[list[float]]:
        await asyncio.sleep(self.pause)
        return await super().embed(texts)


def main(database_url: str, redis_url: str, data_dir: str, lease: str, pause: str) -> int:
    Slow.pause = float(pause)

    @asynccontextmanager
    async def opening() -> AsyncIterator[Pump]:
        engine = make_engine(database_url, pool_size=3)
        uow = UnitOfWork(make_sessions(engine), lambda job, job_id: None)
        embedders = Embedders("openai", openai=Slow)
        knowledge = KnowledgeService(uow, Path(data_dir), embedders, lease=timedelta(seconds=float(lease)))
        async with Pump(knowledge.ingestion, look=0.5).running() as pump:
            yield pump
        await engine.dispose()

    configure_logging("info", "json")
    return Worker(redis_url, opening).run()


if __name__ == "__main__":
    sys.exit(main(*sys.argv[1:6]))

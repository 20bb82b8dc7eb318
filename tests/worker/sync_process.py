"""A worker for tests that syncs, its lease short. Arguments: database, broker, data folder, source, pause."""

from __future__ import annotations

import asyncio
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import timedelta
from pathlib import Path
from uuid import UUID

from girih.db.engine import make_engine, make_sessions
from girih.db.tenancy import OrgScope
from girih.db.unit_of_work import UnitOfWork
from girih.logs import configure_logging
from girih.providers.loaders.reach import Reach
from girih.providers.outbound import OutboundClient
from girih.providers.storage.local import LocalStorage
from girih.services.knowledge.document_schemas import Given
from girih.services.knowledge.documents import DocumentService
from girih.services.knowledge.schemas import DocumentOut
from girih.services.secrets.keyring import KeyRing
from girih.services.secrets.service import SecretService
from girih.services.sources.running import SyncRunner
from girih.services.sources.syncing import Syncing
from girih.worker.syncing import Desk, SyncWorker


class Slow(DocumentService):
    """The service of documents, which takes its time: there is a middle to be killed in."""

    pause = 0.1

    async def upload(
        self, scope: OrgScope, collection: str, given: Given | str, content: AsyncIterator[bytes] | bytes
    ) -> DocumentOut:
        await asyncio.sleep(self.pause / 2)
        document = await super().upload(scope, collection, given, content)
        await asyncio.sleep(self.pause / 2)
        return document

    async def delete(self, scope: OrgScope, id: UUID) -> None:
        await asyncio.sleep(self.pause)
        await super().delete(scope, id)


def main(database_url: str, redis_url: str, data_dir: str, source: str, pause: str) -> int:
    Slow.pause = float(pause)

    @asynccontextmanager
    async def opening() -> AsyncIterator[Desk]:
        engine = make_engine(database_url, pool_size=3)
        uow = UnitOfWork(make_sessions(engine), lambda job, job_id: None)
        documents = Slow(uow, LocalStorage(Path(data_dir)), Path(data_dir))
        client = OutboundClient()
        reach = Reach(client, {}, (Path(source),), lambda _: None, 2**20)
        runner = SyncRunner(
            uow,
            Syncing(uow, documents, reach, SecretService(uow, KeyRing(uow, None), lambda _: None)),
            lease=timedelta(seconds=1),
        )
        async with Desk(runner, look=0.2, grace=0.2).open() as desk:
            yield desk
        await client.aclose()
        await engine.dispose()

    configure_logging("info", "json")
    return SyncWorker(redis_url, opening).run()


if __name__ == "__main__":
    sys.exit(main(*sys.argv[1:]))

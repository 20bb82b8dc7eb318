"""A collection that is deleted leaves nothing behind."""

from __future__ import annotations

import pytest
from sqlalchemy import text
from tests.services.knowledge.conftest import Ingest, Publish
from tests.services.knowledge.shelf import TABLES

from girih.db.tenancy import OrgScope
from girih.db.unit_of_work import UnitOfWork
from girih.errors import NotFound
from girih.services.knowledge.collections import CollectionService


async def test_of_a_deleted_collection_nothing_stays(
    scope: OrgScope, publish: Publish, ingest: Ingest, shelves: CollectionService, uow: UnitOfWork
) -> None:
    tables = (*TABLES, "documents", "document_versions", "ingest_jobs", "search_indexes", "collections")
    await publish(scope)
    for name in "ab":
        assert (await ingest(scope, f"{name}.txt", b"Some words about " + name.encode())).status == "ready"
    await shelves.delete(scope, "docs")
    async with uow(scope) as work:
        left = {table: await work.session.scalar(text(f"SELECT count(*) FROM {table}")) for table in tables}
    assert left == dict.fromkeys(tables, 0)
    with pytest.raises(NotFound):
        await shelves.collection(scope, "docs")
    assert await publish(scope) == "create"

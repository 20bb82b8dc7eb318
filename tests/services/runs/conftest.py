"""What the tests of runs share: an office that publishes hand-written plans and opens services, one per "process"."""

from __future__ import annotations

from collections.abc import AsyncIterator

import pytest
from tests.services.runs.office import Office

from girih.db.direct import DirectPool
from girih.db.tenancy import OrgScope
from girih.db.unit_of_work import UnitOfWork


@pytest.fixture
async def direct(database_url: str) -> AsyncIterator[DirectPool]:
    """Two connections: enough for any number of runs."""
    pool = DirectPool(database_url, size=2)
    yield pool
    await pool.close()


@pytest.fixture
async def office(uow: UnitOfWork, scope: OrgScope, direct: DirectPool) -> AsyncIterator[Office]:
    """The test's own organization at work. Whatever still runs in the end is handed on."""
    office = Office(uow, scope, direct)
    yield office
    await office.close()

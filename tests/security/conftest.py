"""The one server that the proofs share, with all that two organizations have on it."""

from __future__ import annotations

from collections.abc import AsyncIterator

import pytest
from tests.conftest import fresh_database
from tests.security.asking import noted
from tests.security.places import World, open_world

from girih.db.direct import DirectPool
from girih.db.migrations import upgrade


@pytest.fixture(scope="session")
async def world(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[World]:
    # On a database of its own: its background would take over what tests of other rooms leave, and sweep for them.
    async with fresh_database() as database:
        await upgrade(database.owner)
        with pytest.MonkeyPatch.context() as patch:
            patch.setattr(DirectPool, "_fetch", noted)
            async with open_world(database.app, tmp_path_factory.mktemp("world")) as world:
                yield world

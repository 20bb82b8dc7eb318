"""The one server that the proofs share, with all that two organizations have on it."""

from __future__ import annotations

from collections.abc import AsyncIterator

import pytest
from tests.security.asking import noted
from tests.security.places import World, open_world

from girih.db.direct import DirectPool


@pytest.fixture(scope="package")
async def world(database_url: str, tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[World]:
    # No longer than these proofs: its reconciler would take over the orphaned runs that tests of other rooms make.
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(DirectPool, "_fetch", noted)
        async with open_world(database_url, tmp_path_factory.mktemp("world")) as world:
            yield world

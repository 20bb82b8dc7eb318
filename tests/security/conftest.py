"""The one server that the proofs share, with all that two organizations have on it."""

from __future__ import annotations

from collections.abc import AsyncIterator
from pathlib import Path

import pytest
from tests.api.test_canaries import forms, holding
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
            folder = tmp_path_factory.mktemp("world")
            async with open_world(database.app, folder) as world:
                yield world
                await swept(world, database.owner, folder)


async def swept(world: World, owner_url: str, folder: Path) -> None:
    """After everything that was asked of it: no value of a secret stands in a table or a file, and the marks do."""
    files = {path: path.read_bytes() for path in folder.rglob("*") if path.is_file()}
    for place in world.places:
        assert len(await holding(owner_url, place.scope, forms(place.mark))) > 10
        assert await holding(owner_url, place.scope, forms(place.secret)) == set()
        assert [
            path for path, content in files.items() for form in forms(place.secret) if form.encode() in content
        ] == []

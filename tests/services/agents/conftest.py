"""What the agents' tests share: the service, and texts to publish."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import pytest
from sqlalchemy import text

from girih.db.unit_of_work import UnitOfWork, Work
from girih.language.compiler.workspace import OtherSpec
from girih.services.agents.service import AgentService
from girih.services.registry.schemas import Action
from girih.services.registry.service import RegistryService


class NamesOnly:
    """Collections as far as publishing cares: their names and digests, kept in the transaction's own database."""

    async def put_collections(self, work: Work, specs: Sequence[OtherSpec]) -> Mapping[str, Action]:
        known = await self.collection_names(work)
        for spec in specs:
            await work.session.execute(
                text(
                    "INSERT INTO projects (id, org_id, name) VALUES (gen_random_uuid(), :org, :name) "
                    "ON CONFLICT DO NOTHING"
                ),
                {"org": work.speaks_for.org_id, "name": f"collection {spec.name}"},
            )
        return {spec.name: "unchanged" if spec.name in known else "create" for spec in specs}

    async def collection_names(self, work: Work) -> frozenset[str]:
        rows = await work.session.scalars(text("SELECT substr(name, 12) FROM projects WHERE name LIKE 'collection %'"))
        return frozenset(rows)


@pytest.fixture
def registry(uow: UnitOfWork) -> RegistryService:
    return RegistryService(uow)


@pytest.fixture
def agents(uow: UnitOfWork, registry: RegistryService) -> AgentService:
    return AgentService(uow, registry, NamesOnly())

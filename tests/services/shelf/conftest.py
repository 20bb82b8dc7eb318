"""What the shelf's tests share: agents in several versions, and the services that take versions off the shelf."""

from __future__ import annotations

from pathlib import Path

import pytest
from tests.services.agents.workspaces import HELLO

from girih.db.tenancy import OrgScope
from girih.db.unit_of_work import UnitOfWork
from girih.providers.embeddings.ladder import Embedders
from girih.services.agents.marking import ShelfService
from girih.services.agents.reading_back import WorkspaceService
from girih.services.agents.service import AgentService
from girih.services.knowledge.service import KnowledgeService
from girih.services.registry.service import RegistryService

GREETINGS = ("Hello", "Hi", "Good day")


@pytest.fixture
def knowledge(uow: UnitOfWork, tmp_path: Path) -> KnowledgeService:
    return KnowledgeService(uow, tmp_path, Embedders("hashing"))


@pytest.fixture
def agents(uow: UnitOfWork, knowledge: KnowledgeService) -> AgentService:
    return AgentService(uow, RegistryService(uow), knowledge)


@pytest.fixture
def workspace(uow: UnitOfWork, knowledge: KnowledgeService) -> WorkspaceService:
    return WorkspaceService(uow, RegistryService(uow), knowledge)


@pytest.fixture
async def published(agents: AgentService, scope: OrgScope) -> AgentService:
    """`hello` as 1.0.0, 1.0.1 and 1.0.2; `prod` is the first."""
    for greeting in GREETINGS:
        await agents.apply(scope, {"hello.yaml": HELLO.replace("Hello", greeting)})
    return agents


@pytest.fixture
def shelf(agents: AgentService) -> ShelfService:
    return agents.marking

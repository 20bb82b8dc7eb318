"""What the agents' tests share: the service, on the real registry and the real knowledge service."""

from __future__ import annotations

from pathlib import Path

import pytest

from girih.db.unit_of_work import UnitOfWork
from girih.providers.embeddings.ladder import Embedders
from girih.services.agents.service import AgentService
from girih.services.knowledge.service import KnowledgeService
from girih.services.registry.service import RegistryService


@pytest.fixture
def knowledge(uow: UnitOfWork, tmp_path: Path) -> KnowledgeService:
    return KnowledgeService(uow, tmp_path, Embedders("hashing"))


@pytest.fixture
def registry(uow: UnitOfWork) -> RegistryService:
    return RegistryService(uow)


@pytest.fixture
def agents(uow: UnitOfWork, registry: RegistryService, knowledge: KnowledgeService) -> AgentService:
    return AgentService(uow, registry, knowledge)

"""The models that enrichers ask: what speaks to providers is loaded with the first pipeline that has an enricher."""

from __future__ import annotations

import asyncio
import importlib
from collections.abc import Mapping
from contextlib import AsyncExitStack
from typing import Protocol

from girih.db.tenancy import OrgScope
from girih.db.unit_of_work import UnitOfWork
from girih.language.nodes.ports import Models
from girih.language.spec.tree import JsonObject
from girih.providers.outbound import ProviderClients
from girih.services.knowledge.enriching import Enriching
from girih.services.registry.service import RegistryService
from girih.services.secrets.service import SecretService
from girih.services.usage.allowances import Allowances
from girih.services.usage.metering import Metering
from girih.settings import Settings


class ProjectModels(Protocol):
    """The models of every project, and the documents they were made from."""

    async def of(self, scope: OrgScope, stamp: str | None) -> Models:
        """The project's models as they are now."""
        ...

    def documents(self, scope: OrgScope) -> Mapping[str, JsonObject]:
        """The project's documents by name, as they were last read."""
        ...


def make_enriching(
    stack: AsyncExitStack, settings: Settings, uow: UnitOfWork, provider: ProviderClients | None
) -> Enriching:
    """Enrichers over the projects' models, counted with the usage of runs."""
    known: list[ProjectModels] = []

    def load(secrets: SecretService) -> ProjectModels:
        ports = importlib.import_module("girih.services.runs.ports")
        models = importlib.import_module("girih.wiring.models")
        make = models.models_of(stack, settings, provider, secrets)
        projects: ProjectModels = ports.ProjectModels(RegistryService(uow), make)
        return projects

    async def models_of(scope: OrgScope) -> Models:
        if not known:
            secrets = await asyncio.to_thread(importlib.import_module, "girih.wiring.secrets")
            secrecy = await secrets.open_secrets(settings, uow)
            known.append(await asyncio.to_thread(load, secrecy.secrets))
        return await known[0].of(scope, None)

    def documents(scope: OrgScope) -> Mapping[str, JsonObject]:
        return known[0].documents(scope)

    return Enriching(models_of, Metering(uow, Allowances(uow), documents))

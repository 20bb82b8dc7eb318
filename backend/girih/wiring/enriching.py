"""The models that enrichers ask: what speaks to providers is loaded with the first pipeline that has an enricher."""

from __future__ import annotations

import asyncio
import importlib

from girih.db.tenancy import OrgScope
from girih.db.unit_of_work import UnitOfWork
from girih.language.nodes.ports import Models
from girih.providers.outbound import ProviderClients
from girih.services.knowledge.enriching import Enriching, ModelsOf
from girih.services.registry.service import RegistryService
from girih.services.usage.allowances import Allowances
from girih.services.usage.metering import Metering
from girih.settings import Settings


def make_enriching(settings: Settings, uow: UnitOfWork, provider: ProviderClients | None) -> Enriching:
    """Enrichers over the projects' models, counted with the usage of runs."""
    known: list[ModelsOf] = []

    def load() -> ModelsOf:
        ports = importlib.import_module("girih.services.runs.ports")
        searching = importlib.import_module("girih.wiring.searching")
        projects = ports.ProjectModels(RegistryService(uow), searching.models_of(settings, provider))

        async def of(scope: OrgScope) -> Models:
            models: Models = await projects.of(scope, None)
            return models

        return of

    async def models_of(scope: OrgScope) -> Models:
        if not known:
            known.append(await asyncio.to_thread(load))
        return await known[0](scope)

    return Enriching(models_of, Metering(uow, Allowances(uow)))

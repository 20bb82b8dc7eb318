"""Search with all that makes it better: the projects' models, and the operator's rerankers."""

from __future__ import annotations

from contextlib import AsyncExitStack

from girih.db.tenancy import OrgScope
from girih.db.unit_of_work import UnitOfWork
from girih.language.nodes.ports import Models
from girih.providers.credentials import Destination
from girih.providers.embeddings.ladder import Embedders
from girih.providers.outbound import OutboundClient, ProviderClients
from girih.providers.rerankers.http import HttpRerankers
from girih.providers.stores.base import VectorStores
from girih.services.knowledge.outside import Outside
from girih.services.knowledge.searching import SearchService
from girih.services.registry.service import RegistryService
from girih.services.runs.ports import ProjectModels
from girih.services.secrets.service import SecretService
from girih.services.usage.allowances import Allowances
from girih.services.usage.metered_models import MeteredModels
from girih.services.usage.metering import Metering
from girih.settings import Settings
from girih.wiring.environment import web_endpoints_of
from girih.wiring.models import models_of
from girih.wiring.secrets import secret_for

SEARCHES = "(search)", "(search)"
"""What usage of searches outside of runs is listed under, as agent and as node; neither can have such a name."""


def make_searches(
    stack: AsyncExitStack,
    settings: Settings,
    uow: UnitOfWork,
    embedders: Embedders,
    registry: RegistryService,
    provider: ProviderClients | None,
    stores: VectorStores,
    allowances: Allowances,
    secrets: SecretService,
) -> SearchService:
    """The service over an open database. What it holds open is closed with the stack.

    Models that no run asks are held to the budgets, and counted as searches.
    """
    outbound = OutboundClient(web_endpoints_of(settings))
    stack.push_async_callback(outbound.aclose)
    models = ProjectModels(registry, models_of(stack, settings, provider, secrets))

    metering = Metering(uow, allowances, models.documents)

    async def of(scope: OrgScope) -> Models:
        return MeteredModels(await models.of(scope, None), metering, scope, SEARCHES)

    def key_of(name: str) -> str | None:
        return secret_for(name, Destination(settings.endpoints[name], is_chosen=True))

    rerankers = HttpRerankers(outbound, settings.endpoints, key_of)
    return SearchService(uow, embedders, outside=Outside(uow, stores), models_of=of, rerankers=rerankers)

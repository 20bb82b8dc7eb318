"""Chat models of projects: what their documents and bindings lead to, with the keys of each."""

from __future__ import annotations

from collections.abc import Mapping
from contextlib import AsyncExitStack
from dataclasses import replace

from girih.db.tenancy import OrgScope
from girih.db.unit_of_work import UnitOfWork
from girih.language.nodes.ports import Models
from girih.language.spec.tree import JsonObject
from girih.providers.models.chat import make_models
from girih.providers.models.connections import Connections
from girih.providers.models.options import ModelOptions
from girih.providers.outbound import ProviderClients
from girih.services.events.service import EventService
from girih.services.registry.models import ModelService
from girih.services.registry.service import RegistryService
from girih.services.runs.ports import MakeModels
from girih.services.secrets.service import SecretService
from girih.services.usage.allowances import Allowances
from girih.services.usage.metered_models import MeteredModels
from girih.services.usage.metering import Metering
from girih.settings import Settings

TESTS = "(model test)", "(model test)"
"""What usage of tries of models is listed under, as agent and as node; neither can have such a name."""


def options_of(settings: Settings, provider: ProviderClients | None) -> ModelOptions:
    """What the operator has set for models."""
    return ModelOptions(
        openai_api_key=settings.openai_api_key.get_secret_value(),
        openai_base_url=settings.openai_base_url,
        openai_model=settings.openai_model,
        clients=provider,
        endpoints=settings.endpoints,
    )


def models_of(
    stack: AsyncExitStack, settings: Settings, provider: ProviderClients | None, secrets: SecretService
) -> MakeModels:
    """Makes a project's chat models of its documents. What they are asked through is closed with the stack."""
    connections = Connections()
    stack.push_async_callback(connections.aclose)
    options = replace(options_of(settings, provider), connections=connections)

    def make(scope: OrgScope, documents: Mapping[str, JsonObject]) -> Models:
        return make_models(documents, replace(options, secrets=secrets.of(scope)))

    return make


def make_model_service(
    stack: AsyncExitStack,
    settings: Settings,
    uow: UnitOfWork,
    registry: RegistryService,
    provider: ProviderClients | None,
    secrets: SecretService,
    allowances: Allowances,
    events: EventService,
) -> ModelService:
    """The service of models, whose tries are held against the budgets and counted."""
    make = models_of(stack, settings, provider, secrets)

    def ask(scope: OrgScope, documents: Mapping[str, JsonObject]) -> Models:
        metering = Metering(uow, allowances, lambda _: documents)
        return MeteredModels(make(scope, documents), metering, scope, TESTS)

    async def tell(scope: OrgScope, type: str, data: JsonObject, key: str) -> None:
        await events.publish(scope, type, data, key=key)

    return ModelService(uow, registry, options_of(settings, provider), ask, tell)

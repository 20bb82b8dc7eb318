"""Tools that were made of other files, or need packages, on their way to another server."""

from __future__ import annotations

import pytest

from girih.db.tenancy import OrgScope
from girih.db.unit_of_work import UnitOfWork
from girih.errors import Conflict
from girih.providers.signing.keys import SigningKey
from girih.services.agents.importing import Trust
from girih.services.agents.service import AgentService
from girih.services.agents.signing import Signing
from girih.services.identity.service import IdentityService
from girih.services.knowledge.service import KnowledgeService
from girih.services.registry.service import RegistryService
from girih.wiring.facilities import InstalledFacilities

SHOP = """\
openapi: 3.0.3
paths:
  /orders/{orderId}:
    get:
      operationId: getOrder
      parameters: [{ name: orderId, in: path, required: true, schema: { type: string } }]
      responses:
        "200": { content: { application/json: { schema: { $ref: '#/components/schemas/Order' } } } }
components:
  schemas:
    Order:
      type: object
      required: [orderId]
      properties: { orderId: { type: string }, total: { type: number, nullable: true } }
"""
FIND = """\
kind: tool/v1
name: shop.find
openapi: { document: shop.yaml, operation: getOrder, endpoint: shop, auth: { bearer: secret://shop.key } }
idempotent: true
retry: 2
"""
LOOK = """\
kind: graph/v1
name: look-desk
use: { find: tool://shop.find }
nodes:
  look: { call: find, with: { order_id: A-1 }, next: $end }
outputs: { order: "${ look.order_id }" }
"""


@pytest.fixture
def service(uow: UnitOfWork, registry: RegistryService, knowledge: KnowledgeService) -> AgentService:
    return AgentService(uow, registry, knowledge, InstalledFacilities(), signing=Signing(uow, SigningKey.made()))


async def test_a_tool_of_an_api_description_needs_none_there(
    uow: UnitOfWork, service: AgentService, registry: RegistryService, scope: OrgScope
) -> None:
    await service.apply(scope, {"shop.yaml": SHOP, "find.yaml": FIND, "look.yaml": LOOK})
    data = (await service.exporting.export(scope, "look-desk"))[1]
    away = (await IdentityService(uow).bootstrap(f"away-{SigningKey.made().public.kid[:12]}", "main")).scope
    await service.importing.take(away, data, Trust(allow_unsigned=True))
    assert (await registry.tools(away))["shop.find"] == (await registry.tools(scope))["shop.find"]


async def test_a_plug_in_has_to_be_there(
    uow: UnitOfWork, registry: RegistryService, knowledge: KnowledgeService, scope: OrgScope, service: AgentService
) -> None:
    here = AgentService(uow, registry, knowledge, signing=Signing(uow, SigningKey.made()))
    plug = "kind: tool/v1\nname: shop.find\ndescription: d\npython: { plugin: shop.find }\n"
    plug += "parameters: { order_id: string }\nreturns: { order_id: string }\n"
    await here.apply(scope, {"find.yaml": plug, "look.yaml": LOOK})
    data = (await here.exporting.export(scope, "look-desk"))[1]
    away = (await IdentityService(uow).bootstrap(f"away-{SigningKey.made().public.kid[:12]}", "main")).scope
    with pytest.raises(Conflict, match=r"the plug-in 'shop.find' is not installed on this server"):
        await service.importing.take(away, data, Trust(allow_unsigned=True))
    assert await registry.tools(away) == {}

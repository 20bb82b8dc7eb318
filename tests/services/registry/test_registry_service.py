"""Models and tools by name."""

from __future__ import annotations

from typing import Any

import pytest

from girih.db.engine import make_engine, make_sessions
from girih.db.tenancy import OrgScope
from girih.db.unit_of_work import UnitOfWork
from girih.language.compiler.plan import digest_of
from girih.language.compiler.workspace import OtherSpec
from girih.services.registry.service import RegistryService

SMALL = {"kind": "model/v1", "name": "small", "provider": "demo", "params": {"z": 1, "a": 2}}
TOOL = {"kind": "tool/v1", "name": "crm.lookup", "parameters": {"zip": "string", "age": "integer"}}


def spec(document: dict[str, Any]) -> OtherSpec:
    return OtherSpec(document["kind"], document["name"], "a.yaml", document, digest_of(document))


@pytest.fixture
def registry(uow: UnitOfWork) -> RegistryService:
    return RegistryService(uow)


async def put(uow: UnitOfWork, registry: RegistryService, scope: OrgScope, *documents: dict[str, Any]) -> list[str]:
    async with uow(scope) as work:
        return list((await registry.put(work, [spec(document) for document in documents])).values())


async def test_documents_are_created_updated_and_left_alone(
    uow: UnitOfWork, registry: RegistryService, scope: OrgScope
) -> None:
    assert await put(uow, registry, scope, SMALL, TOOL) == ["create", "create"]
    bigger = SMALL | {"model": "big"}
    assert await put(uow, registry, scope, bigger, TOOL) == ["update", "unchanged"]
    assert await registry.models(scope) == {"small": bigger}
    assert await registry.tools(scope) == {"crm.lookup": TOOL}


async def test_the_order_an_author_wrote_is_kept(uow: UnitOfWork, registry: RegistryService, scope: OrgScope) -> None:
    await put(uow, registry, scope, TOOL)
    assert list((await registry.tools(scope))["crm.lookup"]["parameters"]) == ["zip", "age"]


async def test_one_name_may_be_a_model_and_a_tool(uow: UnitOfWork, registry: RegistryService, scope: OrgScope) -> None:
    await put(uow, registry, scope, SMALL, TOOL | {"name": "small"})
    assert (await registry.models(scope))["small"]["kind"] == "model/v1"
    assert (await registry.tools(scope))["small"]["kind"] == "tool/v1"


async def test_organizations_do_not_see_each_other(
    uow: UnitOfWork, registry: RegistryService, scope: OrgScope, other_scope: OrgScope
) -> None:
    await put(uow, registry, other_scope, SMALL, TOOL)
    assert await registry.models(scope) == {}
    assert await registry.tools(scope) == {}
    assert await put(uow, registry, scope, SMALL) == ["create"], "a name is taken in its own organization only"


async def test_every_method_needs_one_connection(scope: OrgScope, database_url: str) -> None:
    engine = make_engine(database_url, pool_size=1, overflow=0)
    registry = RegistryService(UnitOfWork(make_sessions(engine), lambda *_: None))
    assert await registry.models(scope) == {}
    assert await registry.tools(scope) == {}
    await engine.dispose()

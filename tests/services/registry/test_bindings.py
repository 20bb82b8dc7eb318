"""What models are bound to: over their documents, in revisions that never change, seen by every process."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping

import pytest
from sqlalchemy import text
from sqlalchemy.exc import DBAPIError

from girih.db.tenancy import OrgScope
from girih.db.unit_of_work import UnitOfWork
from girih.language.compiler.workspace import OtherSpec
from girih.language.nodes.ports import Models
from girih.language.spec.canonical import digest_of
from girih.language.spec.tree import JsonObject
from girih.providers.models.chat import ModelOptions, make_models
from girih.services.registry import binding_repository
from girih.services.registry.service import RegistryService
from girih.services.runs import ports
from girih.services.runs.ports import ProjectModels

DOCUMENT = {
    "kind": "model/v1", "name": "writer", "provider": "openai", "model": "large", "params": {"top_k": 1},
    "price": {"input_per_million": 1.0, "output_per_million": 2.0}, "capabilities": {"tools": "none"},
}  # fmt: skip


async def apply(uow: UnitOfWork, scope: OrgScope, document: JsonObject) -> None:
    async with uow(scope) as work:
        spec = OtherSpec("model/v1", document["name"], "m.yaml", document, digest_of(document))
        await RegistryService(uow).put(work, [spec])


async def bind(
    uow: UnitOfWork, scope: OrgScope, name: str, binding: JsonObject | None, origin: str | None = None
) -> int:
    async with uow(scope) as work:
        await binding_repository.lock(work, scope)
        return (await binding_repository.add(work, scope, name, binding, origin)).revision


async def test_a_binding_wins_over_the_documents_keys_and_leaves_the_others(uow: UnitOfWork, scope: OrgScope) -> None:
    registry = RegistryService(uow)
    await apply(uow, scope, DOCUMENT)
    assert await registry.models(scope) == {"writer": DOCUMENT}
    binding = {"provider": "openai", "endpoint": "gpu", "secret": "secret://gpu", "model": "own", "params": {}}
    await bind(uow, scope, "writer", binding, "http://gpu:8000")
    (bound,) = (await registry.models(scope)).values()
    assert (bound["model"], bound["params"], bound["capabilities"]) == ("own", {}, {"tools": "none"})
    assert bound["at"] == {"endpoint": "gpu", "secret": "secret://gpu", "origin": "http://gpu:8000"}
    assert bound["price"] == DOCUMENT["price"]
    await bind(uow, scope, "writer", {"provider": "demo"})
    (demo,) = (await registry.models(scope)).values()
    assert (demo["provider"], demo["model"], demo["price"]) == ("demo", None, None)
    await bind(uow, scope, "writer", None)
    assert await registry.models(scope) == {"writer": DOCUMENT}


async def test_the_revision_of_a_model_changes_with_its_document_and_its_binding(
    uow: UnitOfWork, scope: OrgScope
) -> None:
    async def now() -> tuple[str, int]:
        async with uow(scope) as work:
            found = (await RegistryService(uow).model_revisions(work))["writer"]
        return found.digest, found.revision

    await apply(uow, scope, DOCUMENT)
    bare = await now()
    await bind(uow, scope, "writer", {"provider": "demo"})
    bound = await now()
    await apply(uow, scope, {**DOCUMENT, "model": "larger"})
    changed = await now()
    await apply(uow, scope, DOCUMENT)
    assert await now() == bound
    await bind(uow, scope, "writer", None)
    unbound = await now()
    assert (bare[1], bound[1], changed[1], unbound[1]) == (0, 1, 1, 2)
    assert len({bare[0], bound[0], changed[0]}) == 3
    assert unbound[0] == bare[0]


async def test_revisions_never_change_and_two_at_once_follow_each_other(uow: UnitOfWork, scope: OrgScope) -> None:
    numbers = await asyncio.gather(*(bind(uow, scope, "m", {"provider": "demo", "model": str(n)}) for n in range(5)))
    assert sorted(numbers) == [1, 2, 3, 4, 5]
    for statement in ("UPDATE model_bindings SET origin = 'x'", "DELETE FROM model_bindings"):
        with pytest.raises(DBAPIError):
            async with uow(scope) as work:
                await work.session.execute(text(statement))


async def test_bindings_are_of_one_project(uow: UnitOfWork, scope: OrgScope, other_scope: OrgScope) -> None:
    await bind(uow, scope, "m", {"provider": "demo"})
    assert await RegistryService(uow).models(other_scope) == {}
    async with uow(other_scope) as work:
        assert await RegistryService(uow).model_revisions(work) == {}
        assert not await binding_repository.is_known_at(work, other_scope, "secret://k", "https://x:443")


async def test_every_process_sees_another_binding_within_seconds_and_keeps_its_clients_until_then(
    uow: UnitOfWork, scope: OrgScope, monkeypatch: pytest.MonkeyPatch
) -> None:
    reads = 0

    class Counted(RegistryService):
        async def models(self, scope: OrgScope) -> dict[str, JsonObject]:
            nonlocal reads
            reads += 1
            return await super().models(scope)

    def make(_: OrgScope, documents: Mapping[str, JsonObject]) -> Models:
        return make_models(documents, ModelOptions())

    models = ProjectModels(Counted(uow), make)
    monkeypatch.setattr(ports, "FRESH", 60.0)
    first = await models.of(scope, "stamp")
    assert await models.of(scope, "stamp") is first
    assert await models.again(scope) is first
    assert reads == 1
    await bind(uow, scope, "m", {"provider": "demo"})
    assert await models.of(scope, "stamp") is first
    assert await models.of(scope, "another") is not first
    second = await models.of(scope, None)
    assert models.documents(scope) == {"m": {"provider": "demo", "model": None, "price": None}}
    await bind(uow, scope, "m", {"provider": "demo", "params": {"tokens": 3}})
    assert await models.again(scope) is second
    monkeypatch.setattr(ports, "FRESH", 0.0)
    assert await models.again(scope) is not second

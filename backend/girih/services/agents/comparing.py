"""Comparing versions of agents, published ones and ones that are only text yet."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from typing import NamedTuple

from girih.db.tenancy import OrgScope
from girih.db.unit_of_work import UnitOfWork
from girih.errors import InvalidInput, NotFound
from girih.language.comparing.changes import compare
from girih.language.compiler.pipeline import compile_workspace
from girih.language.compiler.plan import Plan
from girih.language.spec.suggest import hint
from girih.services.agents.catalog import catalog_of
from girih.services.agents.files import to_workspace
from girih.services.agents.invalid import invalid
from girih.services.agents.ports import Collections, Resolves
from girih.services.agents.schemas import ComparisonOut
from girih.services.registry.service import RegistryService


class Written(NamedTuple):
    """A graph that is text: the workspace it is a part of, and its name."""

    files: Mapping[str, str]
    name: str


class Comparing:
    """Reads both sides and compares what they mean; stores nothing."""

    def __init__(self, uow: UnitOfWork, registry: RegistryService, knowledge: Collections, published: Resolves) -> None:
        self._uow = uow
        self._registry = registry
        self._collections = knowledge
        self._published = published

    async def compare(self, scope: OrgScope, old: str | Written, new: str | Written) -> ComparisonOut:
        """What `new` does differently from `old`; each is a reference (`name@1.2.0`) or a graph in a text.

        Raises `NotFound` for what there is not, `SpecInvalid` with all findings for a workspace with errors.
        """
        before, called = await self._side(scope, old)
        after, calls = await self._side(scope, new)
        found = await asyncio.to_thread(compare, before, after)
        return ComparisonOut(old=called, new=calls, **found.as_dict())

    async def _side(self, scope: OrgScope, side: str | Written) -> tuple[Plan, str]:
        if isinstance(side, str):
            found = await self._published.resolve(scope, side)
            return found.plan, f"{found.name}@{found.version}"
        workspace = to_workspace(side.files)
        async with self._uow(scope) as work:
            catalog = await catalog_of(work, self._registry, self._collections, workspace)
        compilation = await asyncio.to_thread(compile_workspace, workspace, catalog)
        if side.name in compilation.plans:
            return compilation.plans[side.name], side.name
        if any(found.severity == "error" for found in compilation.diagnostics):
            raise invalid(compilation, "nothing was compared")
        if not compilation.plans:
            raise InvalidInput("there is no graph in these files", help="a graph's file begins with `kind: graph/v1`")
        raise NotFound(f"there is no graph `{side.name}` in these files", help=hint(side.name, compilation.plans))

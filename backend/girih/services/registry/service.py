"""Models and tools by name: what an agent's logical references stand for in its project."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence

from girih.db.tenancy import OrgScope
from girih.db.unit_of_work import UnitOfWork, Work
from girih.language.compiler.workspace import OtherSpec
from girih.language.spec.tree import JsonObject
from girih.services.registry import binding_repository, repository
from girih.services.registry.effective import ModelRevision, effective, says, stands_for
from girih.services.registry.schemas import Action
from girih.services.registry.tables import Model, Tool

TABLES: dict[str, repository.Table] = {"model/v1": Model, "tool/v1": Tool}
"""The kinds of documents the registry keeps, and where."""


class RegistryService:
    """Knows the models and tools of every project. A new document takes the place of the one with its name."""

    def __init__(self, uow: UnitOfWork) -> None:
        self._uow = uow

    async def models(self, scope: OrgScope) -> dict[str, JsonObject]:
        """What every model of the project comes to here, by name: its document, with what it is bound to over it.

        Without the built-in models, unless they are bound.
        """
        async with self._uow(scope) as work:
            return await self.effective(work)

    async def tools(self, scope: OrgScope) -> dict[str, JsonObject]:
        """Every `tool/v1` document of the project by name."""
        async with self._uow(scope) as work:
            return await repository.documents(work, scope, Tool)

    async def documents(self, work: Work, kind: str) -> dict[str, JsonObject]:
        """Every document of one kind by name, inside a transaction that is open already."""
        return await repository.documents(work, work.speaks_for, TABLES[kind])

    async def effective(self, work: Work) -> dict[str, JsonObject]:
        """As `models`, inside a transaction that is open already."""
        documents = await repository.documents(work, work.speaks_for, Model)
        return effective(documents, await binding_repository.current(work, work.speaks_for))

    async def bound(self, work: Work) -> dict[str, JsonObject]:
        """What bindings put in the place of documents' keys, by the name of each model that is bound."""
        rows = await binding_repository.current(work, work.speaks_for)
        return {name: says(row.binding) for name, row in rows.items() if row.binding is not None}

    async def model_revisions(self, work: Work) -> dict[str, ModelRevision]:
        """What the name of every model of the project stands for now; a name that is not here is a built-in model."""
        digests = await repository.digests(work, work.speaks_for, Model)
        rows = await binding_repository.current(work, work.speaks_for)
        return {name: stands_for(digests.get(name), rows.get(name)) for name in sorted({*digests, *rows})}

    async def digests(self, work: Work, kind: str) -> Mapping[str, str]:
        """The digest of every document of one kind by name, inside a transaction that is open already."""
        return await repository.digests(work, work.speaks_for, TABLES[kind])

    async def put(self, work: Work, specs: Sequence[OtherSpec]) -> dict[tuple[str, str], Action]:
        """Store models and tools inside an open transaction; returns what happened to each, by kind and name."""
        scope = work.speaks_for
        actions: dict[tuple[str, str], Action] = {}
        for kind, table in TABLES.items():
            wanted = [spec for spec in specs if spec.kind == kind]
            known = await repository.digests(work, scope, table)
            for spec in wanted:
                actions[kind, spec.name] = _action(known.get(spec.name), spec.digest)
            changed = [spec for spec in wanted if actions[kind, spec.name] != "unchanged"]
            if changed:
                await repository.put(work, scope, table, changed)
        return actions

    async def remove(self, work: Work, kind: str, names: Collection[str]) -> None:
        """Delete documents of one kind inside an open transaction."""
        await repository.remove(work, work.speaks_for, TABLES[kind], names)


def _action(known: str | None, digest: str) -> Action:
    if known is None:
        return "create"
    return "unchanged" if known == digest else "update"

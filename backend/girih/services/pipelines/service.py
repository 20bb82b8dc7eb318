"""Pipelines and their versions, as people read them."""

from __future__ import annotations

from girih.db.tenancy import OrgScope
from girih.db.unit_of_work import UnitOfWork
from girih.errors import NotFound
from girih.language.spec.suggest import hint
from girih.services.pipelines import repository
from girih.services.pipelines.schemas import PipelineOut, PipelineVersionOut


class PipelineService:
    """Knows the pipelines of every project."""

    def __init__(self, uow: UnitOfWork) -> None:
        self._uow = uow

    async def pipelines(self, scope: OrgScope) -> list[PipelineOut]:
        """Every pipeline of the project, by name."""
        async with self._uow(scope) as work:
            found = await repository.latest(work, scope)
        return [
            PipelineOut(
                name=pipeline.name,
                title=newest.document.get("title"),
                description=newest.document.get("description"),
                version=newest.version,
                number=newest.number,
                digest=newest.digest,
                created_at=pipeline.created_at,
                updated_at=newest.created_at,
            )
            for pipeline, newest in found
        ]

    async def versions(self, scope: OrgScope, name: str) -> list[PipelineVersionOut]:
        """Every version of a pipeline, the newest first. Raises `NotFound`."""
        async with self._uow(scope) as work:
            rows = await repository.versions(work, scope, name) if "\0" not in name else []
            if not rows:
                known = await repository.names(work, scope)
                raise NotFound(f"no pipeline `{name[:64]}` is published", help=hint(name, known, otherwise="published"))
        return [PipelineVersionOut.model_validate(row, from_attributes=True) for row in rows]

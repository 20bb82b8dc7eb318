"""The shelf: marks of versions, the collecting of old ones, and the reading of everything as files."""

from __future__ import annotations

from dataclasses import dataclass

from girih.db.unit_of_work import UnitOfWork
from girih.services.agents.marking import ShelfService
from girih.services.agents.ports import Collections
from girih.services.agents.reading_back import WorkspaceService
from girih.services.registry.service import RegistryService
from girih.services.retention.collecting import CollectingService
from girih.services.retention.service import RetentionService


@dataclass(frozen=True)
class Shelf:
    """What the doors know as `girih.shelf`."""

    marking: ShelfService
    collecting: CollectingService
    workspace: WorkspaceService


def make_shelf(
    uow: UnitOfWork,
    retention: RetentionService,
    registry: RegistryService,
    collections: Collections,
    marking: ShelfService,
) -> Shelf:
    """Its services."""
    return Shelf(
        marking,
        CollectingService(uow, retention),
        WorkspaceService(uow, registry, collections),
    )

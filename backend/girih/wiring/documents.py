"""The parts that documents, their contents and their collections need."""

from __future__ import annotations

from girih.db.unit_of_work import UnitOfWork
from girih.services.knowledge.collections import CollectionService
from girih.services.knowledge.contents import ContentService
from girih.services.knowledge.documents import DocumentService
from girih.settings import Settings
from girih.wiring.knowledge import make_storage


def make_shelves(settings: Settings, uow: UnitOfWork) -> tuple[DocumentService, ContentService, CollectionService]:
    """The services over one storage. Raises what `make_storage` raises."""
    storage, folder = make_storage(settings), settings.data_dir
    documents = DocumentService(
        uow,
        storage,
        folder,
        max_upload_bytes=settings.max_upload_mb * 2**20,
        versions=settings.document_versions,
    )
    return documents, ContentService(uow, storage, folder), CollectionService(uow, storage)

"""The parts that documents, their contents, their collections and their uploads need."""

from __future__ import annotations

from contextlib import AsyncExitStack
from datetime import timedelta

from girih.db.unit_of_work import UnitOfWork
from girih.services.knowledge.collections import CollectionService
from girih.services.knowledge.contents import ContentService
from girih.services.knowledge.documents import DocumentService
from girih.services.uploads.housekeeping import Housekeeping
from girih.services.uploads.service import UploadService
from girih.settings import Settings
from girih.wiring.knowledge import make_storage

Shelves = tuple[DocumentService, ContentService, CollectionService]


def make_shelves(settings: Settings, uow: UnitOfWork) -> Shelves:
    """The services over one storage. Raises what `make_storage` raises."""
    storage, folder, largest = make_storage(settings), settings.data_dir, settings.max_upload_mb * 2**20
    documents = DocumentService(uow, storage, folder, max_upload_bytes=largest, versions=settings.document_versions)
    return documents, ContentService(uow, storage, folder), CollectionService(uow, storage)


async def open_shelves(stack: AsyncExitStack, settings: Settings, uow: UnitOfWork) -> tuple[*Shelves, UploadService]:
    """The same with uploads, and with what tidies storage until the stack is closed."""
    documents, contents, collections = make_shelves(settings, uow)
    largest, kept = settings.max_upload_mb * 2**20, timedelta(hours=settings.upload_hours)
    uploads = UploadService(uow, make_storage(settings), documents, max_upload_bytes=largest, keep_for=kept)
    housekeeping = Housekeeping(uploads.expire, collections.sweep, every=min(settings.sweep_seconds, 300.0))
    housekeeping.start()
    stack.push_async_callback(housekeeping.stop)
    return documents, contents, collections, uploads

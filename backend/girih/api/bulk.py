"""Many files in one request: each is answered for by itself."""

from __future__ import annotations

from fastapi import Request

from girih.api.errors import status_of
from girih.api.given import given_of
from girih.api.uploads import Upload, uploads_of
from girih.db.tenancy import OrgScope
from girih.errors import GirihError, NotFound
from girih.services.knowledge.document_schemas import Taken
from girih.services.knowledge.documents import DocumentService


async def take_all(documents: DocumentService, scope: OrgScope, collection: str, request: Request) -> list[Taken]:
    """What became of each file of the form. Raises what is wrong with the form itself, if no file came before it."""
    taken: list[Taken] = []
    try:
        async for upload in uploads_of(request):
            taken += [await _take(documents, scope, collection, upload)]
    except GirihError as fault:
        if not taken:
            raise
        # What was taken stays taken, and the caller is to know of it.
        if taken[-1].detail != fault.message:
            taken.append(_refused("", fault))
    return taken


async def _take(documents: DocumentService, scope: OrgScope, collection: str, upload: Upload) -> Taken:
    try:
        document = await documents.upload(scope, collection, given_of(upload.filename, upload.fields), upload.content)
    except NotFound:
        raise
    except GirihError as fault:
        return _refused(upload.filename, fault)
    return Taken(name=upload.filename, document=document, status=202)


def _refused(name: str, fault: GirihError) -> Taken:
    return Taken(name=name, status=status_of(fault), code=fault.code, detail=fault.message, help=fault.help)

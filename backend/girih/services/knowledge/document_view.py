"""A document as callers see it."""

from __future__ import annotations

from girih.services.knowledge.document_repository import Described
from girih.services.knowledge.schemas import DocumentOut


def document_out(row: Described) -> DocumentOut:
    """A document as callers see it."""
    document, collection, job = row
    return DocumentOut.model_validate(
        {
            "id": document.id,
            "collection": collection,
            "name": document.name,
            "key": document.key,
            "size": document.size,
            "sha256": document.sha256,
            "media_type": document.media_type,
            "version": document.generation,
            "metadata": document.facts,
            "readers": document.readers,
            "source_id": document.source_id,
            "source_ref": document.source_ref,
            "status": document.status,
            "stage": job.stage if job else "done",
            "done": job.done if job else document.passages,
            "total": job.total if job else document.passages,
            "reason": document.reason,
            "chunks": document.passages,
            "pages": document.pages,
            "created_at": document.created_at,
            "updated_at": max(document.updated_at, job.updated_at) if job else document.updated_at,
        }
    )

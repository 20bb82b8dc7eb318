"""Metadata of documents: what can be stored, and what fits the fields that a collection declares."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from girih.errors import InvalidInput
from girih.language.spec.conform import contract
from girih.providers.parsers.document import clean
from girih.services.knowledge.tables import Collection


def require_storable(metadata: object) -> None:
    """Refuse text that the database cannot hold: NUL and halves of characters. Raises `InvalidInput`."""
    if isinstance(metadata, str) and clean(metadata) != metadata:
        raise InvalidInput("metadata holds characters that are no text", help="leave out control characters")
    if isinstance(metadata, Mapping):
        metadata = [*metadata, *metadata.values()]
    if isinstance(metadata, list | tuple):
        for one in metadata:
            require_storable(one)


def require_fitting(collection: Collection, metadata: Mapping[str, Any]) -> None:
    """Refuse metadata that the collection's own fields do not allow. Raises `InvalidInput`."""
    if collection.metadata_schema is None:
        return
    misfits = contract(collection.metadata_schema).misfits(dict(metadata))
    if misfits:
        where = f" `{misfits[0].path}`" if misfits[0].path else ""
        raise InvalidInput(
            f"the metadata{where} does not fit collection `{collection.name}`: {misfits[0].message}",
            help=f"its fields: {', '.join(collection.metadata_schema.get('properties', {})) or 'none'}",
            errors=[misfit.as_dict() for misfit in misfits],
        )

"""What a request says of a file beside its bytes: key, metadata, readers and where it comes from, as text fields."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TypeVar

from pydantic import TypeAdapter, ValidationError

from girih.errors import InvalidInput
from girih.services.knowledge.document_schemas import Facts, Given, Readers

LONGEST_REF = 1000
"""Characters of what a file is called where it comes from."""

T = TypeVar("T")

_FACTS: TypeAdapter[Facts] = TypeAdapter(Facts)
_READERS: TypeAdapter[Readers] = TypeAdapter(Readers)


def given_of(filename: str, fields: Mapping[str, str]) -> Given:
    """The file's name and what the fields say of it. Raises `InvalidInput`."""
    metadata = facts_of(fields["metadata"]) if "metadata" in fields else None
    readers = (
        _read(_READERS, "readers", fields["readers"], 'such as ["user:anna", "group:sales"]')
        if ("readers" in fields)
        else None
    )
    return Given(filename, fields.get("key"), metadata, readers, source_ref=_ref_of(fields))


def _ref_of(fields: Mapping[str, str]) -> str | None:
    ref = fields.get("source_ref")
    if ref is not None and not (0 < len(ref) <= LONGEST_REF and ref.isprintable()):
        raise InvalidInput(f"`source_ref` has 1 to {LONGEST_REF} printable characters")
    return ref


def facts_of(text: str) -> Facts:
    """Metadata as JSON. Raises `InvalidInput`."""
    return _read(_FACTS, "metadata", text, 'such as {"team": "sales", "years": [2024, 2025]}')


def _read(adapter: TypeAdapter[T], name: str, text: str, such: str) -> T:
    try:
        return adapter.validate_json(text, strict=True)
    except ValidationError as fault:
        first = fault.errors(include_url=False, include_input=False)[0]
        where = ".".join(str(part) for part in first["loc"][:1])
        at = f" at `{where[:80]}`" if where else ""
        raise InvalidInput(f"`{name}` cannot be read{at}: {first['msg']}", help=f"send it as JSON, {such}") from fault

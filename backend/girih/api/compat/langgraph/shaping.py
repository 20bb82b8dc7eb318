"""What the lists of the protocol have in common: parts of objects, and where the next page begins."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from typing import Annotated, Literal, TypeVar

from fastapi import Response
from pydantic import BaseModel, ConfigDict, Field

from girih.errors import InvalidInput
from girih.language.spec.tree import JsonObject, JsonValue

T = TypeVar("T")

Limit = Annotated[int, Field(ge=1, le=1000)]
Offset = Annotated[int, Field(ge=0, le=1_000_000_000)]
Order = Literal["asc", "desc"]


class Body(BaseModel):
    """A request's body; a field that is not known is refused by its name."""

    model_config = ConfigDict(extra="forbid")


def selected(objects: Sequence[JsonObject], select: Sequence[str] | None) -> list[JsonObject]:
    """The objects with the fields that were asked for. Raises `InvalidInput` for one that there is not."""
    if select is None:
        return list(objects)
    for found in objects[:1]:
        require_fields(select, found)
    return [{name: found[name] for name in select} for found in objects]


def require_fields(select: Sequence[str], known: Collection[str]) -> None:
    """Raise `InvalidInput` for a field that there is not."""
    unknown = next((name for name in select if name not in known), None)
    if unknown is not None:
        raise InvalidInput(f"select: there is no field '{unknown[:60]}'", help=f"there are: {', '.join(known)}")


def paged(response: Response, found: Sequence[T], *, offset: int, total: int) -> None:
    """Tell in the headers how many there are, and where the next page begins if there is one."""
    response.headers["x-pagination-total"] = str(total)
    if offset + len(found) < total:
        response.headers["x-pagination-next"] = str(offset + len(found))


def holds(whole: JsonValue, part: JsonValue) -> bool:
    """Whether the data contains that part, as `@>` of PostgreSQL has it."""
    if isinstance(whole, dict) and isinstance(part, dict):
        return all(name in whole and holds(whole[name], value) for name, value in part.items())
    if isinstance(whole, list) and isinstance(part, list):
        return all(any(holds(item, value) for item in whole) for value in part)
    return type(whole) is type(part) and bool(whole == part)


def refused(what: str, why: str, help: str) -> InvalidInput:
    """Something of the protocol that is not done here."""
    return InvalidInput(f"{what} is not possible here: {why}", help=help, param=what)

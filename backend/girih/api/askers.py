"""For whom documents are listed, shown and fetched: `user`, `group` and `role` in the query."""

from __future__ import annotations

from typing import Annotated

from fastapi import Depends, Query

Names = Annotated[
    list[Annotated[str, Query(min_length=1, max_length=200)]],
    Query(max_length=100, description="Of the asker; may be repeated."),
]


def _principals(
    user: Annotated[
        str | None,
        Query(
            min_length=1,
            max_length=200,
            description="For whom it is asked: documents that name readers are shown to those alone. "
            "For nobody in particular they are shown to keys with `knowledge:write`.",
        ),
    ] = None,
    group: Names = [],  # noqa: B006 - FastAPI copies it
    role: Names = [],  # noqa: B006 - FastAPI copies it
) -> list[str]:
    """For whom the request is made, as documents name their readers."""
    own = [f"user:{user}"] if user is not None else []
    return [*own, *(f"group:{name}" for name in group), *(f"role:{name}" for name in role)]


For = Annotated[list[str], Depends(_principals)]

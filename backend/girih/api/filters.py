"""Which runs or threads a list shall show, as its query parameters say."""

from __future__ import annotations

from datetime import datetime
from typing import Annotated, Any
from uuid import UUID

import orjson
from fastapi import Depends, Query

from girih.errors import InvalidInput
from girih.language.spec.tree import JsonObject
from girih.services.runs.plain import is_storable
from girih.services.runs.schemas import RunStatus
from girih.services.runs.search_repository import Wanted
from girih.services.runs.thread_repository import WantedThreads
from girih.services.runs.thread_schemas import ThreadStatus

Agent = Annotated[str | None, Query(max_length=64)]
Metadata = Annotated[
    str | None, Query(max_length=4000, description='JSON that has to be part of the metadata: `{"customer": 7}`.')
]


async def wanted_runs(
    agent: Agent = None,
    status: RunStatus | None = None,
    thread: UUID | None = None,
    user: Annotated[str | None, Query(max_length=200)] = None,
    tag: Annotated[list[str] | None, Query(max_length=20, description="All of them, if given more than once.")] = None,
    metadata: Metadata = None,
    since: Annotated[datetime | None, Query(description="Asked for at this moment or later.")] = None,
    until: Annotated[datetime | None, Query(description="Asked for before this moment.")] = None,
    delayed: Annotated[bool | None, Query(description="Whether it waits for its time to begin.")] = None,
) -> Wanted:
    """Which runs: everything that is given has to hold."""
    for name, moment in (("since", since), ("until", until)):
        if moment is not None and moment.tzinfo is None:
            raise InvalidInput(f"`{name}` needs a time zone", help=f"write {moment.isoformat()}Z for UTC")
    return Wanted(agent, status, thread, user, tag or (), _object(metadata), since, until, delayed)


async def wanted_threads(
    status: ThreadStatus | None = None, agent: Agent = None, metadata: Metadata = None
) -> WantedThreads:
    """Which threads: everything that is given has to hold."""
    return WantedThreads(status, agent, _object(metadata))


WantedRuns = Annotated[Wanted, Depends(wanted_runs)]
SomeThreads = Annotated[WantedThreads, Depends(wanted_threads)]


def _object(text: str | None) -> JsonObject:
    if text is None:
        return {}
    try:
        found: Any = orjson.loads(text)
    except orjson.JSONDecodeError as fault:
        raise InvalidInput(f"`metadata` is not JSON: {fault}", help='write an object: {"customer": 7}') from fault
    if not isinstance(found, dict) or not is_storable(found):
        raise InvalidInput("`metadata` has to be a JSON object of text that can be compared")
    return found

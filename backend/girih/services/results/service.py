"""Cached results of nodes, shared by the runs of a project: what cannot be kept or read is simply not there."""

from __future__ import annotations

import hashlib
import json
import logging

from girih.db.tenancy import OrgScope
from girih.db.unit_of_work import UnitOfWork
from girih.errors import Unavailable
from girih.language.spec.tree import JsonObject
from girih.services.results import repository

MAX_RESULT = 256_000
"""Bytes of one result as JSON; a larger one is not kept."""

MAX_ENTRIES = 10_000
"""Results of one project; above it the oldest go."""

_SWEEP_EVERY = 50
_AT_ONCE = 500
_log = logging.getLogger(__name__)


class ResultService:
    """All cached results. `of` is what the runs of one project reach."""

    def __init__(self, uow: UnitOfWork, *, max_entries: int = MAX_ENTRIES, sweep_every: int = _SWEEP_EVERY) -> None:
        self._uow = uow
        self._max_entries = max_entries
        self._sweep_every = sweep_every
        self._puts = 0

    def of(self, scope: OrgScope) -> ProjectResults:
        """The cached results of a project."""
        return ProjectResults(self, scope)

    async def get(self, scope: OrgScope, key: str) -> JsonObject | None:
        """The result, if there is one that still lives; none while the database does not answer."""
        try:
            async with self._uow(scope) as work:
                data = await repository.get(work, scope, _digest(key))
        except Unavailable as fault:
            _log.warning("a cached result could not be looked up: %s", fault.message)
            return None
        return None if data is None else dict(json.loads(data))

    async def put(self, scope: OrgScope, key: str, result: JsonObject, ttl: float) -> None:
        """Keep a result for `ttl` seconds, if it is not too large."""
        data = json.dumps(result).encode()
        if len(data) > MAX_RESULT:
            return
        try:
            async with self._uow(scope) as work:
                await repository.put(work, scope, _digest(key), data, ttl)
                if self._puts % self._sweep_every == 0:
                    await repository.sweep(work, scope, keep=self._max_entries, most=_AT_ONCE)
                self._puts += 1
        except Unavailable as fault:
            _log.warning("a result could not be cached: %s", fault.message)


class ProjectResults:
    """The `ResultCache` that the runs of one project reach."""

    def __init__(self, service: ResultService, scope: OrgScope) -> None:
        self._service = service
        self._scope = scope

    async def get(self, key: str) -> JsonObject | None:
        """See `ResultCache`."""
        return await self._service.get(self._scope, key)

    async def put(self, key: str, result: JsonObject, ttl: float) -> None:
        """See `ResultCache`."""
        await self._service.put(self._scope, key, result, ttl)


def _digest(key: str) -> str:
    return hashlib.sha256(key.encode("utf-8", "surrogatepass")).hexdigest()

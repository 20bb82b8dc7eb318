"""Requests that are safe to repeat: the same idempotency key gives the same answer, and does the work once."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass
from datetime import timedelta

from girih.db.tenancy import OrgScope
from girih.db.unit_of_work import UnitOfWork
from girih.errors import Conflict, InvalidInput
from girih.services.requests import repository

KEPT = timedelta(hours=24)
"""How long an answer stands for its request."""
HELD = timedelta(seconds=60)
"""After so long without an answer, the process that began the request is taken for gone."""
PATIENCE = 10.0
"""Seconds that a request waits for the answer to an equal one."""
LONGEST_KEY = 200
"""Characters of an idempotency key."""


@dataclass(frozen=True)
class Answer:
    """What was answered to a request."""

    status: int
    headers: Mapping[str, str]
    body: bytes

    @property
    def is_good(self) -> bool:
        """Whether it did what was asked."""
        return 200 <= self.status < 300


class RequestService:
    """Does each request with a key once."""

    def __init__(self, uow: UnitOfWork) -> None:
        self._uow = uow

    async def once(
        self, scope: OrgScope, key: str, route: str, request_hash: str, work: Callable[[], Awaitable[Answer]]
    ) -> Answer:
        """The answer of `work`, or the one it gave before under that key.

        Only a good answer is kept: what failed can be tried again. Raises `InvalidInput` for a key that was used for
        another request, `Conflict` when an equal request is still under way.
        """
        check_key(key)
        known = await self._begin(scope, key, route, request_hash)
        if known is not None:
            return known
        try:
            answer = await work()
        except BaseException:
            await self._free(scope, key)
            raise
        if not answer.is_good:
            await self._free(scope, key)
            return answer
        async with self._uow(scope) as unit:
            headers = dict(answer.headers)
            await repository.answer(unit, scope, key, status=answer.status, headers=headers, response=answer.body)
        return answer

    async def _begin(self, scope: OrgScope, key: str, route: str, request_hash: str) -> Answer | None:
        """Take the key for this request; or the answer that is there by now."""
        pause, waited = 0.02, 0.0
        while waited < PATIENCE:
            async with self._uow(scope) as unit:
                if await repository.take(
                    unit, scope, key, route=route, request_hash=request_hash, hold=HELD, keep=KEPT
                ):
                    return None
                row = await repository.found(unit, scope, key)
                if row is not None and (row.route, row.request_hash) != (route, request_hash):
                    raise InvalidInput(
                        "this idempotency key was used for another request", help="use a new key for a new request"
                    )
                if row is not None and row.status is not None and row.response is not None:
                    return Answer(row.status, row.headers or {}, row.response)
                if row is not None and await repository.take_over(unit, scope, key, hold=HELD):
                    return None
            await asyncio.sleep(pause)
            waited, pause = waited + pause, min(2 * pause, 0.5)
        raise Conflict("the same request is still under way", help="send it again in a moment")

    async def _free(self, scope: OrgScope, key: str) -> None:
        async with self._uow(scope) as unit:
            await repository.free(unit, scope, key)


def check_key(key: str) -> None:
    """Raise `InvalidInput` for what is no idempotency key."""
    if not 0 < len(key) <= LONGEST_KEY or not key.isprintable():
        raise InvalidInput(f"an idempotency key is 1 to {LONGEST_KEY} printable characters")

"""How many runs a caller and an organization may have at once: begun, or waiting for a slot."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from secrets import token_hex
from typing import Final

from girih.db.tenancy import OrgScope
from girih.db.unit_of_work import UnitOfWork
from girih.errors import TooManyAtOnce
from girih.providers.limits.tallies import Tally
from girih.services.runs import search_repository

WAIT: Final = 2
"""Seconds after which it is worth asking again."""

_CALLERS: Final = ("key:", "user:", "service:")
"""Who may be too many at once. Schedules have their own word on runs that overlap."""


@dataclass(frozen=True)
class Bounds:
    """The most runs at once; 0 is any number."""

    per_caller: int = 0
    per_organization: int = 0


class AtOnce:
    """Lets runs be accepted while there is room for them.

    The rows of runs are what is counted, so those of a process that vanished go on counting until they are taken over
    and end. The tally counts what is being accepted right now, in all processes.
    """

    def __init__(self, uow: UnitOfWork, tally: Tally, bounds: Bounds) -> None:
        self._uow = uow
        self._tally = tally
        self._bounds = bounds

    @asynccontextmanager
    async def room(self, scope: OrgScope) -> AsyncIterator[None]:
        """Keep room for one run while it is recorded. Raises `TooManyAtOnce`."""
        mine, everybodys = self._most(scope), self._bounds.per_organization
        if not (mine or everybodys) or not scope.actor.startswith(_CALLERS):
            yield
            return
        holder, names = token_hex(8), (f"runs:{scope.org_id}:{scope.actor}", f"runs:{scope.org_id}")
        try:
            coming = [await self._tally.join(name, holder) for name in names]
            async with self._uow(scope.whole()) as work:
                open_now = await search_repository.open_now(work, scope)
            for what, most, begun, more in zip(
                ("you", "your organization"), (mine, everybodys), open_now, coming, strict=True
            ):
                if most and begun + more > most:
                    raise TooManyAtOnce(
                        f"{what} may have {most} runs at once, and {begun} are open",
                        help="wait for one of them to end, or cancel one",
                        limit=most,
                        retry_after=WAIT,
                    )
            yield
        finally:
            for name in names:
                await self._tally.leave(name, holder)

    def _most(self, scope: OrgScope) -> int:
        """The caller's bound: the smaller one of its own and of that for everybody."""
        given = [most for most in (scope.runs_at_once, self._bounds.per_caller) if most]
        return min(given, default=0)

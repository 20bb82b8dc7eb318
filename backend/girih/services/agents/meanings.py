"""Says what references mean without asking the database each time, and hears in time when that changes."""

from __future__ import annotations

import asyncio
import random
from collections.abc import Awaitable, Callable
from contextlib import suppress
from dataclasses import replace
from typing import TypeAlias
from uuid import UUID

import structlog

from girih.db.tenancy import OrgScope
from girih.db.unit_of_work import UnitOfWork, Work
from girih.errors import NotFound
from girih.language.compiler.plan import Plan
from girih.services.agents import lookup_repository, target_repository
from girih.services.agents.finding import find
from girih.services.agents.lookups import Absent, Lookups, Meaning, Target
from girih.services.agents.references import Reference, parse_reference
from girih.services.agents.repository import Resolved
from girih.services.agents.schemas import PublishedAgent
from girih.services.agents.splitting import choose
from girih.services.shelf import mark_repository as marks

log = structlog.get_logger("girih.agents")

LOOK = 1.0
"""Seconds between two looks whether references have come to mean something else; the net below the doorbell."""

PlanOf: TypeAlias = Callable[[OrgScope, str], Awaitable[Plan]]


class Meanings:
    """What references mean right now: known at once here, and to other processes' changes within two seconds."""

    def __init__(self, uow: UnitOfWork, plan_of: PlanOf, lookups: Lookups | None = None) -> None:
        self._uow = uow
        self._plan_of = plan_of
        self._lookups = lookups or Lookups()
        self._background: asyncio.Task[None] | None = None

    async def start(self) -> None:
        """Begin to look for changes."""
        self._background = asyncio.create_task(self._run(), name="what references mean")

    async def stop(self) -> None:
        """Look no more."""
        task, self._background = self._background, None
        if task is not None:
            task.cancel()
            with suppress(asyncio.CancelledError):
                await task

    async def of(self, scope: OrgScope, ref: str) -> Meaning:
        """What the reference means. Raises `NotFound` with what there is, and `InvalidInput` for what is none."""
        known = self._lookups.find(scope, ref)
        if isinstance(known, Meaning):
            return known
        if known is not None:
            raise known.fault()
        reference, ticket = parse_reference(ref), self._lookups.ticket(scope)
        try:
            async with self._uow(scope) as work:
                found = await _read(work, scope, reference)
        except NotFound as fault:
            self._lookups.keep(scope, ref, Absent(fault.message, fault.help), ticket)
            raise
        self._lookups.keep(scope, ref, found, ticket)
        return found

    async def agent(self, scope: OrgScope, ref: str) -> PublishedAgent:
        """The version that the reference points at, with its plan. Raises as `of`."""
        meaning = await self.of(scope, ref)
        return await self._published(scope, meaning, meaning.main)

    async def pick(self, scope: OrgScope, ref: str, key: str | None, keeps: UUID | None = None) -> PublishedAgent:
        """The version for one caller. An alias may share its traffic out: the same key gets the same version.

        Without a key it is left to chance; `keeps` is the version to have if it has a share. Raises as `of`.
        """
        meaning = await self.of(scope, ref)
        for target in meaning.targets:
            if target.version_id == keeps:
                return await self._published(scope, meaning, target)
        place = f"{meaning.agent_id}@{meaning.alias}"
        drawn = key if key is not None else random.randbytes(16).hex()  # noqa: S311 - chance, and no secret
        chosen = choose(meaning.shares, place, drawn) if meaning.shares else meaning.main
        return await self._published(scope, meaning, chosen)

    def forget(self, scope: OrgScope, ref: str) -> None:
        """Ask the database the next time."""
        self._lookups.forget(scope, ref)

    def changed(self, project_id: UUID | None) -> None:
        """References of the project may mean something else by now; without one, those of any may."""
        self._lookups.changed(project_id)

    async def look(self) -> None:
        """Ask once, for all projects in use, whether something has changed."""
        projects = self._lookups.in_use()
        if not projects:
            return
        asked = self._lookups.clock()
        async with self._uow.reading_for("reconcile") as work:
            found = await lookup_repository.revisions(work, projects)
        self._lookups.confirm(asked, found, projects)

    async def _run(self) -> None:
        while True:
            await asyncio.sleep(LOOK)
            try:
                await self.look()
            except Exception as fault:  # noqa: BLE001 - the database may be away; nothing old is believed meanwhile
                log.warning("cannot look for changed aliases", error=type(fault).__name__)

    async def _published(self, scope: OrgScope, meaning: Meaning, target: Target) -> PublishedAgent:
        plan = await self._plan_of(scope, target.digest)
        version = target.version_id, meaning.name, target.version, target.digest
        return PublishedAgent(meaning.agent_id, *version, plan, target.notice)


async def _read(work: Work, scope: OrgScope, reference: Reference) -> Meaning:
    found: Resolved = await find(work, scope, reference)
    if reference.by != "alias":
        return Meaning(found.agent_id, reference.name, None, await _noticed(work, scope, _target(found)))
    shares = await target_repository.shares(work, scope, found.agent_id, reference.value)
    main, *others = [await _noticed(work, scope, one) for one in (_target(found), *shares)]
    return Meaning(found.agent_id, reference.name, reference.value, main, tuple(others))


def _target(found: Resolved) -> Target:
    return Target(found.version_id, found.version, found.digest)


async def _noticed(work: Work, scope: OrgScope, target: Target) -> Target:
    """The version, with what is said of it."""
    held = (await marks.holding(work, scope, version=target.version_id)).get(target.version_id)
    return target if held is None else replace(target, notice=held.notice)

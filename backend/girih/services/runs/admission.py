"""How a run is accepted: checked, recorded in one commit, and started here if there is room."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable, Iterable
from datetime import UTC, datetime, timedelta
from uuid import UUID

from girih.db.base import new_id
from girih.db.direct import DirectPool
from girih.db.tenancy import OrgScope
from girih.db.unit_of_work import UnitOfWork
from girih.engine.events import NewEvent, RunEvent
from girih.engine.inputs import checked_inputs
from girih.errors import Conflict, InvalidInput
from girih.language.spec.tree import JsonObject
from girih.providers.telemetry.context import TRACEPARENT
from girih.services.agents.schemas import PublishedAgent
from girih.services.runs import repository
from girih.services.runs.crash import CrashPoints
from girih.services.runs.executor import started
from girih.services.runs.feed import Hub
from girih.services.runs.links import Link, Opened
from girih.services.runs.plain import dump
from girih.services.runs.ports import Agents
from girih.services.runs.queue import Queue
from girih.services.runs.reconciler import Timing
from girih.services.runs.repository import Claim
from girih.services.runs.resolutions import Resolution, Resolutions
from girih.services.runs.roster import Roster
from girih.services.runs.schemas import RunIn, RunOut
from girih.services.runs.unstoppable import to_its_end
from girih.services.runs.watch import Watch

LONGEST_KEY = 200
"""Characters of an idempotency key."""


MOVES = 5
"""How often a reference may come to mean something else while a run of it is being recorded."""


class _MovedError(Exception):
    """The reference no longer means the version it was found to mean."""


class Admission:
    """Accepts runs for one process, which is known as `worker`."""

    def __init__(
        self,
        uow: UnitOfWork,
        pool: DirectPool,
        agents: Agents,
        hub: Hub,
        roster: Roster,
        queue: Queue,
        *,
        worker: str,
        timing: Timing,
        crash: CrashPoints,
        watch: Watch,
    ) -> None:
        self._uow = uow
        self._pool = pool
        self._resolutions = Resolutions(agents)
        self._hub = hub
        self._roster = roster
        self._queue = queue
        self._worker = worker
        self._timing = timing
        self._crash = crash
        self._watch = watch
        self.on_stopped: Callable[[Iterable[UUID]], None] = lambda _: None
        """Called with the runs that a new one on their thread has asked to stop, or ended."""

    async def create(self, scope: OrgScope, body: RunIn, key: str | None, link: Link | None = None) -> RunOut:
        """Accept a run, or find the one that was accepted with that key."""
        _check_plain(body)
        _not_yet(body)
        link = link or Link(body.thread_id, body.multitask)
        asked = _hash(body)
        known = await self._made_with(scope, key, asked)
        if known is not None:
            return known
        await self._watch.admit(scope)
        for _ in range(MOVES):
            found, inputs = await self._fitting(scope, body)
            try:
                # Whoever asked may leave meanwhile: what was accepted is started all the same.
                accepted = await to_its_end(self._accept(scope, found, inputs, body, key, asked, link))
            except _MovedError:
                self._resolutions.forget(scope, body.agent)
                continue
            if accepted is None:
                accepted = await self._made_with(scope, key, asked)
            if accepted is not None:
                return accepted
        raise Conflict(f"`{body.agent}` keeps changing its meaning", help="send the request again")

    async def _fitting(self, scope: OrgScope, body: RunIn) -> tuple[Resolution, JsonObject]:
        """What the reference means, and the inputs as that version takes them."""
        found = await self._resolutions.find(scope, body.agent)
        try:
            return found, checked_inputs(found.agent.plan.inputs, body.inputs)
        except InvalidInput:
            # It may mean another version by now, one that takes these inputs.
            self._resolutions.forget(scope, body.agent)
            found = await self._resolutions.find(scope, body.agent)
            return found, checked_inputs(found.agent.plan.inputs, body.inputs)

    async def _made_with(self, scope: OrgScope, key: str | None, asked: str) -> RunOut | None:
        """The run that was made with the key. Raises `InvalidInput` if something else was asked for then."""
        if key is None:
            return None
        if not 0 < len(key) <= LONGEST_KEY or not key.isprintable():
            raise InvalidInput(f"an idempotency key is 1 to {LONGEST_KEY} printable characters")
        async with self._uow(scope) as work:
            row = await repository.run_with_key(work, scope, key)
            if row is None:
                return None
            if row.request_hash != asked:
                raise InvalidInput(
                    "this idempotency key was used for another request",
                    help="use a new key for a new run",
                    run_id=str(row.id),
                )
            return repository.out(row)

    async def _accept(
        self,
        scope: OrgScope,
        found: Resolution,
        inputs: JsonObject,
        body: RunIn,
        key: str | None,
        asked: str,
        link: Link,
    ) -> RunOut | None:
        """Record the run, and start it if a slot is free; `None` if another run has the key by now."""
        is_here = not body.background and self._roster.reserve(new=True)
        run = _new_run(found.agent, inputs, body, link, is_here=is_here)
        opened = Opened()
        try:
            if not is_here or (link.thread is not None and link.multitask != "reject"):
                await self._queue.admit(scope)
            opened = await self._open(scope, found, run, key, asked if key else None, link)
        finally:
            if is_here and not (opened.stamp and opened.here):
                self._roster.give_back()
        if opened.stamp == "":
            raise _MovedError
        if opened.stamp is None:
            return None
        self._crash.here("run.created")
        self.on_stopped(opened.stopped)
        if opened.here:
            self._start(scope, run, opened, link)
            return run
        self._queue.ring(run.id)
        self._roster.expect()
        return run.model_copy(update={"status": "queued", "attempt": 0, "started_at": None})

    async def _open(
        self, scope: OrgScope, found: Resolution, run: RunOut, key: str | None, asked: str | None, link: Link
    ) -> Opened:
        is_here = run.status == "running"
        arguments = (
            scope.project_id,
            run.id,
            run.agent,
            found.alias,
            found.agent.version_id,
            run.version,
            run.digest,
            dump(run.inputs),
            dump(run.metadata),
            key,
            asked,
            self._worker if is_here else None,
            self._timing.lease_time,
            run.created_at,
            dump(started(run.agent, run.version, run.digest, run.inputs)),
            run.background,
            run.user,
            run.tags,
            run.expires_at,
            scope.actor,
            TRACEPARENT.get(),
        )
        if link.is_any:
            return Opened.of(await self._pool.call(scope, "open_linked_run", *arguments, link.text()), link)
        return Opened(await self._pool.call(scope, "open_run", *arguments), is_here)

    def _start(self, scope: OrgScope, run: RunOut, opened: Opened, link: Link) -> None:
        claim = Claim(
            scope=scope,
            run_id=UUID(run.id),
            fence=1,
            attempt=1,
            agent=run.agent,
            version=run.version,
            digest=run.digest,
            inputs=run.inputs,
            started_at=run.created_at,
            last_seq=1,
            user=run.user,
            traceparent=TRACEPARENT.get(),
            models_stamp=opened.stamp,
            thread_id=link.thread,
            state=opened.state,
            continues=link.source is not None,
        )
        feed = self._hub.open(scope, claim.run_id, 0)
        data = started(run.agent, run.version, run.digest, run.inputs)
        feed.publish([RunEvent(run.id, 1, 1, NewEvent("run.started", data, run.created_at))], [len(dump(data))])
        self._roster.start(claim, feed)


def _new_run(agent: PublishedAgent, inputs: JsonObject, body: RunIn, link: Link, *, is_here: bool) -> RunOut:
    now = datetime.now(UTC)
    return RunOut(
        id=str(new_id()),
        agent=agent.name,
        version=agent.version,
        digest=agent.digest,
        status="running" if is_here else "queued",
        inputs=inputs,
        metadata=body.metadata,
        background=body.background,
        user=body.user,
        tags=body.tags,
        thread_id=str(link.thread) if link.thread else None,
        source_run_id=str(link.source) if link.source else None,
        expires_at=now + timedelta(seconds=body.ttl) if body.ttl is not None else None,
        attempt=1 if is_here else 0,
        created_at=now,
        started_at=now if is_here else None,
    )


def _check_plain(body: RunIn) -> None:
    try:
        json.dumps([body.inputs, body.metadata], allow_nan=False)
    except (ValueError, TypeError, RecursionError) as fault:
        raise InvalidInput(
            f"inputs and metadata must be plain JSON: {fault}", help="JSON has no NaN and no infinite numbers"
        ) from fault


def _not_yet(body: RunIn) -> None:
    given = ("after_seconds", "webhook", "interrupt_before", "interrupt_after")
    named = [name for name in given if getattr(body, name)] + ["on_completion"] * (body.on_completion == "delete")
    if named:
        raise InvalidInput(f"`{named[0]}` is not served yet", help="leave it out")


def _hash(body: RunIn) -> str:
    text = json.dumps(body.model_dump(mode="json"), sort_keys=True)
    return hashlib.sha256(text.encode("ascii")).hexdigest()

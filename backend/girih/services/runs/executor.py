"""One run in this process: executed under its fence, and brought to exactly one end or handed on."""

from __future__ import annotations

import asyncio
import uuid
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from datetime import UTC, datetime
from functools import partial
from typing import Literal

import structlog
from structlog.contextvars import bind_contextvars

from girih.db.direct import DirectPool
from girih.db.patience import in_no_hurry
from girih.db.unit_of_work import UnitOfWork
from girih.engine.context import RunContext, usage_dict
from girih.engine.events import NewEvent
from girih.errors import GirihError, LeaseLost, Unavailable
from girih.language.compiler.plan import Plan
from girih.language.spec.tree import JsonObject
from girih.providers.telemetry.context import TRACEPARENT, of_run
from girih.services.runs import repository
from girih.services.runs.asker import RunAsker
from girih.services.runs.chats import given_of
from girih.services.runs.checkpoint_store import SqlCheckpointStore
from girih.services.runs.crash import CrashPoints
from girih.services.runs.feed import Hub
from girih.services.runs.held import Held
from girih.services.runs.interruption import Interruption
from girih.services.runs.journal import QUEUED, REFUSED, Journal, Pace
from girih.services.runs.new_run import started
from girih.services.runs.plain import dump
from girih.services.runs.ports import (
    Agents,
    DomainEvents,
    Executing,
    Knowledge,
    ProjectModels,
    RunEvents,
    RunModels,
    RunRetriever,
    World,
)
from girih.services.runs.repository import Claim
from girih.services.runs.thread_ends import left_to_thread
from girih.services.runs.watch import Watch

log = structlog.get_logger("girih.runs")


@dataclass(frozen=True)
class Ending:
    """How a run ended, or that it waits."""

    status: Literal["succeeded", "failed", "cancelled", "interrupted"]
    outputs: JsonObject | None = None
    error: JsonObject | None = None
    usage: JsonObject = field(default_factory=dict)
    """What the engine counted. It knows calls that gave no answer, the journal those of nodes that were cut off."""
    interruption: Interruption | None = None
    """It has not ended: it waits."""
    state: JsonObject | None = None
    """What `state:` holds at the end, where that is known."""

    def event(self, *, usage: JsonObject, duration_ms: int) -> NewEvent:
        """The last event of the run's feed."""
        shown: dict[str, tuple[str, JsonObject]] = {
            "succeeded": ("run.finished", {"outputs": self.outputs, "usage": usage}),
            "failed": ("run.failed", {"error": self.error, "usage": usage}),
            "cancelled": ("run.cancelled", {}),
        }
        name, data = shown[self.status]
        return NewEvent(name, data | {"duration_ms": duration_ms}, datetime.now(UTC))


def failure(message: str, *, help: str | None = None) -> JsonObject:
    """The error of a run that failed by no node's fault."""
    return {"kind": "internal", "message": message, "node": None, "help": help}


class Executor:
    """Executes runs with the engine, through the ports of their project."""

    def __init__(
        self,
        uow: UnitOfWork,
        pool: DirectPool,
        hub: Hub,
        *,
        engine: Executing,
        agents: Agents,
        models: ProjectModels,
        knowledge: Knowledge,
        events: DomainEvents,
        world: World,
        crash: CrashPoints,
        watch: Watch,
    ) -> None:
        self._uow = uow
        self._pool = pool
        self._hub = hub
        self._engine = engine
        self._agents = agents
        self._models = models
        self._knowledge = knowledge
        self._events = events
        self._world = world
        self._crash = crash
        self._watch = watch
        self._pace = Pace()
        self.on_waiting: Callable[[Claim, Interruption, bool], None] = lambda *_: None
        """Called when a run waits; with `True` when something it waits for is there already and it is queued."""
        self.on_left: Callable[[Claim], Awaitable[None]] = _go_on
        """Called when a run on a thread has ended, so that the next one begins."""

    async def execute(self, held: Held) -> None:
        """Execute a claimed run. Stops without a word when the lease is lost or the database stays away."""
        watch = self._watch.of(held.claim)
        journal = Journal(self._pool, held.feed, held.claim, lambda: held.stop("cancel"), watch, self._pace)
        journal.crash = self._crash
        _name(held.claim)
        await self._to_its_end(held, journal)

    async def _to_its_end(self, held: Held, journal: Journal) -> None:
        left = "lost"
        try:
            ending = await self._ending(held, journal)
            if ending is not None and ending.interruption is not None:
                await self._interrupt(held, journal, ending, ending.interruption)
                left = "interrupted"
            elif ending is not None:
                await self._finish(held, journal, ending)
                left = "ended"
            elif held.reason == "release":
                await self._release(held.claim, journal)
                left = "release"
        except (LeaseLost, Unavailable) as fault:
            log.warning("run given up here", reason=fault.message)
        finally:
            self._hub.close(held.feed)
            journal.close()
            journal.watch.left(left)

    async def _ending(self, held: Held, journal: Journal) -> Ending | None:
        """Execute the graph; `None` when it was stopped to go on elsewhere."""
        try:
            if held.claim.cancel_requested:
                return Ending("cancelled")
            return await self._execute(held.claim, journal)
        except asyncio.CancelledError:
            task = asyncio.current_task()
            if held.reason is None or task is None:
                raise
            task.uncancel()
            return Ending("cancelled") if held.reason == "cancel" else None
        except (LeaseLost, Unavailable):
            raise
        except Exception as fault:  # whatever went wrong, an accepted run comes to an end
            if journal.fault is not None:
                raise journal.fault from fault
            return Ending("failed", error=_unforeseen(fault))
        finally:
            held.beyond_stopping = True

    async def _execute(self, claim: Claim, journal: Journal) -> Ending:
        try:
            plan = await self._plan(claim)
            journal.redact = plan.redact
        finally:
            self._announce(claim, journal)
        outcome = await self._engine.execute(plan, run=self._context(claim, journal))
        journal.check()
        if outcome.status != "interrupted":
            return Ending(outcome.status, outcome.outputs, outcome.error, outcome.usage, state=outcome.state)
        interruption = Interruption.of(outcome.pauses, claim.waits.deadlines)
        if fault := interruption.fault:
            return Ending("failed", error=failure(fault), usage=outcome.usage)
        return Ending("interrupted", usage=outcome.usage, interruption=interruption)

    def _announce(self, claim: Claim, journal: Journal) -> None:
        now = datetime.now(UTC)
        if claim.last_seq == 0:
            journal.emit(NewEvent("run.started", started(claim.agent, claim.version, claim.digest, claim.inputs), now))
        elif claim.attempt > 1:
            journal.emit(NewEvent("run.resumed", {"attempt": claim.attempt, **claim.waits.news}, now))

    def _context(self, claim: Claim, journal: Journal) -> RunContext:
        scope = claim.scope
        return RunContext(
            run_id=str(claim.run_id),
            inputs=claim.inputs,
            models=RunModels(self._models, scope, claim.models_stamp, journal.watch.allowance),
            retriever=RunRetriever(self._knowledge, scope, RunAsker(self._uow, scope, claim.run_id)),
            tools=self._world.tools(scope),
            memory=self._world.memory(scope),
            sandbox=self._world.sandbox,
            scanner=self._world.scanner,
            events=RunEvents(self._events, scope, claim.run_id),
            cache=self._world.cache(scope),
            plans=lambda digest: self._agents.plan(scope, digest),
            checkpoints=self._store(claim, journal),
            emit=journal.emit,
            resume=claim.attempt > 1 or claim.continues,
            started_at=claim.started_at,
            attempt=claim.attempt,
            user=claim.user,
            state=claim.state,
            messages=(claim.chat or {}).get("messages", ()),
            given=given_of(claim.chat),
            replies=claim.waits.replies,
            spent=claim.spent,
            breakpoints=claim.breakpoints,
            max_steps=claim.max_steps,
        )

    def _store(self, claim: Claim, journal: Journal) -> SqlCheckpointStore:
        return SqlCheckpointStore(self._uow, journal, claim.scope, claim.run_id, self._crash, journal)

    async def _interrupt(self, held: Held, journal: Journal, ending: Ending, interruption: Interruption) -> None:
        """Let the run wait, unless it was asked to stop meanwhile. Nobody holds it from then on."""
        self._crash.here("interrupt.before")
        verdict = await journal.write(
            "interrupt_run",
            *interruption.columns(),
            dump(_usage(journal, ending) | {"models": journal.tally.models}),
            last=interruption.event(),
            committed=held.let_go,
        )
        self._crash.here("interrupt.after")
        if verdict == REFUSED:
            await self._finish(held, journal, Ending("cancelled", usage=ending.usage))
        else:
            self.on_waiting(held.claim, interruption, verdict == QUEUED)

    async def _finish(self, held: Held, journal: Journal, ending: Ending) -> None:
        """The run's last event and its final state, in one commit."""
        self._crash.here("finish.before")
        usage = _usage(journal, ending)
        duration = datetime.now(UTC) - held.claim.started_at
        function: str = "finish_run"
        left: tuple[object, ...] = ()
        if held.claim.thread_id is not None:
            store = self._store(held.claim, journal)
            function, left = (
                "finish_run_on_thread",
                await left_to_thread(held.claim, ending.status, ending.state, store, partial(self._plan, held.claim)),
            )
        await journal.end(
            function,
            ending.status,
            None if ending.outputs is None else dump(ending.outputs),
            None if ending.error is None else dump(ending.error),
            dump(usage | {"models": journal.tally.models}),
            *left,
            last=ending.event(usage=usage, duration_ms=max(0, round(duration.total_seconds() * 1000))),
            # Who sees the end of one run may start the next one at once, and shall find the slot free.
            committed=held.let_go,
        )
        self._crash.here("finish.after")
        if held.claim.thread_id is not None:
            await self.on_left(held.claim)

    async def _plan(self, claim: Claim) -> Plan:
        return await self._agents.plan(claim.scope, claim.digest)

    async def _release(self, claim: Claim, journal: Journal) -> None:
        """Hand the run on. What was emitted since the last checkpoint will be emitted again by who goes on from it."""
        await journal.catch_up()
        await journal.settle()
        async with self._uow(claim.scope) as work:
            await repository.release(work, claim.run_id, claim.fence)


def _name(claim: Claim) -> None:
    """What logs of this task are found by, and the trace that its calls belong to. A task's context is its own."""
    bind_contextvars(run_id=str(claim.run_id), org_id=str(claim.scope.org_id), attempt=claim.attempt)
    in_no_hurry()
    TRACEPARENT.set(of_run(str(claim.run_id), claim.traceparent).header())


async def _go_on(_: Claim) -> None:
    """Nothing begins."""


def _usage(journal: Journal, ending: Ending) -> JsonObject:
    tally = journal.tally
    return {name: max(count, ending.usage.get(name, 0)) for name, count in usage_dict(tally.usage).items()}


def _unforeseen(fault: Exception) -> JsonObject:
    if isinstance(fault, GirihError):
        return failure(fault.message, help=fault.help)
    number = uuid.uuid4().hex[:12]
    log.error("run failed", fault=number, exc_info=fault)
    return failure(f"an internal fault ({number})", help=f"ask the operator; the server's log has it under {number}")

"""How a run begins for a client of the LangGraph server protocol: anew, from an earlier state, or by an answer."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any
from uuid import UUID

from girih.api.compat.langgraph.assistants import agent_meant, agent_of, has_moved
from girih.api.compat.langgraph.frames import LAST, START, Place
from girih.api.compat.langgraph.run_body import RunBody, check, check_again, check_unheard
from girih.api.compat.langgraph.run_input import run_in
from girih.api.compat.langgraph.run_waits import answers_to, waiting_run
from girih.api.compat.langgraph.values import state_from, written
from girih.db.tenancy import OrgScope
from girih.errors import Conflict, InvalidInput, ThreadBusy
from girih.services.runs.replay_schemas import RetryIn, RunChange
from girih.services.runs.schemas import ResumeIn, RunIn, RunOut
from girih.services.runs.search_repository import Wanted
from girih.services.runs.thread_schemas import ThreadIn
from girih.wiring.server import Girih


@dataclass(frozen=True)
class Started:
    """A run, and the place after which its answer to this request comes."""

    run: RunOut
    after: Place = START


async def start(girih: Girih, scope: OrgScope, thread_id: UUID | None, body: RunBody, key: str | None) -> Started:
    """Start what was asked for, or resume the thread's run. Raises `InvalidInput` with the name of what is refused."""
    check(body, thread_id)
    try:
        return await _start(girih, scope, thread_id, body, key)
    except InvalidInput:
        if not await has_moved(girih, scope, body.assistant_id):
            raise
        # The agent is another version by now, one that may take this.
        return await _start(girih, scope, thread_id, body, key)


async def start_all(girih: Girih, scope: OrgScope, bodies: Sequence[RunBody]) -> list[Started]:
    """Start runs that are on no thread, once all of them fit. Raises `InvalidInput`."""
    asked = []
    for body in bodies:
        check(body, None)
        check_unheard(body)
        asked.append(run_in(await agent_of(girih, scope, body.assistant_id), body, None))
    await girih.runs.replays.check(scope, asked)
    return [await start(girih, scope, None, body, None) for body in bodies]


async def _start(girih: Girih, scope: OrgScope, thread_id: UUID | None, body: RunBody, key: str | None) -> Started:
    thread_id, may_wait = await _thread(girih, scope, thread_id, body)
    if thread_id is None:
        return await _alone(girih, scope, body, key)
    if body.is_new:
        asked = run_in(await agent_meant(girih, scope, body.assistant_id), body, thread_id)
        return Started(await _new(girih, scope, asked, key, makes_thread=body.if_not_exists == "create"))
    if body.is_update:
        return await _updated(girih, scope, thread_id, body, key)
    waiting = await waiting_run(girih, scope, thread_id) if may_wait else None
    if body.is_end:
        return await _ended(girih, scope, thread_id, waiting)
    if body.is_resume or (waiting is not None and body.input is None and body.checkpoint_named is None):
        return await _resumed(girih, scope, thread_id, body, waiting)
    agent = await agent_meant(girih, scope, body.assistant_id)
    asked = run_in(agent, body, thread_id)
    if body.checkpoint_named is not None:
        return await _from_checkpoint(girih, scope, thread_id, body, asked, waiting)
    if (failed := await _failed(girih, scope, thread_id)) is not None:
        return await _again(girih, scope, body, UUID(failed.id), None)
    return Started(await girih.runs.create(scope, asked, key))


async def _alone(girih: Girih, scope: OrgScope, body: RunBody, key: str | None) -> Started:
    """A run on no thread."""
    if body.is_resume or body.is_end or body.is_update:
        raise InvalidInput("`command` is for the run of a thread: name the thread", param="command")
    agent = await agent_meant(girih, scope, body.assistant_id)
    return Started(await girih.runs.create(scope, run_in(agent, body, None), key))


async def _new(girih: Girih, scope: OrgScope, asked: RunIn, key: str | None, *, makes_thread: bool) -> RunOut:
    """A run with an input of its own. One that waits on the thread gives way, and the thread keeps what it did.

    Mostly none does: so it is only looked for where the new run could not begin at once.
    """
    thread_id = asked.thread_id
    assert thread_id is not None  # noqa: S101 - asked for runs on threads alone
    gives_way = asked.model_copy(update={"multitask": "interrupt"})
    if asked.multitask == "rollback" and await waiting_run(girih, scope, thread_id) is not None:
        return await girih.runs.create(scope, gives_way, key)
    try:
        run = await girih.runs.create(scope, asked, key, makes_thread=makes_thread)
    except ThreadBusy:
        if await waiting_run(girih, scope, thread_id) is None:
            raise
        return await girih.runs.create(scope, gives_way, key)
    if run.status != "queued" or asked.multitask != "enqueue":
        return run
    waiting = await waiting_run(girih, scope, thread_id)
    if waiting is None or waiting.id == run.id:
        return run
    await girih.runs.cancel(scope, waiting.id, keeps_state=True)
    return await girih.runs.run(scope, run.id)


async def _thread(girih: Girih, scope: OrgScope, thread_id: UUID | None, body: RunBody) -> tuple[UUID | None, bool]:
    """The thread to run on, made if that was asked for and a new run does not make it; and whether a run may wait."""
    if thread_id is not None and body.is_new:
        return thread_id, True
    if thread_id is not None and body.if_not_exists == "create":
        found = await girih.runs.threads.create(scope, ThreadIn(id=thread_id, if_exists="do_nothing"))
        return thread_id, found.status == "interrupted"
    if thread_id is None and body.on_completion == "keep":
        return UUID((await girih.runs.threads.create(scope, ThreadIn())).id), False
    return thread_id, True


async def _resumed(girih: Girih, scope: OrgScope, thread_id: UUID, body: RunBody, waiting: RunOut | None) -> Started:
    """The thread's run, which goes on with the answer; without one, from its breakpoint."""
    number = UUID((await _required(girih, scope, thread_id, waiting)).id)
    last = (await girih.runs.tail(scope, number).open()).last
    given = ResumeIn()
    check_again(body)
    if body.is_resume and body.command is not None:
        pauses = (await girih.runs.interrupts.of_run(scope, number)).items
        given = answers_to(pauses, body.command.resume)
    run = await girih.runs.resume(scope, number, given.model_copy(update={"max_steps": body.max_steps}))
    return Started(await _noted(girih, scope, body, run), Place(last, LAST))


async def _updated(girih: Girih, scope: OrgScope, thread_id: UUID, body: RunBody, key: str | None) -> Started:
    """A run that begins with what was written to the thread for it. Raises `ThreadBusy` while another is on it."""
    assert body.command is not None  # noqa: S101 - it holds the update
    agent = await agent_meant(girih, scope, body.assistant_id)
    asked = run_in(agent, body, thread_id)
    await girih.runs.replays.check(scope, [asked])
    at = body.checkpoint_named
    for values in written(body.command.update):
        await girih.runs.snapshots.edit(scope, thread_id, state_from(values), at=at)
        at = None
    return Started(await girih.runs.create(scope, asked, key))


async def _again(girih: Girih, scope: OrgScope, body: RunBody, run_id: UUID, checkpoint_id: str | None) -> Started:
    """A run that goes on where another one was, with what that one was given."""
    check_again(body)
    multitask = body.multitask_strategy or "enqueue"
    again = RetryIn(checkpoint_id=checkpoint_id, multitask=multitask, max_steps=body.max_steps)
    return Started(await _noted(girih, scope, body, await girih.runs.replays.retry(scope, run_id, again)))


async def _noted(girih: Girih, scope: OrgScope, body: RunBody, run: RunOut) -> RunOut:
    """The run with the metadata and tags of this request among its own."""
    metadata, tags = body.all_metadata, body.config.tags if body.config is not None else []
    if not metadata and not tags:
        return run
    change = RunChange(metadata=run.metadata | metadata, tags=list(dict.fromkeys([*run.tags, *tags])))
    return await girih.runs.replays.change(scope, UUID(run.id), change)


async def _ended(girih: Girih, scope: OrgScope, thread_id: UUID, waiting: RunOut | None) -> Started:
    """The thread's run, which waits no more: the thread keeps what it did so far."""
    run = await _required(girih, scope, thread_id, waiting)
    last = (await girih.runs.tail(scope, run.id).open()).last
    return Started(await girih.runs.cancel(scope, run.id, keeps_state=True), Place(last, LAST))


async def _required(girih: Girih, scope: OrgScope, thread_id: UUID, waiting: RunOut | None) -> RunOut:
    """The run that waits. Raises `Conflict`, and `NotFound` for the thread."""
    if waiting is None:
        await girih.runs.threads.thread(scope, thread_id)
        raise Conflict(f"nothing waits for an answer on thread {thread_id}", help="send an `input` to start a run")
    return waiting


async def _from_checkpoint(
    girih: Girih, scope: OrgScope, thread_id: UUID, body: RunBody, asked: RunIn, waiting: RunOut | None
) -> Started:
    """A run that begins at an earlier moment of the thread; what waits there gives way."""
    found = await girih.runs.snapshots.snapshot(scope, thread_id, str(body.checkpoint_named))
    if waiting is not None and found.is_newest and body.input is None:
        return await _resumed(girih, scope, thread_id, body, waiting)
    if waiting is not None:
        await girih.runs.cancel(scope, waiting.id, keeps_state=found.is_newest)
    if found.is_beginning and found.run_id is not None and body.input is None:
        asked = await _asked_again(girih, scope, found.run_id, asked)
    elif found.is_within_run and found.run_id is not None and body.input is None:
        return await _again(girih, scope, body, found.run_id, found.id)
    if not found.is_newest:
        await girih.runs.snapshots.edit(scope, thread_id, {}, at=found.id)
    return Started(await girih.runs.create(scope, asked))


async def _asked_again(girih: Girih, scope: OrgScope, run_id: UUID, asked: RunIn) -> RunIn:
    """What is asked for, with what a run was given: its messages have the ids that they have on the thread."""
    before = await girih.runs.replays.asked(scope, run_id)
    return asked.model_copy(update={name: getattr(before, name) for name in ("inputs", "messages", "client")})


async def _failed(girih: Girih, scope: OrgScope, thread_id: UUID) -> RunOut | None:
    """The thread's last run, if it failed: without an input it is what goes on."""
    last: Any = (await girih.runs.runs(scope, Wanted(thread_id=thread_id), limit=1)).items
    return last[0] if last and last[0].status == "failed" else None

"""What runs wait for: listed, answered by people and by events, and the run sent on its way."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from datetime import datetime
from uuid import UUID

from girih.db.tenancy import OrgScope
from girih.db.unit_of_work import UnitOfWork, Work
from girih.engine.inputs import filled
from girih.errors import BadCursor, Conflict, InvalidInput, NotFound
from girih.language.spec.conform import contract
from girih.language.spec.tree import JsonObject, JsonValue
from girih.services.events.schemas import EventOut
from girih.services.runs import asking_repository, pause_repository, repository
from girih.services.runs.crash import CrashPoints
from girih.services.runs.deadlines import Ready
from girih.services.runs.reader import no_such_run
from girih.services.runs.schemas import ENDED, InterruptOut, InterruptPage, PauseKind, ResumeIn
from girih.services.runs.tables import Run, RunPause

MOST_INTERRUPTS = 200
"""Questions on one page of a list."""
_QUESTIONS = ("ask", "approve", "tool")
"""What is answered by whoever calls; the app itself gives the results of its tools."""
_ANSWERED = (*_QUESTIONS, "breakpoint")


class Interrupts:
    """Every change locks the run's row first, so that answers, deadlines and the run itself come one after another."""

    def __init__(self, uow: UnitOfWork, ready: Ready, crash: CrashPoints) -> None:
        self._uow = uow
        self._ready = ready
        self._crash = crash

    async def listed(
        self,
        scope: OrgScope,
        *,
        everywhere: bool = False,
        agent: str | None = None,
        kind: PauseKind | None = None,
        node: str | None = None,
        cursor: str | None = None,
        limit: int = 50,
    ) -> InterruptPage:
        """What is open, the oldest first: of the project, or `everywhere` in the organization.

        Without `kind`, what people can answer. `cursor` is the `next` of the page before.
        """
        if not 1 <= limit <= MOST_INTERRUPTS:
            raise InvalidInput(f"a page holds 1 to {MOST_INTERRUPTS} interrupts, not {limit}")
        after = _cursor(cursor)
        async with self._uow(scope) as work:
            rows = await pause_repository.open_pauses(
                work, scope, everywhere=everywhere, agent=agent, kind=kind, node=node, after=after, limit=limit + 1
            )
            items = [out(row) for row in rows[:limit]]
        last = rows[limit - 1] if len(rows) > limit else None
        return InterruptPage(items=items, next=f"{last.opened_at.isoformat()}_{last.id}" if last else None)

    async def of_run(self, scope: OrgScope, run_id: UUID) -> InterruptPage:
        """Everything the run has waited for, in order, with the answers."""
        async with self._uow(scope) as work:
            if await repository.run(work, scope, run_id) is None:
                raise no_such_run(run_id)
            rows = await pause_repository.of_run(work, scope.org_id, run_id)
            return InterruptPage(items=[out(row) for row in rows])

    async def asking(self, scope: OrgScope, run_ids: Iterable[UUID]) -> set[UUID]:
        """Those of the runs that wait for somebody, and not for a time or an event alone."""
        wanted = list(run_ids)
        if not wanted:
            return set()
        async with self._uow(scope) as work:
            return await asking_repository.asking(work, scope.org_id, wanted)

    async def resume(self, scope: OrgScope, run_id: UUID, body: ResumeIn) -> None:
        """Give answers, all or none of them; the run goes on with what it has. None are needed for breakpoints.

        Raises `InvalidInput` with every fault of every answer, `NotFound` for an id that is not one of the run's,
        `Conflict` for what is not open any more.
        """
        async with self._uow(scope) as work:
            run = await _locked(work, scope, run_id)
            rows = await pause_repository.of_run(work, scope.org_id, run_id)
            run.max_steps = run.max_steps if body.max_steps is None else body.max_steps
            goes_on = await self._answer(work, scope, run, _named(run, rows, body))
        self._told(run, goes_on)

    async def answer(self, scope: OrgScope, pause_id: UUID, value: JsonValue) -> InterruptOut:
        """Answer one question. Raises as `resume` does."""
        async with self._uow(scope) as work:
            found = await pause_repository.pause(work, scope, pause_id)
            if found is None:
                raise no_such_interrupt(pause_id)
            run = await _locked(work, scope, found.run_id)
            await work.session.refresh(found)
            goes_on = await self._answer(work, scope, run, [(found, value)])
            await work.session.refresh(found)
            answered = out(found)
        self._told(run, goes_on)
        return answered

    async def take_event(self, work: Work, scope: OrgScope, event: EventOut) -> Callable[[], None]:
        """Answer whoever waits for the event, one wait of each run, in the event's own transaction."""
        gone_on: list[Run] = []
        served: set[UUID] = set()
        for run_id, pause_id in await pause_repository.waiting_for(work, scope, event.type, event.data):
            run = await repository.run(work, scope, run_id, lock=True) if run_id not in served else None
            if run is None or not await pause_repository.answer_with_event(
                work, pause_id, UUID(event.id), event.data, event.source
            ):
                continue
            served.add(run_id)
            if await pause_repository.go_on(work, scope.org_id, run_id):
                gone_on.append(run)

        def tell() -> None:
            for run in gone_on:
                self._ready(run.id, run.background)

        return tell

    async def _answer(
        self, work: Work, scope: OrgScope, run: Run, answers: Sequence[tuple[RunPause, JsonValue]]
    ) -> bool:
        for row, _ in answers:
            _require_open(run, row)
        for row, value in _checked(answers):
            await pause_repository.answer(work, row, value, scope.actor)
        return await pause_repository.go_on(work, scope.org_id, run.id)

    def _told(self, run: Run, goes_on: bool) -> None:
        self._crash.here("answer.after")
        if goes_on:
            self._ready(run.id, run.background)


def out(row: RunPause) -> InterruptOut:
    """The row as doors see it."""
    own = {"id": str(row.id), "run_id": str(row.run_id), "form": row.schema}
    return InterruptOut.model_validate(
        own | {name: getattr(row, name) for name in InterruptOut.model_fields if name not in own}
    )


def no_such_interrupt(pause_id: object) -> NotFound:
    """A question that is not there, or not the caller's."""
    return NotFound(f"there is no interrupt {pause_id}", help="list the project's interrupts to see which are open")


async def _locked(work: Work, scope: OrgScope, run_id: UUID) -> Run:
    run = await repository.run(work, scope, run_id, lock=True)
    if run is None:
        raise no_such_run(run_id)
    return run


def _named(run: Run, rows: Sequence[RunPause], body: ResumeIn) -> list[tuple[RunPause, JsonValue]]:
    """Each answer with the question it is for."""
    given = "answer" in body.model_fields_set
    stops = [(row, body.answer) for row in rows if row.state == "open" and row.kind == "breakpoint"]
    if given == (body.answers is not None) and (given or not stops):
        raise InvalidInput("send either `answers`, by id, or one `answer`")
    if body.answers is not None:
        known = {str(row.id): row for row in rows}
        unknown = next((name for name in body.answers if name.lower() not in known), None)
        if unknown is not None:
            raise no_such_interrupt(unknown[:100])
        return [(known[name.lower()], value) for name, value in body.answers.items()]
    is_open = [row for row in rows if row.state == "open" and row.kind in _QUESTIONS]
    if stops and not (given and is_open):
        return stops
    if len(is_open) == 1:
        return [(is_open[0], body.answer)]
    if is_open:
        raise InvalidInput(
            f"{len(is_open)} questions are open", help="send `answers` by id", ids=[str(row.id) for row in is_open]
        )
    raise Conflict(f"the run is {run.status} and waits for no answer")


def _require_open(run: Run, row: RunPause) -> None:
    if row.kind not in _ANSWERED:
        what = "for an event: publish it" if row.kind == "event" else "for time to pass"
        raise InvalidInput(f"interrupt {row.id} is no question; the run waits {what}")
    if run.status in ENDED:
        raise Conflict(f"the run has ended: it is {run.status}")
    if row.state != "open":
        words = {"answered": "was answered already", "timed_out": "was not answered in time"}
        raise Conflict(f"interrupt {row.id} {words.get(row.state, 'is not asked any more')}")


def _checked(answers: Sequence[tuple[RunPause, JsonValue]]) -> list[tuple[RunPause, JsonValue]]:
    """The answers with the defaults of their forms. Raises `InvalidInput` with every fault of all of them."""
    filled_in = [(row, filled(row.schema, value)) for row, value in answers]
    faults: list[JsonObject] = []
    for row, value in filled_in:
        lead = f"answers.{row.id}" if len(answers) > 1 else "answer"
        for fault in contract(row.schema).misfits(value):
            joint = "" if not fault.path or fault.path.startswith("[") else "."
            faults.append({"path": f"{lead}{joint}{fault.path}", "message": fault.message})
    if faults:
        listed = "; ".join(f"{fault['path']}: {fault['message']}" for fault in faults)
        raise InvalidInput(f"the answer does not fit: {listed}", help=_help(answers), faults=faults)
    return filled_in


def _help(answers: Sequence[tuple[RunPause, JsonValue]]) -> str | None:
    names: Mapping[str, object] = answers[0][0].schema.get("properties", {}) if len(answers) == 1 else {}
    return f"the form has: {', '.join(names)}" if names else None


def _cursor(text: str | None) -> tuple[datetime, UUID] | None:
    if text is None:
        return None
    moment, _, number = text.partition("_")
    try:
        found = datetime.fromisoformat(moment), UUID(number)
    except ValueError:
        found = None
    if found is None or found[0].tzinfo is None:
        raise BadCursor(
            "the cursor is not one of a page of interrupts", help="send the `next` of the page before"
        ) from None
    return found

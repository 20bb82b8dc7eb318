"""What a thread's run waits for, and the answers that a `Command(resume=…)` gives."""

from __future__ import annotations

from collections.abc import Sequence
from uuid import UUID

from girih.api.compat.langgraph.interrupts import is_for_clients
from girih.api.compat.langgraph.reviews import answer_of
from girih.db.tenancy import OrgScope
from girih.errors import Conflict, InvalidInput
from girih.language.spec.tree import JsonObject, JsonValue
from girih.services.runs.schemas import InterruptOut, ResumeIn, RunOut
from girih.services.runs.search_repository import Wanted
from girih.wiring.server import Girih

_QUESTIONS = ("ask", "approve", "tool")


async def waiting_run(girih: Girih, scope: OrgScope, thread_id: UUID) -> RunOut | None:
    """The thread's run that waits for its client."""
    found = (await girih.runs.runs(scope, Wanted(thread_id=thread_id, status="interrupted"), limit=1)).items
    if not found:
        return None
    pauses = await girih.runs.interrupts.of_run(scope, UUID(found[0].id))
    is_open = [{"kind": pause.kind} for pause in pauses.items if pause.state == "open"]
    return found[0] if is_for_clients(is_open) else None


def answers_to(pauses: Sequence[InterruptOut], given: JsonValue) -> ResumeIn:
    """The answers: one value for the one question there is, or an object by the ids of several."""
    is_open = {pause.id for pause in pauses if pause.state == "open" and pause.kind in _QUESTIONS}
    if isinstance(given, dict) and given and _are_ids(given, pauses):
        gone = sorted(set(given) - is_open)
        if gone:
            raise Conflict(f"interrupt {gone[0]} does not wait for an answer any more", help="read the thread's state")
        return read_answers(pauses, given)
    if len(is_open) > 1:
        raise InvalidInput(
            f"{len(is_open)} questions are open: `command.resume` has to name them",
            help=f"send an object with answers by id: {', '.join(sorted(is_open))}",
            param="command.resume",
        )
    if not is_open:
        return ResumeIn()
    return read_answers(pauses, {next(iter(is_open)): given})


def read_answers(pauses: Sequence[InterruptOut], given: JsonObject) -> ResumeIn:
    """Answers by the ids of what they answer, as the run takes them."""
    kinds = {pause.id: pause.kind for pause in pauses}
    return ResumeIn(answers={number: answer_of(kinds.get(number, ""), answer) for number, answer in given.items()})


def _are_ids(given: dict[str, JsonValue], pauses: Sequence[InterruptOut]) -> bool:
    known = {pause.id for pause in pauses}
    return all(name in known for name in given)

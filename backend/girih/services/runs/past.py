"""What a run has been through before it is taken up again: its events' count, what it cost, and what it waited for."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any
from uuid import UUID

from sqlalchemy import Numeric, cast, func, select
from sqlalchemy.dialects.postgresql import JSONB

from girih.db.unit_of_work import Work
from girih.engine.context import Spent
from girih.language.nodes.pausing import Reply
from girih.language.nodes.ports import Usage
from girih.language.spec.tree import JsonObject
from girih.services.runs import tables
from girih.services.runs.tables import Run
from girih.services.runs.usage import CALL


@dataclass(frozen=True)
class Waits:
    """What a run waited for: the replies so far, what was told since it began to wait last, and every deadline."""

    replies: Mapping[str, Reply] = field(default_factory=dict)
    news: JsonObject = field(default_factory=dict)
    """`answers` by id, and under `timed_out` the ids of those whose time is over; each only where there are any."""
    deadlines: Mapping[str, datetime | None] = field(default_factory=dict)


async def recorded(work: Work, org_id: UUID, run_id: UUID) -> tuple[int, Spent]:
    """The last event's number, and what all model calls recorded so far cost, over the seconds of all attempts."""
    row = tables.RunEvent
    usage = cast(row.data["usage"], JSONB)
    counts = (
        func.sum(cast(usage[name].astext, Numeric)).filter(row.type == CALL)
        for name in ("input_tokens", "output_tokens", "cost_usd")
    )
    seconds = func.extract("epoch", func.max(row.at) - func.min(row.at))
    attempts = (
        select(func.max(row.seq).label("last"), *(c.label(f"c{n}") for n, c in enumerate(counts)), seconds.label("s"))
        .where(row.org_id == org_id, row.run_id == run_id)
        .group_by(row.attempt)
        .subquery()
    )
    sums = [func.sum(column) for column in list(attempts.c)[1:]]
    total: Sequence[Any] = (await work.session.execute(select(func.max(attempts.c.last), *sums))).one()
    last, given, taken, cost, wall = total
    return int(last or 0), Spent(Usage(int(given or 0), int(taken or 0), float(cost or 0)), float(wall or 0))


async def waits(work: Work, run: Run) -> Waits:
    """What the run waited for. Each attempt is told all replies: the one before may have left no trace of them."""
    row = tables.RunPause
    query = select(row).where(row.org_id == run.org_id, row.run_id == run.id).order_by(row.opened_at, row.id)
    rows = (await work.session.scalars(query)).all()
    latest = max((one.attempt for one in rows), default=0)
    answered = {str(one.id): Reply("answered", one.answer, one.answered_by) for one in rows if one.state == "answered"}
    over = {str(one.id): Reply("timed_out") for one in rows if one.state == "timed_out"}
    now = {str(one.id) for one in rows if one.attempt == latest}
    answers = {name: reply.value for name, reply in answered.items() if name in now}
    timed_out = [name for name in over if name in now]
    news: JsonObject = ({"answers": answers} if answers else {}) | ({"timed_out": timed_out} if timed_out else {})
    return Waits(answered | over, news, {str(one.id): one.expires_at for one in rows})


async def chat_of(work: Work, org_id: UUID, run_id: UUID) -> JsonObject | None:
    """The messages a run was given and what its app has for models, as `stored_chat` keeps them; `None` for neither."""
    chat: JsonObject | None = await work.session.scalar(select(Run.chat).where(Run.org_id == org_id, Run.id == run_id))
    return chat

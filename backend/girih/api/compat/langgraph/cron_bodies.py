"""Crons as clients of the LangGraph server protocol write and read them, and the schedules that they are."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any, Literal
from uuid import UUID, uuid4

from pydantic import ValidationError

from girih.api.compat.langgraph.assistants import assistant_id_of
from girih.api.compat.langgraph.noted import only, wanted_of, without
from girih.api.compat.langgraph.run_body import RunBody, check
from girih.api.compat.langgraph.run_input import run_in
from girih.api.compat.langgraph.shaping import Body, Limit, Offset, Order, refused
from girih.errors import InvalidInput
from girih.language.spec.tree import JsonObject, JsonValue
from girih.services.agents.schemas import PublishedAgent
from girih.services.runs.message_dicts import written
from girih.services.runs.schemas import RunIn
from girih.services.schedules.schemas import ScheduleChange, ScheduleIn, ScheduleOut
from girih.services.schedules.search_repository import ScheduleSearch, SortBy

_CRON_ONLY = ("schedule", "timezone", "end_time", "enabled", "on_run_completed")
CRON_FIELDS = (
    "cron_id",
    "assistant_id",
    "thread_id",
    "on_run_completed",
    "end_time",
    "schedule",
    "timezone",
    "created_at",
    "updated_at",
    "payload",
    "user_id",
    "next_run_date",
    "metadata",
    "enabled",
    "now",
)


class _Timed(Body):
    """When to run, and the run's options, which `RunBody` reads."""

    timezone: str | None = None
    end_time: datetime | None = None
    enabled: bool | None = None
    on_run_completed: Literal["delete", "keep"] | None = None
    input: JsonValue = None
    metadata: JsonObject | None = None
    config: JsonObject | None = None
    context: JsonObject | None = None
    webhook: str | None = None
    interrupt_before: Any = None
    interrupt_after: Any = None
    multitask_strategy: str | None = None
    checkpoint_during: bool | None = None
    durability: str | None = None
    stream_mode: Any = None
    stream_subgraphs: bool | None = None
    stream_resumable: bool | None = None

    def run_body(self, assistant_id: str) -> RunBody:
        """The options of its runs. Raises `InvalidInput`."""
        given = {name: getattr(self, name) for name in self.model_fields_set - {*_CRON_ONLY, "assistant_id"}}
        given |= {"on_completion": "delete"} if self.on_run_completed == "delete" else {}
        try:
            return RunBody(assistant_id=assistant_id, **{k: v for k, v in given.items() if v is not None})
        except ValidationError as fault:
            first = fault.errors()[0]
            where = ".".join(str(part) for part in first["loc"])
            raise InvalidInput(f"{where}: {first['msg']}", param=where) from None


class CronCreate(_Timed):
    """A cron: what to run, and when."""

    assistant_id: str
    schedule: str


class CronUpdate(_Timed):
    """What to change of a cron; what is not given stays. `end_time: null` lets it go on for ever."""

    schedule: str | None = None


class CronFilter(Body):
    """Which crons: all that is given has to hold."""

    assistant_id: str | None = None
    thread_id: UUID | None = None
    metadata: JsonObject | None = None


class CronsWanted(CronFilter):
    """Which crons, in which order, and what of them."""

    enabled: bool | None = None
    limit: Limit = 10
    offset: Offset = 0
    sort_by: Literal[
        "cron_id", "assistant_id", "thread_id", "created_at", "updated_at", "next_run_date", "end_time"
    ] = "created_at"
    sort_order: Order = "desc"
    select: list[str] | None = None


_SORTED: dict[str, SortBy] = {
    "cron_id": "id",
    "assistant_id": "agent",
    "thread_id": "thread",
    "created_at": "created_at",
    "updated_at": "updated_at",
    "next_run_date": "next_at",
    "end_time": "end_at",
}


def schedule_in(agent: PublishedAgent, body: CronCreate, thread_id: UUID | None) -> ScheduleIn:
    """The schedule of a new cron. Raises `InvalidInput`, naming what cannot be served."""
    if thread_id is not None and body.on_run_completed is not None:
        raise refused(
            "on_run_completed", "the runs are on a thread that stays", "leave it out, or make a cron without a thread"
        )
    run = body.run_body(body.assistant_id)
    check(run, thread_id)
    return ScheduleIn(
        name=f"cron {uuid4()}",
        cron=_checked(body.schedule),
        timezone=body.timezone or "UTC",
        run=run_in(agent, run, thread_id),
        overlap="allow",
        enabled=body.enabled is not False,
        end_at=_moment(body.end_time),
        new_threads=body.on_run_completed == "keep",
        metadata=body.metadata or {},
    )


def change_of(agent: PublishedAgent, body: CronUpdate, known: ScheduleOut) -> ScheduleChange:
    """What an update changes of the schedule. Raises `InvalidInput`, naming what cannot be served."""
    thread_id = known.run.thread_id
    if thread_id is not None and body.on_run_completed is not None:
        raise refused("on_run_completed", "the runs are on a thread that stays", "leave it out")
    if body.context is not None and body.input is None:
        raise refused("context", "it is a part of the runs' input here", "give the whole `input` along with it")
    given = body.run_body(known.run.agent)
    check(given, thread_id)
    changes: dict[str, Any] = {"run": _merged(known.run, run_in(agent, given, thread_id), body)}
    if body.schedule is not None:
        changes["cron"] = _checked(body.schedule)
    if body.timezone is not None:
        changes["timezone"] = body.timezone
    if body.metadata is not None:
        changes["metadata"] = body.metadata
    if "end_time" in body.model_fields_set:
        changes["end_at"] = _moment(body.end_time)
    if body.on_run_completed is not None:
        changes["new_threads"] = body.on_run_completed == "keep"
    return ScheduleChange(**changes)


def search_of(body: CronFilter, agent: str | None) -> ScheduleSearch:
    """What to look for; `agent` is what the assistant's id means."""
    if not isinstance(body, CronsWanted):
        return ScheduleSearch(agent=agent, thread_id=body.thread_id, metadata=body.metadata or {})
    return ScheduleSearch(
        agent=agent,
        thread_id=body.thread_id,
        enabled=body.enabled,
        metadata=body.metadata or {},
        sort_by=_SORTED[body.sort_by],
        descending=body.sort_order == "desc",
        limit=body.limit,
        offset=body.offset,
    )


def cron_json(schedule: ScheduleOut) -> JsonObject:
    """A schedule as a cron."""
    run = schedule.run
    kept = "keep" if schedule.new_threads else ("delete" if run.on_completion == "delete" else None)
    return {
        "cron_id": schedule.id,
        "assistant_id": assistant_id_of(run.agent),
        "thread_id": str(run.thread_id) if run.thread_id is not None else None,
        "on_run_completed": kept,
        "end_time": schedule.end_at,
        "schedule": schedule.cron,
        "timezone": schedule.timezone,
        "created_at": schedule.created_at,
        "updated_at": schedule.updated_at,
        "payload": _payload(run),
        "user_id": None,
        "next_run_date": schedule.next_at,
        "metadata": schedule.metadata,
        "enabled": schedule.enabled,
        "now": datetime.now(UTC),
    }


def _payload(run: RunIn) -> JsonObject:
    messages = [written(message.model_dump(mode="json")) for message in run.messages or ()]
    return {
        "assistant_id": run.agent,
        "input": run.inputs | ({"messages": messages} if messages else {}),
        "metadata": without(run.metadata),
        "stream_mode": (wanted_of(run.metadata) or (None, False))[0],
        "multitask_strategy": run.multitask,
        "interrupt_before": run.interrupt_before,
        "interrupt_after": run.interrupt_after,
        "webhook": run.webhook,
    }


def _merged(known: RunIn, new: RunIn, body: CronUpdate) -> RunIn:
    """The run with those of its parts replaced that the body gives."""
    parts = {
        "input": ("inputs", "messages"),
        "metadata": ("metadata",),
        "config": ("tags", "user", "max_steps"),
        "webhook": ("webhook",),
        "interrupt_before": ("interrupt_before",),
        "interrupt_after": ("interrupt_after",),
        "multitask_strategy": ("multitask",),
        "on_run_completed": ("on_completion",),
    }
    given = [name for name in parts if getattr(body, name) is not None]
    changes = {field: getattr(new, field) for name in given for field in parts[name]}
    streamed = new.metadata if body.stream_mode is not None or body.stream_subgraphs is not None else known.metadata
    changes["metadata"] = without(changes.get("metadata", known.metadata)) | only(streamed)
    return known.model_copy(update=changes)


def _checked(cron: str) -> str:
    if len(cron) < 9 or len(cron) > 200:
        raise InvalidInput(f"schedule: '{cron[:60]}' is not a cron expression", help="five fields: `0 9 * * 1-5`")
    return cron


def _moment(given: datetime | None) -> datetime | None:
    """A moment with its zone; one without is in UTC."""
    return given.replace(tzinfo=UTC) if given is not None and given.tzinfo is None else given

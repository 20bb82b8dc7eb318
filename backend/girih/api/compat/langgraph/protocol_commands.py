"""The commands of LangGraph's event-streaming protocol: a run is started, or what it asks is answered."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping
from typing import Annotated, Any, TypeAlias
from uuid import UUID

from pydantic import AliasChoices, BaseModel, ConfigDict, Field, ValidationError

from girih.api.compat.langgraph.run_body import ConfigIn, RunBody
from girih.api.compat.langgraph.run_start import start
from girih.api.compat.langgraph.run_waits import read_answers, waiting_run
from girih.db.tenancy import OrgScope
from girih.errors import Conflict, Forbidden, GirihError, InvalidInput, NotFound
from girih.language.spec.tree import JsonObject, JsonValue
from girih.services.runs.schemas import ResumeIn
from girih.wiring.server import Girih

ERRORS: Mapping[type[GirihError], str] = {
    NotFound: "no_such_run",
    Conflict: "no_such_interrupt",
    Forbidden: "permission_denied",
    InvalidInput: "invalid_argument",
}


class CommandIn(BaseModel):
    """A command, by its method."""

    model_config = ConfigDict(extra="forbid")

    id: Annotated[int, Field(ge=0)]
    method: Annotated[str, Field(max_length=100)]
    params: JsonObject = Field(default_factory=dict)


class _Strict(BaseModel):
    model_config = ConfigDict(extra="forbid")


class StartIn(_Strict):
    """The parameters of `run.start`."""

    assistant_id: str
    input: JsonValue = None
    config: ConfigIn | None = None
    metadata: JsonObject | None = None
    multitask_strategy: Annotated[
        str | None, Field(validation_alias=AliasChoices("multitask_strategy", "multitaskStrategy"))
    ] = None
    langsmith_tracer: JsonObject | None = None


class AnswerIn(_Strict):
    """One answer."""

    interrupt_id: str
    response: JsonValue = None
    namespace: list[str] = []


class RespondIn(_Strict):
    """The parameters of `input.respond`: one answer, or several."""

    interrupt_id: str | None = None
    response: JsonValue = None
    namespace: list[str] = []
    responses: list[AnswerIn] | None = None
    update: JsonValue = None
    goto: JsonValue = None
    config: ConfigIn | None = None
    metadata: JsonObject | None = None


Method: TypeAlias = Callable[[Girih, OrgScope, UUID, JsonObject], Awaitable[JsonObject]]


async def obey(girih: Girih, scope: OrgScope, thread_id: UUID, command: CommandIn) -> JsonObject:
    """Do it. What cannot be done is an answer as well, with the protocol's word for why."""
    method = _METHODS.get(command.method)
    if method is None:
        known = ", ".join(_METHODS)
        return _failed(command, "not_supported", f"`{command.method}` is not served; the commands are: {known}")
    try:
        result = await method(girih, scope, thread_id, command.params)
    except ValidationError as fault:
        first = fault.errors()[0]
        where = ".".join(str(part) for part in ("params", *first["loc"]))
        return _failed(command, "invalid_argument", f"{where}: {first['msg']}")
    except tuple(ERRORS) as fault:
        code = next(name for kind, name in ERRORS.items() if isinstance(fault, kind))
        return _failed(command, code, f"{fault.message}; {fault.help}" if fault.help else fault.message)
    return {"type": "success", "id": command.id, "result": result}


async def _start(girih: Girih, scope: OrgScope, thread_id: UUID, params: JsonObject) -> JsonObject:
    asked = StartIn.model_validate(params)
    given: dict[str, Any] = asked.model_dump(exclude_none=True) | {"if_not_exists": "create"}
    begun = await start(girih, scope, thread_id, RunBody.model_validate(given), None)
    return {"run_id": begun.run.id}


async def _respond(girih: Girih, scope: OrgScope, thread_id: UUID, params: JsonObject) -> JsonObject:
    asked = RespondIn.model_validate(params)
    for name in ("update", "goto", "config", "metadata"):
        if getattr(asked, name):
            raise InvalidInput(f"`{name}` is not served with an answer", help="leave it out")
    answers = {one.interrupt_id: one.response for one in asked.responses or ()}
    if asked.interrupt_id is not None:
        answers[asked.interrupt_id] = asked.response
    waiting = await waiting_run(girih, scope, thread_id)
    if waiting is None:
        raise Conflict(f"nothing waits for an answer on thread {thread_id}", help="start a run")
    pauses = (await girih.runs.interrupts.of_run(scope, UUID(waiting.id))).items
    run = await girih.runs.resume(scope, waiting.id, read_answers(pauses, answers) if answers else ResumeIn())
    return {"run_id": run.id}


_METHODS: Mapping[str, Method] = {"run.start": _start, "input.respond": _respond}


def _failed(command: CommandIn, code: str, message: str) -> JsonObject:
    return {"type": "error", "id": command.id, "error": code, "message": message}

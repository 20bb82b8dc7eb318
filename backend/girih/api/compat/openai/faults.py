"""Faults as OpenAI's clients read them: a status that they have a class for, and an error object."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from girih.language.spec.tree import JsonObject, JsonValue
from girih.services.runs.chat_steps import FailedStep, Question

_TYPES: Mapping[int, str] = {
    401: "authentication_error",
    403: "permission_error",
    409: "conflict_error",
    429: "rate_limit_error",
}
_CODES: Mapping[str, str] = {
    "unauthorized": "invalid_api_key",
    "queue_full": "rate_limit_exceeded",
    "budget_exceeded": "insufficient_quota",
    "too_large": "request_too_large",
    "invalid_input": "invalid_value",
}
INVALID = 422
"""OpenAI answers such requests with 400."""


@dataclass(frozen=True)
class Fault:
    """An error of a run: its status, and whether the same request may succeed if it is sent again."""

    status: int
    message: str
    code: str
    type: str = "server_error"
    can_pass: bool = False

    def error(self) -> JsonObject:
        """The error object."""
        return {"message": self.message, "type": self.type, "param": None, "code": self.code}

    def headers(self) -> dict[str, str]:
        """What tells OpenAI's clients whether to send the request again."""
        if not self.can_pass:
            return {"x-should-retry": "false"}
        return {"retry-after": "2", "retry-after-ms": "2000"} if self.status in (429, 503) else {}


_OF_RUNS: Mapping[str, tuple[int, str, bool]] = {
    "rate_limit": (429, "rate_limit_error", True),
    "budget": (429, "insufficient_quota", False),
    "timeout": (504, "server_error", True),
    "unavailable": (503, "server_error", True),
    "tool_error": (500, "server_error", False),
    "invalid_output": (500, "server_error", False),
    "internal": (500, "server_error", False),
}


def shape(status: int, problem: JsonObject) -> tuple[int, JsonObject]:
    """A problem as OpenAI writes it."""
    status = 400 if status == INVALID else status
    details: JsonObject = problem.get("details") or {}
    code = str(details.get("code") or _CODES.get(problem["code"], problem["code"]))
    kind = "insufficient_quota" if code == "insufficient_quota" else _TYPES.get(status) or _of_status(status)
    error = {"message": _sentence(problem), "type": kind, "param": _param(problem, details), "code": code}
    return status, {"error": error | {"error_id": problem.get("error_id")}}


def of_failure(step: FailedStep, run_id: str) -> Fault:
    """A run that failed, or was cancelled."""
    if step.cancelled:
        return Fault(409, f"the run {run_id} was cancelled", "cancelled", "conflict_error")
    status, kind, can_pass = _OF_RUNS.get(step.kind, (500, "server_error", False))
    code = "insufficient_quota" if step.kind == "budget" else step.kind
    return Fault(status, f"{step.message} (run {run_id})", code, kind, can_pass)


def of_question(question: Question, run_id: str) -> Fault:
    """A run that waits for a person: the door has no words for that, but tells where the answer is given."""
    message = (
        f"the run {run_id} waits for a person: {question.message} (interrupt {question.id}). Answer it with "
        f"POST /v1/interrupts/{question.id}/answer; the run then goes on, and GET /v1/runs/{run_id} shows its end"
    )
    return Fault(409, message, "run_interrupted", "interrupted")


def _of_status(status: int) -> str:
    return "server_error" if status >= 500 else "invalid_request_error"


def _sentence(problem: JsonObject) -> str:
    said, way_out = str(problem["detail"]), problem.get("help")
    if faults := (problem.get("details") or {}).get("faults"):
        said = f"{said} ({len(faults)} faults)" if len(faults) > 1 else said
    return f"{said}; {way_out}" if way_out else said


def _param(problem: JsonObject, details: JsonObject) -> JsonValue:
    if "param" in details:
        return details["param"]
    found = problem.get("errors")
    return str(found[0]["path"]).removeprefix("body.") if found else None

"""What a response says of its run and its request, from first to last."""

from __future__ import annotations

from girih.api.compat.openai.marks import mark
from girih.api.compat.openai.options import OWN
from girih.api.compat.openai.response_ids import ResponseId
from girih.api.compat.openai.response_request import DEFAULTS, ResponseRequest
from girih.language.spec.tree import JsonObject
from girih.services.runs.schemas import RunOut


def kept_of(asked: ResponseRequest) -> JsonObject:
    """What is kept with the run of the request."""
    return mark(asked.said.messages, asked.client) | {"echo": asked.echo}


def echo_of(run: RunOut) -> JsonObject:
    """The options that the run was asked for with."""
    kept = run.metadata.get(OWN)
    return DEFAULTS | (kept.get("echo") or {} if isinstance(kept, dict) else {})


def sheet(run: RunOut, turn: int) -> JsonObject:
    """The fields of a response that never change."""
    echo = echo_of(run)
    if turn:
        echo["previous_response_id"] = str(ResponseId(run.id, turn - 1))
    return echo | {
        "id": str(ResponseId(run.id, turn)),
        "object": "response",
        "created_at": int(run.created_at.timestamp()),
        "completed_at": None,
        "incomplete_details": None,
        "error": None,
        "model": f"{run.agent}@{run.version}",
        "truncation": "disabled",
        "top_logprobs": 0,
        "max_tool_calls": None,
        "service_tier": "default",
        "safety_identifier": None,
        "prompt_cache_key": None,
        "usage": None,
        "user": run.user,
        "metadata": {name: value for name, value in run.metadata.items() if name != OWN},
        "girih": {"run_id": run.id, "thread_id": run.thread_id},
    }

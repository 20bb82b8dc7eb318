"""A run as girih takes it, from what clients of the LangGraph server protocol send."""

from __future__ import annotations

from typing import Any
from uuid import UUID

from pydantic import ValidationError

from girih.api.compat.langgraph.messages import read_messages
from girih.api.compat.langgraph.noted import noted
from girih.api.compat.langgraph.run_body import GOES_ON, RunBody
from girih.errors import InvalidInput
from girih.language.spec.tree import JsonObject
from girih.services.agents.schemas import PublishedAgent
from girih.services.runs.chat_schemas import ChatMessage
from girih.services.runs.schemas import RunIn

MESSAGES = "messages"


def run_in(agent: PublishedAgent, body: RunBody, thread_id: UUID | None) -> RunIn:
    """The run. Raises `InvalidInput` with the path of what does not fit."""
    inputs, messages = _input(agent, body)
    inputs = _with_context(agent, inputs, body.context)
    config = body.config
    given: dict[str, Any] = {
        "agent": body.assistant_id if "@" in body.assistant_id else agent.name,
        "inputs": inputs,
        "messages": messages,
        "metadata": body.all_metadata | noted(body.stream_mode, subgraphs=bool(body.stream_subgraphs), usual=GOES_ON),
        "tags": list(dict.fromkeys(config.tags if config is not None else ())),
        "user": body.configurable.get("user_id"),
        "thread_id": thread_id,
        "multitask": body.multitask_strategy or "enqueue",
        "after_seconds": body.after_seconds or None,
        "webhook": body.webhook,
        "interrupt_before": body.interrupt_before or [],
        "interrupt_after": body.interrupt_after or [],
        "on_completion": body.on_completion or "keep",
        "max_steps": body.max_steps,
    }
    try:
        return RunIn(**given)
    except ValidationError as fault:
        first = fault.errors()[0]
        where = ".".join(str(part) for part in first["loc"])
        raise InvalidInput(f"{where}: {first['msg']}", param=where) from None


def _with_context(agent: PublishedAgent, inputs: JsonObject, context: JsonObject | None) -> JsonObject:
    """The inputs, with what an app gives as its context: here that is inputs by other means."""
    declared = agent.plan.inputs.get("properties", {})
    for name in context or {}:
        if name not in declared:
            raise InvalidInput(
                f"`context.{name}` is not served: the graph has no input of that name",
                help=f"its inputs are: {', '.join(sorted(declared))}" if declared else "it has no inputs",
                param=f"context.{name}",
            )
        if name in inputs:
            raise InvalidInput(f"`context.{name}` is in `input` as well: give it once", param=f"context.{name}")
    return inputs | (context or {})


def _input(agent: PublishedAgent, body: RunBody) -> tuple[JsonObject, list[ChatMessage] | None]:
    """The typed inputs, and the messages of a chat."""
    if body.input is None:
        return {}, None
    if not isinstance(body.input, dict):
        raise InvalidInput(
            "`input` must be an object with the graph's inputs, or with `messages`",
            faults=[{"path": "input", "message": "must be an object"}],
        )
    plan = agent.plan
    if MESSAGES not in body.input or MESSAGES in plan.inputs.get("properties", {}):
        return body.input, None
    inputs = {name: value for name, value in body.input.items() if name != MESSAGES}
    messages = read_messages(body.input[MESSAGES], "input.messages")
    return inputs, messages or None

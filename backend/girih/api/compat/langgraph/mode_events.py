"""The stream mode `events`: what happens, as LangChain's own event stream calls it."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping

from girih.api.compat.langgraph.moment import Moment, Said
from girih.language.spec.tree import JsonObject


def told_as_events(moment: Moment) -> Iterator[Said]:
    """What is said of an event. Events of graphs inside come with the others; `metadata` says where they are from."""
    found = _KINDS.get(moment.type)
    if found is None:
        return
    kind, data = found
    where = moment.where
    name = moment.data.get("tool") if kind.startswith("on_tool") else None
    yield Said(
        "events",
        {
            "event": kind,
            "name": name or (where.node if where is not None else moment.view.run.agent),
            "run_id": where.task if where is not None else moment.view.run.id,
            "parent_ids": [moment.view.run.id] if where is not None else [],
            "tags": moment.view.run.tags,
            "metadata": moment.metadata,
            "data": data(moment.data),
        },
    )


def _delta(data: JsonObject) -> JsonObject:
    return {"chunk": {"type": "AIMessageChunk", "content": data.get("text", "")}}


def _answered(data: JsonObject) -> JsonObject:
    return {"output": {"type": "ai", "content": data.get("text", ""), "usage_metadata": data.get("usage")}}


_KINDS: Mapping[str, tuple[str, Callable[[JsonObject], JsonObject]]] = {
    "run.started": ("on_chain_start", lambda data: {"input": data.get("inputs")}),
    "run.finished": ("on_chain_end", lambda data: {"output": data.get("outputs")}),
    "node.started": ("on_chain_start", lambda _: {"input": {}}),
    "node.finished": ("on_chain_end", lambda data: {"output": data.get("output")}),
    "message.delta": ("on_chat_model_stream", _delta),
    "message.completed": ("on_chat_model_end", _answered),
    "tool.started": ("on_tool_start", lambda data: {"input": data.get("arguments")}),
    "tool.finished": ("on_tool_end", lambda data: {"output": data.get("result", data.get("error"))}),
    "retrieval.finished": ("on_retriever_end", lambda data: {"output": data}),
    "custom": ("on_custom_event", lambda data: data),
}

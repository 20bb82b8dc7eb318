"""How the demo model reads a request for an envelope: as the tools, the schema and the talk that it stands for."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from langchain_core.messages import AIMessage, BaseMessage, HumanMessage, SystemMessage, ToolMessage
from langchain_core.messages.tool import tool_call

from girih.providers.models.envelope import ASKS_FOR_JSON, FINAL, OFFERS_TOOLS, RESULT_OF

_TOOL = re.compile(r"^- (\w+): (.*) Arguments: (\{.*\})$", re.MULTILINE)
_ANSWER = re.compile(r"Its arguments: (\{.*\})$", re.MULTILINE)
_RESULT = re.compile(rf"{RESULT_OF}(\w+):\n(.*)", re.DOTALL)


@dataclass(frozen=True)
class Asked:
    """What a request in words means: the talk as it would be with tools of the model's own."""

    messages: Sequence[BaseMessage]
    tools: Sequence[Mapping[str, Any]] = ()
    schema: Mapping[str, Any] | None = None
    """The shape of the answer; `None` where it is a text."""
    is_envelope: bool = False
    must_call: bool = False
    """Whether only a call is taken."""


def unwrapped(messages: Sequence[BaseMessage]) -> Asked | None:
    """The request behind an envelope, or behind a schema in words; `None` for a request that has neither."""
    told = str(messages[0].content) if messages and isinstance(messages[0], SystemMessage) else ""
    system, offers, offered = told.partition(OFFERS_TOOLS)
    if offers:
        schema = read_json(found[1]) if (found := _ANSWER.search(offered)) else {}
        is_text = list(schema.get("properties") or {}) == ["text"]
        talk = [message for index, said in enumerate(messages[1:]) for message in _native(said, index)]
        answer = None if is_text or found is None else schema
        return Asked([*_system(system), *talk], _tools(offered), answer, is_envelope=True, must_call=found is None)
    system, asks, schema_text = told.partition(ASKS_FOR_JSON)
    return Asked([*_system(system), *messages[1:]], schema=read_json(schema_text)) if asks else None


def read_json(text: str) -> Any:
    """The data of a text; nothing for what is no JSON."""
    try:
        return json.loads(text)
    except ValueError:
        return {}


def _system(text: str) -> list[BaseMessage]:
    return [SystemMessage(text.strip())] if text.strip() else []


def _tools(offered: str) -> list[Mapping[str, Any]]:
    return [
        {"type": "function", "function": {"name": name, "description": about, "parameters": read_json(parameters)}}
        for name, about, parameters in _TOOL.findall(offered)
    ]


def _native(message: BaseMessage, index: int) -> list[BaseMessage]:
    """An envelope as the call it is, and the message with its result as the tool's."""
    text = str(message.content)
    if isinstance(message, HumanMessage) and (result := _RESULT.fullmatch(text)):
        return [ToolMessage(result[2], tool_call_id=f"call_{index - 1}", name=result[1])]
    turn = read_json(text) if isinstance(message, AIMessage) else None
    if isinstance(turn, dict) and turn.get("tool") not in (None, FINAL):
        call = tool_call(name=str(turn["tool"]), args=turn.get("args") or {}, id=f"call_{index}")
        return [AIMessage("", tool_calls=[call])]
    return [message]

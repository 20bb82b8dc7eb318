"""Messages of AG-UI as chats have them, and back; and what else an input says."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from girih.api.compat.ag_ui.schemas import Message, RunAgentInput, Tool
from girih.api.compat.ag_ui.state import MESSAGES
from girih.api.compat.turns import ERROR
from girih.errors import InvalidInput
from girih.language.spec.tree import JsonObject, JsonValue
from girih.services.runs.chat_schemas import ChatCall, ChatMessage, ClientIn, ClientTool, ImagePart, Part, TextPart
from girih.services.runs.chats import run_of_call
from girih.services.runs.conversations import Said
from girih.services.runs.plain import dump
from girih.services.runs.schemas import RunIn

_ROLES: Mapping[str, Any] = {"developer": "system", "system": "system", "user": "user", "tool": "tool"}
_FIELDS = {"name": "name", "description": "description"}


def said_of(agent: str, body: RunAgentInput) -> Said:
    """What the input says. Raises `InvalidInput` for what no agent here could be given."""
    more = body.forwarded
    run = RunIn(
        agent=agent,
        inputs=more.inputs if more else {},
        client=_client(body),
        user=more.user if more else None,
        tags=more.tags if more else [],
        metadata=more.metadata if more else {},
        multitask=more.multitask if more else "interrupt",
    )
    return Said(
        chat=body.thread_id,
        messages=[one for at, message in enumerate(body.messages) for one in _read(message, f"messages[{at}]")],
        asks=bool(body.messages) and body.messages[-1].role == "user",
        run=run,
        results=dict(_results(body.messages)),
        answers={one.interrupt_id: one.payload for one in body.resume if one.status == "resolved"},
        state=_state(body.state),
        mark=body.run_id,
    )


def written(messages: Sequence[Mapping[str, Any]]) -> list[JsonObject]:
    """The messages of a thread as AG-UI has them."""
    return [_written(message) for message in messages]


def _client(body: RunAgentInput) -> ClientIn | None:
    more = body.forwarded
    told = [f"{one.description}:\n{one.value}" for one in body.context]
    client = ClientIn(
        tools=[_tool(tool, f"tools[{at}]") for at, tool in enumerate(body.tools)],
        tool_choice=more.tool_choice if more else None,
        params=more.params if more else {},
        instructions="\n\n".join(["What the app knows:", *told]) if told else None,
    )
    return client if client != ClientIn() else None


def _tool(tool: Tool, path: str) -> ClientTool:
    if not isinstance(tool.parameters, dict | None):
        raise InvalidInput(f"{path}.parameters: a tool's parameters are a JSON Schema of an object", param=path)
    try:
        return ClientTool(name=tool.name, description=tool.description, parameters=tool.parameters or {})
    except ValueError:
        raise InvalidInput(
            f"{path}: the name or the description of the tool '{tool.name[:64]}' cannot be given to a model",
            help="a name has up to 64 letters, digits, _ and -, a description up to 4000 characters",
            param=path,
        ) from None


def _state(given: JsonValue) -> JsonObject:
    if given is None:
        return {}
    if not isinstance(given, dict):
        raise InvalidInput("`state` must be an object: the values under `state:` by their names", param="state")
    return {name: value for name, value in given.items() if name != MESSAGES}


def _read(message: Message, path: str) -> Iterator[ChatMessage]:
    if message.role in ("activity", "reasoning"):
        return  # what the app shows, and what the model thought: neither is said to a model again
    if message.role == "assistant":
        content = message.content if isinstance(message.content, str) else ""
        calls = [_call(call.id, call.function.name, call.function.arguments, path) for call in message.tool_calls]
        if content or calls:
            yield ChatMessage(id=message.id, role="assistant", content=content, calls=calls)
        return
    call_id = message.tool_call_id if message.role == "tool" else None
    if message.role == "tool" and call_id is None:
        raise InvalidInput(f"{path}.toolCallId: a tool's message names the call that it answers", param=path)
    content_in = _content(message, path)
    yield ChatMessage(id=message.id, role=_ROLES[message.role], content=content_in, call_id=call_id)


def _call(number: str, name: str, arguments: str, path: str) -> ChatCall:
    try:
        given = json.loads(arguments or "{}")
    except ValueError:
        given = None
    if not isinstance(given, dict) and run_of_call(number) is not None:
        given = {}  # a model of ours wrote it so, and the stream has told it
    if not isinstance(given, dict):
        raise InvalidInput(f"{path}.toolCalls: the arguments of the call '{number}' are no JSON object", param=path)
    return ChatCall(id=number, name=name, arguments=given)


def _content(message: Message, path: str) -> str | list[Part]:
    if isinstance(message.content, str):
        return f"{ERROR}{message.error}" if message.error and not message.content else message.content
    if not isinstance(message.content, list):
        raise InvalidInput(f"{path}.content: must be text, or a list of parts", param=path)
    return [_part(part, f"{path}.content[{at}]") for at, part in enumerate(message.content)]


def _part(part: JsonObject, path: str) -> Part:
    kind = part.get("type")
    if kind == "text" and isinstance(part.get("text"), str):
        return TextPart(text=part["text"])
    source = part.get("source")
    if kind == "image" and isinstance(source, dict) and isinstance(source.get("value"), str):
        if source.get("type") == "url":
            return ImagePart(url=source["value"])
        if source.get("type") == "data":
            return ImagePart(url=f"data:{source.get('mimeType')};base64,{source['value']}")
    what = f"'{str(kind)[:64]}'"
    if kind == "image" and isinstance(source, dict):
        what += f" with a source of the type '{str(source.get('type'))[:64]}'"
    raise InvalidInput(
        f"{path}: a part {what} cannot be given to a model here",
        help="send text, or images with a source of the type `url` or `data`",
        param=path,
    )


def _results(messages: Sequence[Message]) -> Iterator[tuple[str, JsonValue]]:
    """The results at the end of what was said: what an app's own tools gave."""
    for message in reversed(messages):
        if message.role != "tool" or message.tool_call_id is None:
            return
        text = message.content if isinstance(message.content, str) else dump(message.content)
        yield message.tool_call_id, f"{ERROR}{message.error}" if message.error else text


def _written(message: Mapping[str, Any]) -> JsonObject:
    told: JsonObject = {"id": str(message.get("id")), "role": message["role"], "content": message.get("content", "")}
    if images := message.get("images"):
        parts = [{"type": "image", "source": _source(image["url"])} for image in images]
        told["content"] = [{"type": "text", "text": told["content"]}, *parts]
    if calls := message.get("calls"):
        told["toolCalls"] = [
            {
                "id": call["id"],
                "type": "function",
                "function": {"name": call["name"], "arguments": dump(call.get("arguments") or {})},
            }
            for call in calls
        ]
    return told | ({"toolCallId": message["call_id"]} if message.get("call_id") else {})


def _source(url: str) -> JsonObject:
    kind, found, value = url.removeprefix("data:").partition(";base64,")
    return {"type": "data", "value": value, "mimeType": kind} if found else {"type": "url", "value": url}

"""Messages of the AI SDK as chats have them, and the answers that stand in their tool parts."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any

from girih.api.compat.ai_sdk.schemas import ChatIn, UiMessage
from girih.api.compat.turns import ERROR
from girih.errors import InvalidInput
from girih.language.spec.tree import JsonObject, JsonValue
from girih.services.runs.chat_schemas import ChatCall, ChatMessage, ClientIn, ImagePart, Part, TextPart
from girih.services.runs.conversations import Said
from girih.services.runs.plain import dump
from girih.services.runs.schemas import RunIn

_DONE = {"output-available": "output", "output-error": "errorText"}


def said_of(agent: str, body: ChatIn) -> Said:
    """What the request says. Raises `InvalidInput` for parts that no model could be given."""
    run = RunIn(
        agent=agent,
        inputs=body.inputs,
        client=_client(body),
        user=body.user,
        tags=body.tags,
        metadata=body.metadata,
        multitask=body.multitask,
    )
    last = body.messages[-1]
    parts = [part for part in last.parts if _tool_of(part)] if last.role == "assistant" else []
    return Said(
        chat=body.id,
        messages=[message for at, one in enumerate(body.messages) for message in _read(one, f"messages[{at}]")],
        asks=last.role == "user",
        run=run,
        results=dict(_results(parts)),
        answers={**dict(_approvals(parts)), **body.answers},
    )


def _client(body: ChatIn) -> ClientIn | None:
    client = ClientIn(
        tools=body.tools, tool_choice=body.tool_choice, params=body.params, instructions=body.instructions
    )
    return client if client.model_fields_set and client != ClientIn() else None


def _read(message: UiMessage, path: str) -> Sequence[ChatMessage]:
    if message.role == "assistant":
        return list(_steps(message))
    content = [_part(part, f"{path}.parts[{at}]") for at, part in enumerate(message.parts)]
    if len(content) == 1 and isinstance(content[0], TextPart):
        return [ChatMessage(id=message.id, role=message.role, content=content[0].text)]
    return [ChatMessage(id=message.id, role=message.role, content=content)]


def _part(part: JsonObject, path: str) -> Part:
    kind, media = part.get("type"), str(part.get("mediaType") or "")
    if kind == "text" and isinstance(part.get("text"), str):
        return TextPart(text=part["text"])
    url = part.get("url")
    if kind == "file" and media.partition("/")[0] == "image" and isinstance(url, str) and url:
        return ImagePart(url=url)
    what = f"a file of the type '{media[:64]}'" if kind == "file" else f"a part of the type '{str(kind)[:64]}'"
    raise InvalidInput(f"{path}: {what} cannot be given to a model here", help="send text, or images", param=path)


def _steps(message: UiMessage) -> Iterator[ChatMessage]:
    """An assistant's message, step by step: what it said and called, and what became of the calls."""
    number = 0
    for parts in _between(message.parts, "step-start"):
        text = "".join(str(part.get("text", "")) for part in parts if part.get("type") == "text")
        calls = [part for part in parts if _tool_of(part) and part.get("state") in _DONE]
        if not text and not calls:
            continue
        number += 1
        own = message.id if number == 1 else f"{message.id}-{number}"
        asked = [ChatCall(id=str(one["toolCallId"]), name=_tool_of(one), arguments=_arguments(one)) for one in calls]
        yield ChatMessage(id=own[:200], role="assistant", content=text, calls=asked)
        for call, part in zip(asked, calls, strict=True):
            result = dict(_results([part]))[call.id]
            told = result if isinstance(result, str) else dump(result)
            yield ChatMessage(id=f"{own[:150]}-{call.id}"[:200], role="tool", content=told, call_id=call.id)


def _between(parts: Sequence[JsonObject], kind: str) -> Iterator[list[JsonObject]]:
    step: list[JsonObject] = []
    for part in parts:
        if part.get("type") == kind:
            yield step
            step = []
        else:
            step.append(part)
    yield step


def _tool_of(part: JsonObject) -> str:
    """The tool of a part that is a call of one; nothing for other parts."""
    kind, number = part.get("type"), part.get("toolCallId")
    if not isinstance(number, str) or not isinstance(kind, str):
        return ""
    name = part.get("toolName") if kind == "dynamic-tool" else kind.removeprefix("tool-")
    return str(name)[:200] if kind.startswith(("tool-", "dynamic-tool")) else ""


def _arguments(part: JsonObject) -> dict[str, Any]:
    given = part.get("input")
    return given if isinstance(given, dict) else {}


def _results(parts: Sequence[JsonObject]) -> Iterator[tuple[str, JsonValue]]:
    for part in parts:
        state = part.get("state")
        if state == "output-available" and part.get("preliminary") is not True:
            yield part["toolCallId"], part.get("output")
        elif state == "output-error":
            yield part["toolCallId"], f"{ERROR}{part.get('errorText', '')}"


def _approvals(parts: Sequence[JsonObject]) -> Iterator[tuple[str, JsonValue]]:
    for part in parts:
        approval = part.get("approval")
        if part.get("state") == "approval-responded" and isinstance(approval, dict):
            told: JsonObject = {"approved": approval.get("approved") is True}
            reason = approval.get("reason")
            yield str(approval.get("id")), told | ({"reason": reason} if isinstance(reason, str) and reason else {})

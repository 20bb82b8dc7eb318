"""What a response puts out: messages and calls, and the events in which they grow."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TypeAlias

from girih.language.spec.tree import JsonObject
from girih.services.runs.chat_steps import CallStep, DroppedStep, TextStep

Said: TypeAlias = tuple[str, JsonObject]
"""The type of an event of a response's stream, and its fields."""


class _Item:
    """One item. `lead` are the fields that name it in every event about it."""

    def __init__(self, item: JsonObject, index: int) -> None:
        self.item = item
        self.index = index
        self.pieces: list[str] = []
        self.is_open = True

    @property
    def lead(self) -> JsonObject:
        return {"item_id": self.item["id"], "output_index": self.index}

    @property
    def text(self) -> str:
        return "".join(self.pieces)

    def added(self) -> Said:
        return "response.output_item.added", {"output_index": self.index, "item": dict(self.item)}

    def done(self, **more: object) -> Said:
        self.is_open = False
        self.item.update(more)
        return "response.output_item.done", {"output_index": self.index, "item": dict(self.item)}


class Output:
    """The items of one response. Their ids follow from the response's and from their place, so they never change."""

    def __init__(self, number: str) -> None:
        self._number = number
        self._items: list[_Item] = []
        self._calls: dict[str, _Item] = {}
        self._message: _Item | None = None
        self._message_id = ""
        self.has_text = False

    @property
    def items(self) -> list[JsonObject]:
        """The items as they are now."""
        return [_now(one) for one in self._items]

    def text(self, step: TextStep, *, is_refusal: bool = False) -> Iterator[Said]:
        """A piece of the answer."""
        if self._message is None or step.message_id != self._message_id:
            yield from self._close_message("completed")
            self._message_id = step.message_id
            yield from self._open_message(is_refusal=is_refusal)
        message = self._message
        assert message is not None  # noqa: S101 - it was opened just now
        self.has_text = True
        message.pieces.append(step.text)
        kind = message.item["content"][0]["type"]
        more: JsonObject = {"logprobs": []} if kind == "output_text" else {}
        yield f"response.{kind}.delta", message.lead | {"content_index": 0, "delta": step.text} | more

    def end_message(self) -> Iterator[Said]:
        """What is said next is a message of its own."""
        yield from self._close_message("completed")

    def drop(self, step: DroppedStep) -> Iterator[Said]:
        """A call comes to nothing: it stays as far as it came, and nobody wants its result."""
        known = self._calls.get(step.call_id)
        if known is not None and known.is_open:
            yield known.done(status="incomplete", arguments=known.text)

    def call(self, step: CallStep) -> Iterator[Said]:
        """A call, or what comes of it that was not there before."""
        yield from self._close_message("completed")
        known = self._calls.get(step.call_id)
        if known is None:
            fields = {"call_id": step.call_id, "name": step.name, "arguments": ""}
            known = self._add("fc", {"type": "function_call", "status": "in_progress"} | fields)
            self._calls[step.call_id] = known
            yield known.added()
        if not known.is_open:
            return
        piece = step.arguments[len(known.text) :] if step.done else step.arguments
        if piece:
            known.pieces.append(piece)
            yield "response.function_call_arguments.delta", known.lead | {"delta": piece}
        if step.done:
            said = known.lead | {"name": known.item["name"], "arguments": known.text}
            yield "response.function_call_arguments.done", said
            yield known.done(status="completed", arguments=known.text)

    def close(self, status: str) -> Iterator[Said]:
        """Nothing more comes: what is open is `completed` or `incomplete`."""
        yield from self._close_message(status)
        for one in self._items:
            if one.is_open:
                yield one.done(status="incomplete", arguments=one.text)

    def _add(self, prefix: str, item: JsonObject) -> _Item:
        index = len(self._items)
        made = _Item({"id": f"{prefix}_{self._number}_{index}"} | item, index)
        self._items.append(made)
        return made

    def _open_message(self, *, is_refusal: bool) -> Iterator[Said]:
        message = self._add("msg", {"type": "message", "status": "in_progress", "role": "assistant", "content": []})
        yield message.added()
        part = _part("", is_refusal=is_refusal)
        message.item["content"] = [part]
        self._message = message
        yield "response.content_part.added", message.lead | {"content_index": 0, "part": part}

    def _close_message(self, status: str) -> Iterator[Said]:
        message, self._message = self._message, None
        if message is None:
            return
        kind = message.item["content"][0]["type"]
        part = _part(message.text, is_refusal=kind == "refusal")
        lead = message.lead | {"content_index": 0}
        if kind == "refusal":
            yield "response.refusal.done", lead | {"refusal": message.text}
        else:
            yield "response.output_text.done", lead | {"text": message.text, "logprobs": []}
        yield "response.content_part.done", lead | {"part": part}
        yield message.done(status=status, content=[part])


def _part(text: str, *, is_refusal: bool) -> JsonObject:
    if is_refusal:
        return {"type": "refusal", "refusal": text}
    return {"type": "output_text", "text": text, "annotations": [], "logprobs": []}


def _now(one: _Item) -> JsonObject:
    """The item with what has come of it so far."""
    if not one.is_open or not one.pieces:
        return dict(one.item)
    if one.item["type"] == "function_call":
        return one.item | {"arguments": one.text}
    kind = one.item["content"][0]["type"]
    return one.item | {"content": [_part(one.text, is_refusal=kind == "refusal")]}

"""Messages in the words of LangGraph's event-streaming protocol: each begins, has blocks that grow, and ends."""

from __future__ import annotations

from collections.abc import Iterator

from girih.api.compat.langgraph.mode_messages import Piece, Pieces
from girih.api.compat.langgraph.moment import Moment
from girih.api.compat.langgraph.told import Told
from girih.language.spec.tree import JsonObject
from girih.services.runs.run_view import RunView


class Blocks:
    """Puts pieces of messages into blocks: the text is the first one, each call of a tool another."""

    def __init__(self, view: RunView) -> None:
        self._pieces = Pieces(view)
        self._text: dict[str, str] = {}
        """The messages that have begun, with their text so far."""

    def take(self, moment: Moment) -> Iterator[Told]:
        """What is told of an event."""
        self._pieces.take(moment)
        for piece in self._pieces.now:
            yield from self._of(piece, moment)

    def _of(self, piece: Piece, moment: Moment) -> Iterator[Told]:
        number = piece.message.id
        if number not in self._text:
            self._text[number] = ""
            answers = piece.message.answers
            role = {"role": "ai"} if answers is None else {"role": "tool", "tool_call_id": answers}
            yield self._told(moment, {"event": "message-start", **role, "id": number, "metadata": moment.metadata})
        if piece.text:
            if not self._text[number]:
                yield self._block(moment, number, "content-block-start", {"content": {"type": "text", "text": ""}})
            self._text[number] += piece.text
            delta = {"delta": {"type": "text-delta", "text": piece.text}}
            yield self._block(moment, number, "content-block-delta", delta)
        if piece.is_last:
            yield from self._end(piece, moment)

    def _end(self, piece: Piece, moment: Moment) -> Iterator[Told]:
        message = piece.message
        text = self._text.pop(message.id)
        if text:
            yield self._block(moment, message.id, "content-block-finish", {"content": {"type": "text", "text": text}})
        for at, call in enumerate(message.calls, 1 if text else 0):
            chunk = {"type": "tool_call_chunk", "id": call["id"], "name": call["name"], "args": "", "index": at}
            yield self._block(moment, message.id, "content-block-start", {"content": chunk}, at)
            yield self._block(moment, message.id, "content-block-finish", {"content": {**call, "index": at}}, at)
        yield self._told(moment, {"event": "message-finish", "message_id": message.id})

    def _block(self, moment: Moment, number: str, event: str, more: JsonObject, at: int = 0) -> Told:
        return self._told(moment, {"event": event, "message_id": number, "index": at, **more})

    @staticmethod
    def _told(moment: Moment, data: JsonObject) -> Told:
        return Told("messages", "messages", moment.where.ns if moment.where is not None else (), data)

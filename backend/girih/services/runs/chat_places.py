"""Where an app's chat stands beside its thread: what of the thread it has dropped, and what is new in it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from girih.services.runs.chat_schemas import ChatMessage, TextPart


@dataclass(frozen=True)
class Place:
    """How to bring a thread to where the app is: go back before the messages `dropped`, and add the `new` ones."""

    dropped: frozenset[str]
    new: Sequence[ChatMessage]


def placed(held: Sequence[Mapping[str, Any]], sent: Sequence[ChatMessage]) -> Place:
    """The place of the app's messages, whose last one is the question, beside those the thread holds.

    Messages of users tell where the app is: one with a known id and other words was edited, a known one that is asked
    once more is to be answered anew, and known ones behind the last that was sent were removed. An app may also send
    less than the whole: messages before all that it sends stay. What the assistant said is the thread's to know.
    """
    users = [str(message.get("id")) for message in held if message.get("role") == "user"]
    texts = {str(message.get("id")): message.get("content") for message in held if message.get("role") == "user"}
    anchor, changed = -1, None
    for at, message in enumerate(sent[:-1]):
        if message.role == "user" and message.id in texts:
            if texts[message.id] != text_of(message):
                changed = message.id
                break
            anchor = at
    if changed is None and sent[-1].id in texts:
        changed = sent[-1].id
    if changed is not None:
        dropped = users[users.index(changed) :]
    else:
        dropped = users[users.index(str(sent[anchor].id)) + 1 :] if anchor >= 0 else []
    kept = _kept(held, frozenset(dropped))
    return Place(frozenset(dropped), [one for one in _behind(sent, anchor) if one.id is None or one.id not in kept])


def text_of(message: ChatMessage) -> str:
    """The words of a message, as a thread holds them."""
    if isinstance(message.content, str):
        return message.content
    return "\n".join(part.text for part in message.content if isinstance(part, TextPart))


def _kept(held: Sequence[Mapping[str, Any]], dropped: frozenset[str]) -> frozenset[str]:
    ids = [str(message.get("id")) for message in held]
    end = next((at for at, number in enumerate(ids) if number in dropped), len(ids))
    return frozenset(ids[:end])


def _behind(sent: Sequence[ChatMessage], anchor: int) -> Sequence[ChatMessage]:
    """What was sent behind the anchor and the answer to it."""
    at = anchor + 1
    while anchor >= 0 and at < len(sent) and sent[at].role in ("assistant", "tool"):
        at += 1
    return sent[at:]

"""What a chat's agents said beside their calls of tools, and what the calls came to, as messages of their own.

They are no part of `state.messages`, unless the graph writes them there under the same ids: models are not told them
again. Doors whose clients look for them among the messages show them before the answer that they led to.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence

from girih.engine.events import RunEvent
from girih.engine.shared_state import MESSAGES, message_id
from girih.language.compiler.plan import Plan
from girih.language.nodes.agent_tools import told
from girih.language.nodes.conversation import answer_id
from girih.language.spec.tree import JsonObject

Talks = Mapping[str, Sequence[JsonObject]]
"""Such messages in order, by the id of the answer that they stand before."""


def talking(plan: Plan) -> frozenset[str]:
    """The nodes whose calls are told: a chat's agents, but for those inside of forks and of other graphs."""
    if plan.chat is None:
        return frozenset()
    return frozenset(node.name for node in plan.nodes if node.verb == "agent" and node.region is None)


class Talk:
    """Takes a run's events in order. One that begins in the middle tells what it has heard of."""

    def __init__(self, plan: Plan, run_id: str) -> None:
        self.before = message_id(f"{run_id}:", "assistant")
        """The id of the answer that all of it stands before."""
        self._agents = talking(plan)
        self._told: dict[str, JsonObject] = {}
        self._calling: dict[str, list[str]] = {}
        """The answers that there may be to each message that makes calls, in the order of its calls."""
        self._spoken: dict[tuple[str, str], str] = {}
        """Which message made a call: by its node, and its id there."""
        self._names: dict[str, str] = {}

    @property
    def messages(self) -> list[JsonObject]:
        """All so far, in the form of `state.messages`; answers of tools have a `name`, and `failed` where they have."""
        numbers = (number for spoken, answers in self._calling.items() for number in (spoken, *answers))
        return [self._told[number] for number in numbers if number in self._told]

    @property
    def calls(self) -> frozenset[str]:
        """The ids of the calls so far."""
        return frozenset(call for _, call in self._spoken)

    def take(self, event: RunEvent) -> list[JsonObject]:
        """The messages that one more event adds, or tells in another way."""
        node = event.event.node
        if node is None or node not in self._agents:
            return []
        return [message for message in self._of(node, event) if self._is_news(message)]

    def _of(self, node: str, event: RunEvent) -> Iterator[JsonObject]:
        kind, data = event.event.type, event.event.data
        if kind == "message.completed" and data.get("id") and data.get("calls"):
            yield self._called(node, data["id"], data.get("text", ""), data["calls"])
        elif kind == "tool.finished" and (spoken := self._spoken.get((node, str(data.get("call_id"))))) is not None:
            yield self._answered(answer_id(spoken, data["call_id"]), data["call_id"], told(data))
        elif kind == "node.finished" and isinstance(output := data.get("output"), dict):
            for message in output.get("messages") or ():
                if message["role"] == "tool":
                    yield self._answered(message["id"], message["call_id"], message["content"])
                elif message.get("calls"):
                    yield self._called(node, message["id"], message["content"], message["calls"])

    def _called(self, node: str, number: str, text: str, calls: Iterable[JsonObject]) -> JsonObject:
        made = [{name: call[name] for name in ("id", "name", "arguments")} for call in calls]
        for call in made:
            self._spoken[node, call["id"]] = number
            self._names[call["id"]] = call["name"]
        self._calling[number] = [answer_id(number, call["id"]) for call in made]
        return {"id": number, "role": "assistant", "content": text, "calls": made}

    def _answered(self, number: str, call_id: str, content: str) -> JsonObject:
        failed = {"failed": True} if content.startswith("Error: ") else {}
        answer = {"id": number, "role": "tool", "content": content, "call_id": call_id}
        return answer | {"name": self._names.get(call_id)} | failed

    def _is_news(self, message: JsonObject) -> bool:
        is_news = self._told.get(message["id"]) != message
        self._told[message["id"]] = message
        return is_news


def woven(state: JsonObject, talks: Talks, last: Sequence[JsonObject] = ()) -> JsonObject:
    """A state whose messages have these among them, each once; what led to no answer yet stands `last`."""
    messages = state.get(MESSAGES)
    if not isinstance(messages, list) or not (talks or last):
        return state
    known = {one.get("id") for one in messages if isinstance(one, dict)}
    shown: list[JsonObject] = []
    for message in messages:
        before = talks.get(str(message.get("id")), ()) if isinstance(message, dict) else ()
        shown += [one for one in before if one["id"] not in known]
        shown.append(message)
    return state | {MESSAGES: shown + [one for one in last if one["id"] not in known]}

"""`ask`, `wait` and `emit` by themselves: what they ask of the world, and what they make of its replies."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any

import pytest
from pydantic import ValidationError

from girih.errors import NodeError, Paused
from girih.language.nodes.ask import AskConfig, AskNode
from girih.language.nodes.base import Leaving, NodeKind, Scope
from girih.language.nodes.emit import EmitConfig, EmitNode
from girih.language.nodes.pausing import PauseRequest, Reply
from girih.language.nodes.wait import WaitConfig, WaitNode
from girih.providers.fakes.events import RecordedEvents

SCOPE = Scope({}, {}, {}, {}, {}, infer=lambda value: {})


class World:
    """All that these nodes use of a `NodeContext`."""

    def __init__(self, reply: Reply | None = None) -> None:
        self.reply = reply
        self.requests: list[PauseRequest] = []
        self.attempt_key = "run:node#1"
        self.ports = SimpleNamespace(events=RecordedEvents())

    async def pause(self, key: str, request: PauseRequest) -> Reply:
        self.requests.append(request)
        if self.reply is None:
            raise Paused(key)
        return self.reply


async def ran(kind: NodeKind[Any], config: Any, world: World, **values: Any) -> Any:
    return await kind.run(kind.lower(config, SCOPE), values, world)  # type: ignore[arg-type]


def ask(**keys: Any) -> AskConfig:
    return AskConfig.model_validate({"ask": {"message": "Sure?", **keys}})


def wait(value: Any) -> WaitConfig:
    return WaitConfig.model_validate({"wait": value})


async def test_a_question_says_what_it_wants_and_waits() -> None:
    config = ask(returns={"ok": "boolean", "why": "string?"}, to=["finance"], timeout="1h")
    world = World()
    with pytest.raises(Paused):
        await ran(AskNode(), config, world, message="Sure, Ada?")
    (request,) = world.requests
    assert (request.kind, request.message, request.timeout) == ("ask", "Sure, Ada?", 3600)
    assert request.schema == AskNode().returns(config, SCOPE)
    assert request.schema["required"] == ["ok"]
    assert request.details == {"to": ["finance"]}


async def test_the_answer_is_the_result() -> None:
    answered = Reply("answered", {"ok": True}, "ada")
    assert await ran(AskNode(), ask(returns={"ok": "boolean"}), World(answered), message="Sure?") == {"ok": True}


async def test_choices_are_one_field_and_without_a_form_the_answer_is_text() -> None:
    chosen = AskNode().returns(ask(choices=["yes", "no"]), SCOPE)
    assert chosen["properties"] == {"choice": {"type": "string", "enum": ["yes", "no"]}}
    world = World(Reply("answered", {"choice": "no"}))
    await ran(AskNode(), ask(choices=["yes", "no"]), world, message="Sure?")
    assert world.requests[0].details == {"choices": ["yes", "no"]}
    assert AskNode().returns(ask(), SCOPE)["properties"] == {"answer": {"type": "string"}}


async def test_when_time_is_over_it_leaves_or_fails_by_name() -> None:
    over = World(Reply("timed_out"))
    leaving = ask(timeout="10s", on_timeout="escalate")
    assert await ran(AskNode(), leaving, over, message="Sure?") == Leaving("timeout")
    assert [(way.name, way.to, way.has_result) for way in AskNode().exits(leaving)] == [("timeout", "escalate", False)]
    with pytest.raises(NodeError, match="nobody answered within 10 seconds") as caught:
        await ran(AskNode(), ask(timeout="10s"), over, message="Sure?")
    assert (caught.value.kind, caught.value.can_pass) == ("timeout", False)
    assert list(AskNode().exits(ask(timeout="10s"))) == []


@pytest.mark.parametrize(
    ("keys", "words"),
    [
        ({"returns": {"a": "string"}, "choices": ["x", "y"]}, "not both"),
        ({"choices": ["x", "x"]}, "twice"),
        ({"on_timeout": "other"}, "no 'timeout'"),
        ({"returns": {}}, "at least 1"),
        ({"returns": {"a": "strin"}}, "not a type"),
    ],
)
def test_a_question_that_makes_no_sense_is_refused(keys: dict[str, Any], words: str) -> None:
    with pytest.raises(ValidationError, match=words):
        ask(**keys)


async def test_waiting_for_a_time_has_no_result() -> None:
    world = World(Reply("timed_out"))
    assert await ran(WaitNode(), wait("1h"), world) == {}
    assert await ran(WaitNode(), wait({"for": 90}), world) == {}
    assert [(r.kind, r.timeout) for r in world.requests] == [("timer", 3600), ("timer", 90)]


async def test_waiting_for_a_moment_names_it() -> None:
    world = World(Reply("timed_out"))
    config = wait({"until": "${ inputs.at }"})
    assert await ran(WaitNode(), config, world, until="2030-01-31T10:00:00+01:00") == {}
    assert world.requests[0].details == {"until": "2030-01-31T09:00:00+00:00"}
    for wrong in ("tomorrow", "2030-01-31T10:00:00"):
        with pytest.raises(NodeError, match="not a moment") as caught:
            await ran(WaitNode(), config, world, until=wrong)
        assert caught.value.kind == "invalid_output"


async def test_waiting_for_an_event_gives_its_data() -> None:
    config = wait({"event": "order.paid", "match": {"id": "${ inputs.id }"}, "returns": {"sum": "number"}})
    world = World(Reply("answered", {"id": 7, "sum": 2.5}))
    assert await ran(WaitNode(), config, world, match={"id": 7}) == {"id": 7, "sum": 2.5}
    assert world.requests[0].details == {"event": "order.paid", "match": {"id": 7}}
    schema = WaitNode().returns(config, SCOPE)
    assert "additionalProperties" not in schema
    assert schema["required"] == ["sum"]


async def test_an_event_that_does_not_come_leaves_or_fails() -> None:
    over = World(Reply("timed_out"))
    assert await ran(WaitNode(), wait({"event": "a.b", "timeout": "5s", "on_timeout": "$end"}), over) == Leaving(
        "timeout"
    )
    with pytest.raises(NodeError, match=r"no event 'a\.b' came within 5 seconds"):
        await ran(WaitNode(), wait({"event": "a.b", "timeout": 5}), over)


@pytest.mark.parametrize(
    ("value", "words"),
    [
        ({}, "exactly one"),
        ({"for": "1h", "event": "a.b"}, "exactly one"),
        ({"for": "1h", "match": {"a": 1}}, "belongs to 'event'"),
        ({"event": "a.b", "on_timeout": "other"}, "no 'timeout'"),
        ({"event": "Not An Event"}, "pattern"),
        ("soon", "a duration is expected"),
    ],
)
def test_a_wait_that_makes_no_sense_is_refused(value: Any, words: str) -> None:
    with pytest.raises(ValidationError, match=words):
        wait(value)


async def test_an_event_is_published_once_however_often_the_node_runs() -> None:
    config = EmitConfig.model_validate({"emit": "order.refunded", "with": {"id": "${ inputs.id }"}})
    world = World()
    first = await ran(EmitNode(), config, world, **{"with": {"id": 7}})
    assert await ran(EmitNode(), config, world, **{"with": {"id": 7}}) == first
    assert world.ports.events.published == [("order.refunded", {"id": 7})]

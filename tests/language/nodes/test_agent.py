"""The agent's loop: calls, faults, approvals, hand-overs, and what a resume repeats (nothing that was recorded)."""

from __future__ import annotations

from typing import Any

import pytest
from pydantic import ValidationError
from tests.language.nodes.fake_context import Turns, World, run, scope, tool, wants

from girih.errors import NodeError, Paused
from girih.language.nodes.agent import AgentConfig, AgentNode
from girih.language.nodes.base import GraphContract, object_of
from girih.language.nodes.pausing import PauseRequest, Reply
from girih.language.nodes.ports import Message, ToolCall, ToolSpec
from girih.language.spec.conform import contract
from girih.language.spec.tree import JsonObject

FIND = tool("orders.find", object_of({"order_id": {"type": "string"}}))
REFUND = tool(
    "orders.refund",
    object_of(
        {"order_id": {"type": "string"}, "amount": {"type": "number"}, "currency": {"type": "string"}},
        optional=("currency",),
    ),
)
COMPLAINTS = GraphContract(
    "complaints",
    "sha256:c",
    object_of({"reason": {"type": "string"}}),
    object_of({"text": {"type": "string"}, "score": {"type": "integer"}}),
)
SCOPE = scope({"find": FIND, "refund": REFUND}, {"complaints": COMPLAINTS})
DESK: JsonObject = {
    "agent": "small",
    "system": "You look after orders.",
    "prompt": "Where is A-1?",
    "tools": ["find", {"use": "refund", "approval": "args.amount > 50.0", "with": {"currency": "EUR"}}],
}
TOOLS: dict[str, Any] = {
    "orders.find": lambda arguments: {"order_id": arguments["order_id"], "state": "sent"},
    "orders.refund": lambda arguments: {"refunded": arguments["amount"]},
}
NODE = AgentNode()


def world(*turns: Any, **more: Any) -> World:
    return World(Turns(list(turns)), **({"tools": TOOLS} | more))


async def desk(world: World, **changes: Any) -> JsonObject:
    written = {**DESK, **changes}
    result = await run(NODE, written, SCOPE, world)
    returns = NODE.returns(AgentConfig.model_validate(written), SCOPE)
    assert not contract(returns).misfits(result)
    return result


async def test_it_calls_a_tool_and_answers() -> None:
    here = world((wants("find", order_id="A-1"),), "It was sent.")
    result = await desk(here)
    assert result["text"] == "It was sent."
    assert result["calls"] == [
        {"tool": "find", "arguments": {"order_id": "A-1"}, "result": {"order_id": "A-1", "state": "sent"}}
    ]
    assert result["usage"] == {"input_tokens": 20, "output_tokens": 4, "cost_usd": 1.0}
    assert [message["role"] for message in result["messages"]] == ["assistant", "tool"]
    assert here.called == [("orders.find", {"order_id": "A-1"}, "run:desk#1:call:1.0")]
    first, second = here.models.requests
    assert first.tools == (
        ToolSpec("find", "Does orders.find.", FIND.parameters),
        ToolSpec(
            "refund", "Does orders.refund.", object_of({"order_id": {"type": "string"}, "amount": {"type": "number"}})
        ),
    )
    assert second.messages == (
        Message("system", "You look after orders."),
        Message("user", "Where is A-1?"),
        Message("assistant", "", (ToolCall("c1", "find", {"order_id": "A-1"}),)),
        Message("tool", '{"order_id": "A-1", "state": "sent"}', call_id="c1"),
    )
    assert here.types() == [
        "tool.delta", "message.completed", "tool.started", "tool.finished", "message.delta", "message.completed",
    ]  # fmt: skip


def _broken(kind: Any) -> Any:
    def call(arguments: JsonObject) -> Any:
        raise NodeError(kind, "the tool is broken")

    return call


@pytest.mark.parametrize(
    ("call", "told"),
    [
        (wants("fly"), "Error: there is no tool 'fly'; there are: find, refund"),
        (wants("find", order=1), "Error: the arguments do not fit: "),
        (ToolCall("c1", "find", {}, "the arguments are not JSON: {x"), "Error: the arguments are not JSON: {x. Give"),
        (wants("refund", order_id="A-1", amount=1), "Error: unavailable: the tool is broken"),
    ],
)
async def test_what_goes_wrong_is_told_to_the_model(call: ToolCall, told: str) -> None:
    here = world((call,), "Sorry.", tools=TOOLS | {"orders.refund": _broken("unavailable")})
    result = await desk(here)
    assert here.models.requests[1].messages[-1].content.startswith(told)
    assert "result" not in result["calls"][0]
    assert result["calls"][0]["error"] in told or told.removeprefix("Error: ") in result["calls"][0]["error"]


async def test_a_budget_is_no_tools_matter() -> None:
    with pytest.raises(NodeError, match="broken"):
        await desk(world((wants("find", order_id="1"),), tools={"orders.find": _broken("budget")}))


async def test_fixed_arguments_are_neither_shown_nor_left_to_the_model() -> None:
    here = world(
        (wants("refund", order_id="A-1", amount=3),), (wants("refund", order_id="1", amount=3, currency="X"),), ""
    )
    await desk(here)
    assert here.called == [
        ("orders.refund", {"order_id": "A-1", "amount": 3, "currency": "EUR"}, "run:desk#1:call:1.0")
    ]
    assert "unknown: 'currency'" in here.models.requests[2].messages[-1].content


async def test_the_turns_are_bounded() -> None:
    with pytest.raises(NodeError, match="took 2 turns") as caught:
        await desk(world(*[(wants("find", order_id="A-1"),)] * 2), max_turns=2)
    assert (caught.value.kind, caught.value.can_pass) == ("budget", False)


async def test_a_resume_repeats_nothing_that_was_recorded() -> None:
    here = world((wants("find", order_id="A-1"),), NodeError("rate_limit", "slow down"), "Sent.")
    with pytest.raises(NodeError, match="slow down"):
        await desk(here)
    here.events.clear()
    result = await desk(here)
    assert result["text"] == "Sent."
    assert len(here.called) == 1
    assert len(here.models.requests) == 3
    assert here.types() == ["message.delta", "message.completed"]


BOTH = (wants("refund", "c1", order_id="A-1", amount=99), wants("find", "c2", order_id="A-1"),
        wants("refund", "c3", order_id="A-2", amount=60))  # fmt: skip


async def test_all_approvals_of_a_turn_are_asked_at_once_and_the_others_run() -> None:
    here = world(BOTH, "Done.")
    with pytest.raises(Paused):
        await desk(here)
    assert [name for name, _, _ in here.called] == ["orders.find"]
    assert list(here.paused) == ["call:1.0", "call:1.2"]
    request = here.paused["call:1.0"]
    assert request == PauseRequest(
        "approve",
        "May the agent call 'refund'?",
        object_of(
            {"approved": {"type": "boolean"}, "reason": {"type": "string"}, "arguments": REFUND.parameters},
            optional=("reason", "arguments"),
        ),
        {"tool": "refund", "arguments": {"order_id": "A-1", "amount": 99, "currency": "EUR"}, "call_id": "c1"},
    )
    here.replies["call:1.0"] = Reply("answered", {"approved": False, "reason": "too much"})
    with pytest.raises(Paused):
        await desk(here)
    changed = {"order_id": "A-2", "amount": 55, "currency": "USD"}
    here.replies["call:1.2"] = Reply("answered", {"approved": True, "arguments": changed})
    result = await desk(here)
    assert [call.get("approved") for call in result["calls"]] == [False, None, True]
    assert result["calls"][0]["error"] == "a person refused this call: too much"
    sent = {"order_id": "A-2", "amount": 55, "currency": "EUR"}
    assert here.called[1:] == [("orders.refund", sent, "run:desk#1:call:1.2")]
    assert len(here.models.requests) == 2
    told = [message.content for message in here.models.requests[1].messages if message.role == "tool"]
    assert told[0] == "Error: a person refused this call: too much"
    assert told[2].startswith('(called with changed arguments: {"order_id": "A-2", "amount": 55')
    assert here.types().count("tool.finished") == 3


@pytest.mark.parametrize(
    ("approval", "amount", "asks"),
    [("always", 1, True), ("never", 99, False), ("args.amount > 50.0", 50, False), ("args.note == 'x'", 1, True)],
)
async def test_who_is_asked(approval: str, amount: float, asks: bool) -> None:
    here = world((wants("refund", order_id="1", amount=amount),), "Done.")
    tools = [{"use": "refund", "approval": approval}]
    if asks:
        with pytest.raises(Paused):
            await desk(here, tools=tools)
    else:
        await desk(here, tools=tools)
    assert bool(here.called) is not asks


async def test_an_approvers_arguments_are_checked_too_and_silence_is_no_consent() -> None:
    here = world((wants("refund", order_id="1", amount=99),), "Done.")
    here.replies["call:1.0"] = Reply("answered", {"approved": True, "arguments": {"amount": "much"}})
    result = await desk(here)
    assert "a person allowed this call with arguments that do not fit" in result["calls"][0]["error"]
    late = world((wants("refund", order_id="1", amount=99),), "Done.")
    tools = [{"use": "refund", "approval": "always", "approval_timeout": "24h"}]
    with pytest.raises(Paused):
        await desk(late, tools=tools)
    assert late.paused["call:1.0"].timeout == 24 * 3600
    late.replies["call:1.0"] = Reply("timed_out")
    (call,) = (await desk(late, tools=tools))["calls"]
    assert (call["approved"], call["error"]) == (False, "nobody allowed this call in time")
    assert late.models.requests[-1].messages[-1].content == "Error: nobody allowed this call in time"
    assert here.called == late.called == []


async def test_one_at_a_time() -> None:
    here = world((wants("find", "c1", order_id="1"), wants("find", "c2", order_id="2")), "Done.")
    await desk(here, parallel_tool_calls=False)
    assert here.models.requests[0].params == {"parallel_tool_calls": False}
    assert [arguments["order_id"] for _, arguments, _ in here.called] == ["1", "2"]


async def test_a_failure_comes_before_a_pause() -> None:
    here = world(BOTH, tools=TOOLS | {"orders.find": _broken("budget")})
    with pytest.raises(NodeError, match="broken"):
        await desk(here)


async def test_a_graph_takes_over() -> None:
    calls = (wants("transfer_to_complaints", "c1", why="?"), wants("find", "c2", order_id="1"),
             wants("transfer_to_complaints", "c3", reason="late"), wants("transfer_to_complaints", "c4", reason="x"))  # fmt: skip
    here = world(calls, graphs={"sha256:c": {"text": "We are sorry.", "score": 3}})
    result = await desk(here, handoffs=["complaints"], returns={"state": "string"})
    assert result["text"] == "We are sorry."
    assert result["handoff"] == {"complaints": {"text": "We are sorry.", "score": 3}}
    assert here.handed == [("sha256:c", {"reason": "late"}, "handoff:1")]
    assert ["error" in call for call in result["calls"]] == [True, False, True]
    transfer = here.models.requests[0].tools[-1]
    assert (transfer.name, transfer.parameters) == ("transfer_to_complaints", COMPLAINTS.inputs)


async def test_structured_answers_are_repaired_and_not_streamed() -> None:
    here = world("It was sent.", '{"state": 3}', '```json\n{"state": "sent"}\n```')
    result = await desk(here, returns={"state": "string"})
    assert result["state"] == "sent"
    assert "message.delta" not in here.types()
    assert here.models.requests[0].schema == object_of({"state": {"type": "string"}})
    assert "state: must be text" in here.models.requests[2].messages[-1].content


async def test_an_answer_that_never_fits_fails_and_is_asked_again_when_the_node_is_tried_again() -> None:
    here = world((wants("find", order_id="A-1"),), "no", "no", '{"state": "sent"}')
    with pytest.raises(NodeError, match="does not have the declared shape") as caught:
        await desk(here, returns={"state": "string"}, repairs=1)
    assert caught.value.kind == "invalid_output"
    assert (await desk(here, returns={"state": "string"}, repairs=1))["state"] == "sent"
    assert len(here.called) == 1


async def test_results_are_bounded() -> None:
    here = world((wants("find", order_id="A-1"),), "Long.", tools={"orders.find": lambda _: {"text": "x" * 50_000}})
    result = await desk(here)
    assert len(here.models.requests[1].messages[-1].content) < 20_100
    assert isinstance(result["calls"][0]["result"], str)
    assert len(result["calls"][0]["result"]) < 20_100


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"tools": ["find", {"use": "refund", "name": "find"}]}, "two tools are called 'find'"),
        ({"tools": [{"use": "find", "name": "final_answer"}]}, "no tool can be called 'final_answer'"),
        ({"tools": [{"use": "find", "name": "transfer_to_complaints"}], "handoffs": ["complaints"]}, "two tools"),
        ({"returns": {"calls": "string"}}, "'calls' is a field that an agent node gives by itself"),
        (
            {"tools": [{"use": "find", "approval": "never", "approval_timeout": "1h"}]},
            "nobody is asked; write approval",
        ),
        ({"max_turns": 0}, "greater than or equal"),
        ({"tools": [{"use": "find", "aproval": "always"}]}, "Extra inputs"),
    ],
)
def test_what_an_agent_cannot_be(changes: JsonObject, message: str) -> None:
    with pytest.raises(ValidationError, match=message):
        AgentConfig.model_validate({**DESK, **changes}, strict=True)


def test_neither_prompt_nor_messages() -> None:
    with pytest.raises(ValidationError, match="missing"):
        AgentConfig.model_validate({"agent": "small"})
    assert AgentConfig.model_validate({"agent": "small", "messages": "${ state.messages }"}).prompt is None


def test_conditions_and_slots_stand_at_their_places() -> None:
    config = AgentConfig.model_validate(DESK, strict=True)
    (condition,) = NODE.conditions(config, SCOPE)
    assert (condition.path, condition.binds) == (("tools", 1, "approval"), {"args": REFUND.parameters})
    fixed = [slot for slot in NODE.slots(config, SCOPE) if slot.path[0] == "tools"]
    assert [(slot.path, slot.value) for slot in fixed] == [(("tools", 1, "with"), {"currency": "EUR"})]
    assert fixed[0].expects["properties"] == {"currency": {"type": "string"}}
    assert [use.path for use in NODE.uses(config)] == [("agent",), ("tools", 0), ("tools", 1, "use")]

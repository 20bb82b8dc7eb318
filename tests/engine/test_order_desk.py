"""The example of an agent: the order desk on the demo model, with the examples' own shop behind its tools."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import AsyncIterator, Iterator, Mapping
from http.server import ThreadingHTTPServer
from pathlib import Path
from typing import Any

import pytest
from tests.engine.plans import NoSandbox, NoScanner, World

from girih.engine.context import Outcome, RunContext
from girih.examples import crm
from girih.language.compiler.folder import read_folder
from girih.language.compiler.pipeline import compile_workspace
from girih.language.compiler.plan import Plan
from girih.language.nodes.pausing import Reply
from girih.language.spec.tree import JsonObject
from girih.providers.models.chat import ModelOptions, make_models
from girih.providers.outbound import OutboundClient
from girih.providers.tools.http import HttpTools

COMPILATION = compile_workspace(read_folder(Path(__file__).parents[2] / "agent_specs"))


@pytest.fixture
def shop(monkeypatch: pytest.MonkeyPatch) -> Iterator[str]:
    monkeypatch.setattr(crm, "REFUNDS", crm.Refunds())
    server = ThreadingHTTPServer(("127.0.0.1", 0), type("Quiet", (crm.Handler,), {"log_message": lambda *_: None}))
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.05})
    thread.start()
    yield f"http://127.0.0.1:{server.server_port}"
    server.shutdown()
    thread.join()
    server.server_close()


class Desk:
    """One run of the order desk, as often as it is resumed."""

    def __init__(self, shop: str, client: OutboundClient, script: list[Any] | None, document: JsonObject) -> None:
        self.world = World()
        self._tools = HttpTools(client, {"crm": shop})
        params = {} if script is None else {"script": script}
        self._models = make_models({"small": {"provider": "demo", "params": params, **document}}, ModelOptions())
        self._plans = {plan.digest: plan for plan in COMPILATION.plans.values()}

    async def ask(self, message: str, replies: Mapping[str, Reply] | None = None) -> Outcome:
        async def find(digest: str) -> Plan:
            return self._plans[digest]

        context = RunContext(
            run_id="r",
            inputs={"message": message},
            models=self._models,
            retriever=self.world.retriever,
            tools=self._tools,
            memory=self.world.memory,
            sandbox=NoSandbox(),
            scanner=NoScanner(),
            events=self.world.domain,
            cache=self.world.cache,
            plans=find,
            checkpoints=self.world.store,
            emit=self.world.events.append,
            resume=replies is not None,
            replies=replies or {},
        )
        return await self.world.fresh_engine().execute(COMPILATION.plans["order-desk"], context)

    def tools(self, type: str) -> list[JsonObject]:
        return [event.data for event in self.world.events if event.type == type]


@pytest.fixture
async def desks(shop: str) -> AsyncIterator[Any]:
    client = OutboundClient([shop])
    yield lambda script=None, **document: Desk(shop, client, script, document)
    await client.aclose()


@pytest.mark.parametrize(
    "abilities", [{}, {"capabilities": {"tools": "prompted"}}], ids=["tools of its own", "by an envelope"]
)
async def test_it_looks_an_order_up_by_itself(desks: Any, abilities: JsonObject) -> None:
    desk = desks(**abilities)
    outcome = await desk.ask("Where is my order A-1001?")
    assert outcome.status == "succeeded", outcome.error
    assert outcome.outputs["text"].startswith("[demo model] The tool find_order answered: ")
    assert "city bicycle" in outcome.outputs["text"]
    assert [call["tool"] for call in desk.tools("tool.started")] == ["find_order"]
    assert desk.tools("tool.delta")


async def test_small_refunds_need_nobody(desks: Any) -> None:
    outcome = await desks().ask("I want a refund of 20 euros for A-1002")
    assert outcome.status == "succeeded", outcome.error
    assert '"refund_id": "R-1"' in outcome.outputs["text"]


async def test_a_large_refund_waits_for_a_person(desks: Any) -> None:
    desk, message = desks(), "I want a refund of 600 euros for A-1001"
    outcome = await desk.ask(message)
    assert outcome.status == "interrupted"
    (pause,) = outcome.pauses
    assert (pause.node, pause.request.kind) == ("desk", "approve")
    assert pause.request.details["arguments"] == {"order_id": "A-1001", "amount": 600.0}
    changed = {"approved": True, "arguments": {"order_id": "A-1001", "amount": 64.0}}
    outcome = await desk.ask(message, {pause.id: Reply("answered", changed)})
    assert outcome.status == "succeeded", outcome.error
    assert '"amount": 64.0' in outcome.outputs["text"]
    assert len(desk.tools("tool.started")) == 1


async def test_several_questions_are_open_at_once_and_answered_one_by_one(desks: Any) -> None:
    calls = [
        {"tool": "refund", "args": {"order_id": "A-1001", "amount": 100}},
        {"tool": "find_order", "args": {"order_id": "A-1003"}},
        {"tool": "refund", "args": {"order_id": "A-1003", "amount": 55}},
    ]
    desk = desks([{"calls": calls}, "All done."])
    outcome = await desk.ask("Refund both, please")
    assert [pause.request.details["arguments"]["amount"] for pause in outcome.pauses] == [100, 55]
    assert [call["tool"] for call in desk.tools("tool.started")] == ["find_order"]
    first, second = outcome.pauses
    refused = {first.id: Reply("answered", {"approved": False, "reason": "not yet"})}
    outcome = await desk.ask("Refund both, please", refused)
    assert [pause.id for pause in outcome.pauses] == [second.id]
    outcome = await desk.ask("Refund both, please", {**refused, second.id: Reply("answered", {"approved": True})})
    assert (outcome.status, outcome.outputs) == ("succeeded", {"text": "All done."})
    assert [call["tool"] for call in desk.tools("tool.started")] == ["find_order", "refund"]
    finished = desk.tools("tool.finished")
    assert [call.get("error") for call in finished] == [None, "a person refused this call: not yet", None]


async def test_a_crash_in_the_middle_repeats_nothing_and_keeps_the_keys(desks: Any) -> None:
    calls = [
        {"tool": "find_order", "args": {"order_id": "A-1002"}},
        {"tool": "refund", "args": {"order_id": "A-1002", "amount": 5}},
    ]
    desk = desks([*calls, "All done."])
    real, keys, reached = desk._tools, [], asyncio.Event()

    class Hanging:
        async def call(self, contract: JsonObject, arguments: JsonObject, **more: Any) -> Any:
            keys.append((contract["name"], more["idempotency_key"]))
            if contract["name"] == "orders.refund":
                reached.set()
                await asyncio.Event().wait()
            return await real.call(contract, arguments, **more)

    desk._tools = Hanging()
    running = asyncio.create_task(desk.ask("Refund 5 for A-1002"))
    await reached.wait()
    running.cancel()
    with pytest.raises(asyncio.CancelledError):
        await running
    desk._tools = real
    completed = len(desk.tools("message.completed"))
    outcome = await desk.ask("Refund 5 for A-1002", {})
    assert outcome.outputs == {"text": "All done."}
    assert keys == [("orders.find", "r:desk#1:call:1.0"), ("orders.refund", "r:desk#1:call:2.0")]
    assert [call["tool"] for call in desk.tools("tool.started")] == ["find_order", "refund", "refund"]
    assert len(desk.tools("message.completed")) - completed == 1


async def test_what_the_shop_refuses_is_told_to_the_model(desks: Any) -> None:
    desk = desks([{"tool": "refund", "args": {"order_id": "A-1002", "amount": 40}}, "That was too much."])
    outcome = await desk.ask("Give me 40 back for A-1002")
    assert outcome.outputs == {"text": "That was too much."}
    (finished,) = desk.tools("tool.finished")
    assert finished["error"] == "tool_error: tool 'orders.refund' answered HTTP 422"


async def test_a_complaint_goes_to_another_graph(desks: Any) -> None:
    desk = desks()
    outcome = await desk.ask("I have a complaint about the delivery")
    assert outcome.status == "succeeded", outcome.error
    assert outcome.outputs["text"].startswith("We are sorry. Whoever looks after 'delivery'")
    assert "desk/promise" in {event.node for event in desk.world.events}


async def test_an_agent_that_never_ends_is_stopped(desks: Any) -> None:
    outcome = await desks([{"tool": "find_order", "args": {"order_id": "A-1001"}}]).ask("Where is it?")
    assert outcome.error["kind"] == "budget"
    assert "took 6 turns" in outcome.error["message"]


def test_the_shop_makes_a_refund_once_for_each_key() -> None:
    refunds = crm.Refunds()
    made = refunds.make("/orders/A-1002/refunds", b'{"amount": 5}', "k")
    assert made == refunds.make("/orders/A-1002/refunds", b'{"amount": 5}', "k")
    assert refunds.make("/orders/A-1002/refunds", b'{"amount": 5}', "")[1]["refund_id"] == "R-2"
    wrong = [("/orders/A-9/refunds", b'{"amount": 5}'), ("/orders/A-1002/refunds", b'{"amount": 35.01}'),
             ("/orders/A-1002/refunds", b'{"amount": 0}'), ("/orders/A-1002/refunds", b"[")]  # fmt: skip
    assert [int(refunds.make(path, body, "")[0]) for path, body in wrong] == [404, 422, 422, 422]

"""The example workspace, compiled and run on the demo model with a real local HTTP service behind its tool."""

from __future__ import annotations

from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest
from tests.engine.plans import FixedRetriever, World
from tests.providers.servers import says, serving

from girih.engine.context import Outcome, RunContext
from girih.errors import InvalidInput
from girih.language.compiler.folder import read_folder
from girih.language.compiler.pipeline import compile_workspace
from girih.language.compiler.plan import Plan
from girih.language.nodes.ports import Hit
from girih.providers.fakes.absent import NoSandbox, NoScanner
from girih.providers.models.chat import ModelOptions, make_models
from girih.providers.outbound import OutboundClient
from girih.providers.tools.http import HttpTools

SPECS = Path(__file__).parents[2] / "agent_specs"
CUSTOMER = {"customer_id": "C-1001", "name": "Ada", "tier": "gold", "open_orders": 2, "password": "not declared"}
THIRTY_DAYS = Hit(
    "c1",
    "d1",
    "returns.docx",
    "The 30 days\n\nYou may return any article within 30 days.",
    0.9,
    {"heading": ["Returns"]},
)
COMPILATION = compile_workspace(read_folder(SPECS))


class Runner:
    """Runs the workspace's agents one after another against one world."""

    def __init__(self, tools: HttpTools) -> None:
        self.world = World(retriever=FixedRetriever([THIRTY_DAYS]))
        self._tools = tools
        self._documents = {o.name: o.document for o in COMPILATION.others if o.kind == "model/v1"}
        self._plans = {plan.digest: plan for plan in COMPILATION.plans.values()}

    async def run(self, agent: str, **inputs: Any) -> Outcome:
        async def find(digest: str) -> Plan:
            return self._plans[digest]

        context = RunContext(
            run_id="r",
            inputs=inputs,
            models=make_models(self._documents, ModelOptions()),
            retriever=self.world.retriever,
            tools=self._tools,
            memory=self.world.memory,
            sandbox=NoSandbox(),
            scanner=NoScanner(),
            events=self.world.domain,
            cache=self.world.cache,
            plans=find,
            checkpoints=self.world.store.__class__(),
            emit=self.world.events.append,
        )
        return await self.world.engine.execute(COMPILATION.plans[agent], context)


@pytest.fixture
async def agents() -> AsyncIterator[Runner]:
    async with serving(says(200, CUSTOMER)) as server:
        client = OutboundClient([server.url])
        yield Runner(HttpTools(client, {"crm": server.url}))
        await client.aclose()


async def test_fifty_tokens(agents: Runner) -> None:
    outcome = await agents.run("echo50")
    assert outcome.usage["output_tokens"] == 50
    assert agents.world.types().count("message.delta") == 50


async def test_a_cited_answer(agents: Runner) -> None:
    outcome = await agents.run("handbook", question="How long do I have to send something back?")
    assert outcome.outputs is not None
    assert outcome.outputs["text"] == "[demo model] You may return any article within 30 days. [1]"
    assert [citation["document"] for citation in outcome.outputs["citations"]] == ["returns.docx"]


async def test_no_answer_and_no_citation(agents: Runner) -> None:
    outcome = await agents.run("handbook", question="What is the capital of Australia?")
    assert outcome.outputs is not None
    assert outcome.outputs["text"] == "[demo model] The passages do not answer this question."
    assert outcome.outputs["citations"] == []


@pytest.mark.parametrize(
    ("message", "intent", "last"),
    [
        ("I want my money back for order A-12", "refund", "refund"),
        ("I am unhappy about the last order", "complaint", "escalate"),
        ("Where is your shop?", "question", "answer"),
    ],
)
async def test_triage_takes_the_way_the_message_asks_for(agents: Runner, message: str, intent: str, last: str) -> None:
    outcome = await agents.run("triage", message=message, customer_id="C-1001")
    assert outcome.status == "succeeded", outcome.error
    assert outcome.outputs is not None
    assert (outcome.outputs["intent"], outcome.outputs["customer"]) == (intent, "Ada")
    assert [event.node for event in agents.world.events if event.type == "node.finished"][-1] == last


async def test_inputs_that_do_not_fit(agents: Runner) -> None:
    with pytest.raises(InvalidInput, match="customer_id"):
        await agents.run("triage", message="hello", customer_id="1")

"""What doors of other projects know of a run before its events: the same, read from the tables or known already."""

from __future__ import annotations

import asyncio
from pathlib import Path
from typing import Any
from uuid import UUID

import pytest
from tests.services.runs.office import Office, ended
from tests.services.runs.test_pauses import FORM, interrupted

from girih.language.compiler.folder import read_folder
from girih.language.compiler.pipeline import compile_workspace
from girih.language.nodes.pausing import PauseRequest
from girih.language.nodes.ports import NodeContext
from girih.providers.models.chat import ModelOptions, make_models
from girih.services.runs.run_view import RunView
from girih.services.runs.schemas import RunIn
from girih.services.runs.service import RunService
from girih.services.runs.thread_schemas import ThreadIn

TESTS = Path(__file__).parents[2]


@pytest.fixture
async def service(office: Office) -> RunService:
    office.models = make_models({}, ModelOptions())  # type: ignore[assignment]
    for folder, name in (
        (TESTS / "compat" / "agents", "assistant"),
        (TESTS.parent / "agent_specs" / "bench", "echo50"),
    ):
        plans = compile_workspace(read_folder(folder)).plans.values()
        await office.publish(next(plan for plan in plans if plan.name == name), name)
    return office.service()


def asked(view: RunView) -> tuple[object, ...]:
    return (view.run.id, view.plan, view.beginning, view.outputs, list(view.messages), view.goes_on)


ASKED = [
    {"agent": "echo50", "inputs": {"question": "go"}},
    {"agent": "assistant", "inputs": {"message": "go"}},
    {"agent": "assistant", "messages": [{"id": "m1", "role": "user", "content": "go"}]},
]


@pytest.mark.parametrize("body", ASKED)
async def test_what_is_known_of_a_run_is_what_the_tables_hold(service: RunService, office: Office, body: dict) -> None:
    run = await service.create(office.scope, RunIn.model_validate(body))
    while_held = await service.views.of_known(office.scope, run)
    done = await ended(service, office.scope, run.id)
    elsewhere = await office.service().views.of_known(office.scope, done)
    read = await service.views.of(office.scope, UUID(run.id))
    assert asked(while_held) == asked(elsewhere) == asked(read)
    assert [one["content"] for one in read.messages] == [one["content"] for one in body.get("messages", ())]


async def test_a_run_on_a_thread_begins_with_what_the_one_before_has_left(service: RunService, office: Office) -> None:
    thread = UUID((await service.threads.create(office.scope, ThreadIn())).id)
    for question in ("first", "second"):
        body = RunIn.model_validate(
            {"agent": "assistant", "messages": [{"role": "user", "content": question}], "thread_id": thread}
        )
        run = await service.create(office.scope, body)
        early = await service.views.of_known(office.scope, run)
        done = await ended(service, office.scope, run.id)
        assert asked(early) == asked(await service.views.of_known(office.scope, done))
        assert [one["content"] for one in early.messages] == [question]
    assert [one["content"] for one in early.beginning["messages"] if one["role"] == "user"] == ["first"]
    assert early.outputs is not None
    assert early.outputs["text"]


async def test_all_of_a_run_that_waits_elsewhere_is_read_and_then_no_more_is_awaited(office: Office) -> None:
    async def talks_and_asks(ctx: NodeContext, values: Any) -> Any:
        for number in range(450):
            ctx.emit("message.delta", {"text": f"w{number} "})
        return {"value": (await ctx.pause("q", PauseRequest("ask", "Sure?", FORM))).value}

    office.probe.acts["a"] = talks_and_asks
    made, _ = await interrupted(office, office.service())
    elsewhere = office.service()
    async with asyncio.timeout(20):
        read = [event async for event in elsewhere.views.recorded(office.scope, UUID(made.id))]
    assert [event.seq for event in read] == list(range(1, len(read) + 1))
    assert read[-1].event.type == "run.interrupted"
    assert len(read) > 450
    assert await elsewhere.views.is_whole(office.scope, UUID(made.id))
    await office.sql("DELETE FROM run_events WHERE run_id = :id AND seq = 1", id=UUID(made.id))
    assert not await elsewhere.views.is_whole(office.scope, UUID(made.id))

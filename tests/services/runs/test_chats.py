"""Chats: what a run is given beside its inputs, what is refused by name, and runs that wait for the app's tools."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any
from uuid import UUID

import pytest
from tests.providers.servers import chunk, serving, streams, used
from tests.services.runs.office import Office, collect, ended

from girih.errors import Conflict, InvalidInput
from girih.language.compiler.folder import read_folder
from girih.language.compiler.pipeline import compile_workspace
from girih.language.compiler.plan import Plan
from girih.providers.models.chat import ModelOptions, make_models
from girih.services.runs.chat_schemas import ClientIn
from girih.services.runs.chats import asked_again, run_of_call, stored_chat
from girih.services.runs.replay_schemas import RetryIn
from girih.services.runs.schemas import ResumeIn, RunIn
from girih.services.runs.service import RunService
from girih.services.runs.thread_schemas import ThreadIn

PIXEL = "data:image/png;base64,iVBORw0KGgo="
WEATHER = {
    "name": "get_weather",
    "description": "The weather in a city",
    "parameters": {"type": "object", "properties": {"city": {"type": "string"}}, "required": ["city"]},
}


@pytest.fixture(scope="module")
def plans() -> dict[str, Plan]:
    compiled = compile_workspace(read_folder(Path(__file__).parents[2] / "compat" / "agents"))
    return {plan.name: plan for plan in compiled.plans.values()}


@pytest.fixture
async def service(office: Office, plans: dict[str, Plan]) -> RunService:
    office.models = make_models({}, ModelOptions())  # type: ignore[assignment]
    for name in ("assistant", "echo"):
        await office.publish(plans[name], name)
    return office.service()


def user(content: Any, **more: Any) -> dict[str, Any]:
    return {"role": "user", "content": content, **more}


def asking(*messages: dict[str, Any], agent: str = "assistant", **more: Any) -> RunIn:
    return RunIn.model_validate({"agent": agent, "messages": list(messages), **more})


async def test_the_last_user_message_is_the_question_and_is_said_once(service: RunService, office: Office) -> None:
    thread = UUID((await service.threads.create(office.scope, ThreadIn())).id)
    body = asking(
        {"role": "system", "content": "Be kind."},
        user("Hello", id="m1"),
        {"role": "assistant", "content": "Hi."},
        user([{"type": "text", "text": "What is girih?"}]),
        thread_id=thread,
    )
    run = await ended(service, office.scope, (await service.create(office.scope, body)).id)
    assert run.status == "succeeded"
    assert run.inputs == {"message": "What is girih?"}
    said = (await service.threads.state(office.scope, thread)).state["messages"]
    assert [(one["role"], one["content"]) for one in said[:4]] == [
        ("system", "Be kind."),
        ("user", "Hello"),
        ("assistant", "Hi."),
        ("user", "What is girih?"),
    ]
    assert [one["role"] for one in said[4:]] == ["assistant"]
    assert said[4]["content"] == (run.outputs or {})["text"]
    assert len({one["id"] for one in said}) == 5

    changed = asking(user("Hello again", id="m1"), user("And now?"), thread_id=thread)
    await ended(service, office.scope, (await service.create(office.scope, changed)).id)
    said = (await service.threads.state(office.scope, thread)).state["messages"]
    assert [one["content"] for one in said if one["role"] == "user"] == ["Hello again", "What is girih?", "And now?"]
    assert len(said) == 7


async def test_inputs_win_over_the_last_message_and_are_said_behind_it(service: RunService, office: Office) -> None:
    thread = UUID((await service.threads.create(office.scope, ThreadIn())).id)
    body = asking(user("Before"), {"role": "assistant", "content": "Yes?"}, inputs={"message": "Now"}, thread_id=thread)
    run = await ended(service, office.scope, (await service.create(office.scope, body)).id)
    assert run.inputs == {"message": "Now"}
    said = (await service.threads.state(office.scope, thread)).state["messages"]
    assert [one["content"] for one in said[:3]] == ["Before", "Yes?", "Now"]


@pytest.mark.parametrize(
    ("body", "words", "param"),
    [
        ({"messages": [{"role": "assistant", "content": "x"}]}, "no message is one by the user", "messages"),
        ({"messages": [{"role": "tool", "content": "x"}, user("y")]}, "`call_id` goes with", "messages[0]"),
        ({"messages": [user("x", call_id="c")]}, "`call_id` goes with", "messages[0]"),
        ({"messages": [user("x", calls=[{"id": "c", "name": "n"}])]}, "`calls`", "messages[0]"),
        ({"messages": [user([{"type": "image", "url": "ftp://x/y.png"}])]}, "an image is a `data:` URL", "messages[0]"),
        ({"messages": [user([{"type": "image", "url": "http://x/y.png"}])]}, "an image is a `data:` URL", "messages[0]"),
        (
            {"messages": [user("x"), {"role": "system", "content": [{"type": "image", "url": PIXEL}]}]},
            "may hold images",
            "messages[1]",
        ),
        ({"messages": [user([{"type": "image", "url": PIXEL}] * 51)]}, "at most 50 images", "messages"),
        ({"client": {"params": {"temprature": 1}}}, "'temprature' is no setting", "client.params.temprature"),
        ({"client": {"params": {"temperature": 3}}}, "must be a number from 0 to 2", "client.params.temperature"),
        ({"client": {"params": {"seed": True}}}, "must be a whole number", "client.params.seed"),
        ({"client": {"format": {"type": "array"}}}, "is not \"object\"", "client.format"),
        ({"client": {"format": {"type": "object", "properties": 5}}}, "at `properties`", "client.format"),
        (
            {"client": {"format": {"type": "object", "properties": {"a": {"$ref": "https://x.y/z"}}}}},
            "is not a place in it",
            "client.format",
        ),
        (
            {"client": {"format": {"type": "object", "properties": {"a": {"pattern": "(?!a)b"}}}}},
            "look-around",
            "client.format",
        ),
        ({"client": {"tools": [WEATHER, WEATHER]}}, "'get_weather' of a tool is taken", "client.tools[1].name"),
        ({"client": {"tools": [{"name": "final_answer"}]}}, "'final_answer' of a tool is taken", "client.tools[0].name"),
        ({"client": {"tools": [WEATHER], "tool_choice": "weather"}}, "no tool of the app", "client.tool_choice"),
        ({"client": {"tool_choice": "required"}}, "requires a tool", "client.tool_choice"),
    ],
)  # fmt: skip
async def test_what_cannot_be_taken_is_refused_by_name(
    service: RunService, office: Office, body: dict[str, Any], words: str, param: str
) -> None:
    asked = RunIn.model_validate({"agent": "assistant", "messages": [user("x")], **body})
    with pytest.raises(InvalidInput, match=re.escape(words)) as refused:
        await service.create(office.scope, asked)
    assert refused.value.details["param"] == param


@pytest.mark.parametrize(
    ("client", "param"),
    [
        ({"tools": [WEATHER]}, "client.tools"),
        ({"tool_choice": "auto"}, "client.tool_choice"),
        ({"params": {"temperature": 0.1}}, "client.params"),
        ({"format": {"type": "object"}}, "client.format"),
        ({"instructions": "Be short."}, "client.instructions"),
    ],
)
async def test_a_part_that_no_node_accepts_is_refused(
    service: RunService, office: Office, client: dict[str, Any], param: str
) -> None:
    with pytest.raises(InvalidInput, match="agent 'echo' does not accept") as refused:
        await service.create(office.scope, asking(user("x"), agent="echo", client=client))
    assert refused.value.details["param"] == param


async def test_an_agent_without_chat_takes_no_messages(service: RunService, office: Office, plans: Any) -> None:
    silent = plans["echo"].model_copy(update={"chat": None, "name": "silent"})
    await office.publish(silent, "silent")
    with pytest.raises(InvalidInput, match="agent 'silent' takes no messages: its graph has no `chat:`"):
        await service.create(office.scope, asking(user("x"), agent="silent"))


async def test_a_question_that_is_no_text_is_refused(service: RunService, office: Office, plans: Any) -> None:
    inputs = {"type": "object", "properties": {"question": {"type": "integer"}}, "required": ["question"]}
    await office.publish(plans["echo"].model_copy(update={"inputs": inputs}), "counter")
    with pytest.raises(InvalidInput, match="takes no text as its question: its input 'question'"):
        await service.create(office.scope, asking(user("x"), agent="counter"))


async def test_the_run_waits_for_the_apps_tools_and_goes_on_with_their_results(
    service: RunService, office: Office
) -> None:
    asked = asking(user("What is the weather in Basel?"), client={"tools": [WEATHER], "tool_choice": "required"})
    made = await service.create(office.scope, asked)
    await _until_waiting(service, office, made.id)
    (open_one,) = (await service.interrupts.of_run(office.scope, UUID(made.id))).items
    assert open_one.kind == "tool"
    assert open_one.details["tool"] == "get_weather"
    assert open_one.details["arguments"].keys() == {"city"}
    assert run_of_call(open_one.details["call_id"]) == UUID(made.id)
    # Another process takes it over: all that the app gave is still there.
    other = office.service()
    await other.resume(office.scope, UUID(made.id), ResumeIn(answers={open_one.id: "18 degrees"}))
    await other._reconciler.look()
    run = await ended(other, office.scope, made.id)
    assert run.status == "succeeded", run.error
    assert "18 degrees" in (run.outputs or {})["text"]
    events = await collect(other, office.scope, made.id)
    completed = [one.event.data for one in events if one.event.type == "message.completed"]
    assert completed[0]["calls"][0]["id"] == open_one.details["call_id"]


async def _until_waiting(service: RunService, office: Office, run_id: str) -> None:
    run = await service.replays.wait(office.scope, UUID(run_id), 20)
    assert run.status == "interrupted", run.error


def test_what_is_stored_of_a_chat_asks_for_the_same_again() -> None:
    parts = [{"type": "text", "text": "Look"}, {"type": "image", "url": PIXEL, "detail": "low"}]
    call = {"id": "c1", "name": "find", "arguments": {"q": 1}}
    body = asking(
        user(parts),
        {"role": "assistant", "content": "", "calls": [call]},
        {"role": "tool", "content": "found", "call_id": "c1"},
        client={"tools": [WEATHER], "params": {"stop": "x"}},
    )
    first = stored_chat(body, "r1")
    assert first is not None
    again = RunIn.model_validate({"agent": "assistant", **asked_again(first)})
    assert stored_chat(again, "r2") == first
    assert again.client == ClientIn.model_validate({"tools": [WEATHER], "params": {"stop": "x"}})
    assert first["messages"][0]["images"] == [{"url": PIXEL, "detail": "low"}]
    assert first["messages"][0]["content"] == "Look"
    assert stored_chat(RunIn(agent="a"), "r1") is None


async def test_all_that_is_given_reaches_the_provider(service: RunService, office: Office) -> None:
    schema = {"type": "object", "properties": {"n": {"type": "integer"}}, "required": ["n"]}
    async with serving(streams(chunk('{"n": 1}'), chunk(finish="stop"), used(7, 2))) as server:
        options = ModelOptions(openai_api_key="sk", openai_base_url=f"{server.url}/v1", openai_model="test-model")
        office.models = make_models({}, options)  # type: ignore[assignment]
        asked = asking(
            user([{"type": "text", "text": "How many?"}, {"type": "image", "url": PIXEL}]),
            client={
                "tools": [WEATHER],
                "tool_choice": "auto",
                "params": {"temperature": 0.3, "stop": ["END"]},
                "format": schema,
                "instructions": "Count well.",
            },
        )
        run = await ended(service, office.scope, (await office.service().create(office.scope, asked)).id)
    assert run.outputs == {"text": '{"n": 1}'}, run.error
    body = server.asked[0].json()
    assert body["messages"] == [
        {"role": "system", "content": "You are a helpful assistant.\n\nCount well."},
        {
            "role": "user",
            "content": [{"type": "text", "text": "How many?"}, {"type": "image_url", "image_url": {"url": PIXEL}}],
        },
    ]
    assert (body["temperature"], body["stop"], body["tool_choice"]) == (0.3, ["END"], "auto")
    assert body["tools"][0]["function"] == {**WEATHER, "parameters": WEATHER["parameters"]}
    assert body["response_format"]["json_schema"]["schema"] == schema


async def test_a_retry_has_the_same_chat(service: RunService, office: Office) -> None:
    broken = make_models({"default": {"provider": "openai"}}, ModelOptions())
    office.models = broken  # type: ignore[assignment]
    failing = office.service()
    asked = asking(
        user([{"type": "text", "text": "Look"}, {"type": "image", "url": PIXEL}]), client={"params": {"seed": 1}}
    )
    failed = await ended(failing, office.scope, (await failing.create(office.scope, asked)).id)
    assert failed.status == "failed"
    office.models = make_models({}, ModelOptions())  # type: ignore[assignment]
    again = office.service()
    office.agents.by_name["assistant@1.0.0"] = office.agents.by_name["assistant"]
    retried = await again.replays.retry(office.scope, UUID(failed.id), RetryIn())
    run = await ended(again, office.scope, retried.id)
    assert "It was shown 1 image." in (run.outputs or {})["text"]
    rows = await office.sql("SELECT id, chat FROM runs ORDER BY id")
    assert rows[0].chat == rows[1].chat
    assert rows[0].chat["client"] == {"params": {"seed": 1}}


async def test_a_call_is_answered_once_and_only_as_long_as_it_is_open(service: RunService, office: Office) -> None:
    asked = asking(user("What is the weather?"), client={"tools": [WEATHER], "tool_choice": "get_weather"})
    made = await service.create(office.scope, asked)
    await _until_waiting(service, office, made.id)
    (call,) = (await service.interrupts.of_run(office.scope, UUID(made.id))).items
    assert (await service.interrupts.listed(office.scope)).items == [], "it is no question to people"
    assert [one.id for one in (await service.interrupts.listed(office.scope, kind="tool")).items] == [call.id]
    await service.resume(office.scope, UUID(made.id), ResumeIn(answer={"degrees": 18}))
    with pytest.raises(Conflict, match="was answered already"):
        await service.resume(office.scope, UUID(made.id), ResumeIn(answers={call.id: "again"}))
    await service._reconciler.look()
    run = await ended(service, office.scope, made.id)
    assert '{"degrees": 18}' in (run.outputs or {})["text"]

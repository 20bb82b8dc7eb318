"""What nodes take of what an app gives: settings, a format, instructions and tools; and nothing they do not accept."""

from __future__ import annotations

import json
from typing import Any

import pytest
from tests.language.nodes.fake_context import Turns, World, run, scope, tool, wants

from girih.errors import NodeError, Paused
from girih.language.nodes.accepting import accepted, instructed, lower_accepts, with_params
from girih.language.nodes.agent import AgentConfig, AgentNode
from girih.language.nodes.base import Need
from girih.language.nodes.llm import LlmConfig, LlmNode
from girih.language.nodes.pausing import PauseRequest, Reply
from girih.language.nodes.ports import NOTHING_GIVEN, AppGiven, Image, Message, ToolSpec
from girih.language.spec.tree import JsonObject

WEATHER = ToolSpec("weather", "Tells the weather.", {"type": "object", "properties": {"city": {"type": "string"}}})
CITY = {"type": "object", "properties": {"city": {"type": "string"}}, "required": ["city"]}
GIVEN = AppGiven((WEATHER,), "required", {"temperature": 0.1}, CITY, "Be short.")
ALL = ["tools", "params", "format", "instructions"]
FIND = tool("orders.find", {"type": "object", "properties": {}})
SCOPE = scope({"find": FIND})


def world(*turns: Any, given: AppGiven = GIVEN) -> World:
    return World(Turns(list(turns)), {"orders.find": lambda _: "found"}, given=given)


def agent(**more: Any) -> JsonObject:
    return {"agent": "small", "prompt": "Hi", "system": "Be kind.", "params": {"temperature": 1, "seed": 7}, **more}


def llm(**more: Any) -> JsonObject:
    return {"llm": "small", **{name: value for name, value in agent(**more).items() if name != "agent"}}


def test_a_node_takes_what_it_names() -> None:
    assert accepted({}, GIVEN) == NOTHING_GIVEN
    assert accepted(lower_accepts(ALL), GIVEN) == GIVEN
    assert accepted(lower_accepts(["tools"]), GIVEN) == AppGiven((WEATHER,), "required")
    assert accepted(lower_accepts(["params", "instructions"]), GIVEN) == AppGiven(
        params={"temperature": 0.1}, instructions="Be short."
    )


def test_instructions_stand_behind_the_authors_words() -> None:
    hi = Message("user", "Hi")
    assert instructed((Message("system", "Be kind."), hi), "Be short.") == (
        Message("system", "Be kind.\n\nBe short."),
        hi,
    )
    assert instructed((hi,), "Be short.") == (Message("system", "Be short."), hi)
    assert instructed((hi,), None) == (hi,)


def test_one_limit_of_tokens_takes_the_place_of_the_other() -> None:
    own = {"max_tokens": 500, "seed": 7}
    assert with_params(own, {"max_completion_tokens": 9}) == {"max_completion_tokens": 9, "seed": 7}
    assert with_params(own, {"seed": 8}) == {"max_tokens": 500, "seed": 8}


async def test_a_node_that_accepts_nothing_is_given_nothing() -> None:
    here = world("Hello")
    await run(LlmNode(), llm(), SCOPE, here)
    (request,) = here.models.requests
    assert (request.params, request.schema, request.tools) == ({"temperature": 1, "seed": 7}, None, ())
    assert request.messages[0] == Message("system", "Be kind.")


async def test_an_llm_node_takes_settings_a_format_and_instructions() -> None:
    here = world("no", '```json\n{"city": "Bern"}\n```')
    result = await run(LlmNode(), llm(accepts=["params", "format", "instructions"]), SCOPE, here)
    first, second = here.models.requests
    assert first.params == {"temperature": 0.1, "seed": 7}
    assert first.schema == CITY
    assert first.messages[0] == Message("system", "Be kind.\n\nBe short.")
    assert "it is not JSON" in second.messages[-1].content
    assert result["text"] == '{"city": "Bern"}'
    assert result.keys() == {"text", "usage"}
    assert "message.delta" not in here.types()


async def test_a_format_that_never_fits_fails_the_node() -> None:
    with pytest.raises(NodeError, match="does not have the declared shape"):
        await run(LlmNode(), llm(accepts=["format"], repairs=1), SCOPE, world("no", "no"))


async def test_an_agent_waits_for_the_apps_tools_and_goes_on_with_the_results() -> None:
    here = world((wants("weather", city="Bern"), wants("weather", "c2", city="Basel"), wants("find", "c3")), "Done.")
    here.given = AppGiven((WEATHER,), "required")
    written = agent(accepts=["tools"], tools=["find"])
    with pytest.raises(Paused):
        await run(AgentNode(), written, SCOPE, here)
    assert [name for name, _, _ in here.called] == ["orders.find"]
    first, second = here.paused["call:1.0"], here.paused["call:1.1"]
    assert isinstance(first, PauseRequest)
    assert (first.kind, first.schema, first.timeout) == ("tool", {}, None)
    assert (first.details["tool"], first.details["arguments"]) == ("weather", {"city": "Bern"})
    ids = [first.details["call_id"], second.details["call_id"]]
    assert len(set(ids)) == 2
    assert all(one.startswith("call_run_") for one in ids)
    here.replies = {"call:1.0": Reply("answered", "sunny"), "call:1.1": Reply("answered", {"degrees": 18})}
    result = await run(AgentNode(), written, SCOPE, here)
    assert result["text"] == "Done."
    begun, later = here.models.requests
    assert [spec.name for spec in begun.tools] == ["find", "weather"]
    assert (begun.tool_choice, later.tool_choice) == ("required", None)
    assistant, *results = later.messages[2:]
    assert [call.id for call in assistant.calls] == [*ids, "c3"]
    assert [(message.call_id, message.content) for message in results] == [
        (ids[0], "sunny"),
        (ids[1], '{"degrees": 18}'),
        ("c3", '"found"'),
    ]
    assert result["calls"][0] == {"tool": "weather", "arguments": {"city": "Bern"}, "result": "sunny"}
    assert len(here.called) == 1, "a call that is recorded is not made again"


async def test_arguments_that_do_not_fit_are_told_to_the_model() -> None:
    here = world((wants("weather", city=5),), "Sorry.", given=AppGiven((WEATHER,)))
    result = await run(AgentNode(), agent(accepts=["tools"]), SCOPE, here)
    assert "the arguments do not fit: city" in result["calls"][0]["error"]
    assert not here.paused


async def test_an_agent_answers_in_the_apps_format() -> None:
    here = world("no", '{"city": "Bern"}', given=AppGiven(format=CITY))
    result = await run(AgentNode(), agent(accepts=["format"]), SCOPE, here)
    assert json.loads(result["text"]) == {"city": "Bern"}
    assert "city" not in result


@pytest.mark.parametrize(
    ("given", "is_final"),
    [(NOTHING_GIVEN, True), (AppGiven((WEATHER,)), False), (AppGiven((WEATHER,), "none"), True)],
)
async def test_an_agent_says_when_what_it_says_is_certain_to_be_the_answer(given: AppGiven, is_final: bool) -> None:
    here = world("Hello", given=given)
    await run(AgentNode(), agent(accepts=["tools"]), SCOPE, here)
    (said,) = [data for name, data in here.events if name == "message.delta"]
    assert said == {"text": "Hello", "turn": 1} | ({"final": True} if is_final else {})


def test_what_is_accepted_is_needed_of_the_model() -> None:
    config = AgentConfig.model_validate(agent(accepts=ALL))
    assert list(AgentNode().needs(config)) == [
        Need(("agent",), "small", "tools", "accepts: [tools]"),
        Need(("agent",), "small", "structured_output", "accepts: [format]"),
    ]
    assert list(LlmNode().needs(LlmConfig.model_validate(llm(accepts=["format"])))) == [
        Need(("llm",), "small", "structured_output", "accepts: [format]")
    ]


async def test_images_of_the_conversation_reach_the_model() -> None:
    here = world("A dot.", given=NOTHING_GIVEN)
    said = [{"role": "user", "content": "What is it?", "images": [{"url": "data:image/png;base64,AA==", "detail": "low"}]},
            {"role": "user", "content": "", "images": [{"url": "https://x.y/z.png"}, "no image"]}]  # fmt: skip
    written = {"llm": "small", "messages": "${ state.messages }"}
    await run(LlmNode(), written, SCOPE, here, messages=said)
    assert here.models.requests[0].messages == (
        Message("user", "What is it?", images=(Image("data:image/png;base64,AA==", "low"),)),
        Message("user", "", images=(Image("https://x.y/z.png"),)),
    )

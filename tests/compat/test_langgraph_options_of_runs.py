"""Every option of a run that LangGraph's Python client has: served, with its effect looked at, or refused by its name.

The options are read from the client itself. One that a newer client has is decided here before this passes again.
"""

from __future__ import annotations

import asyncio
import uuid
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass
from typing import Any

import httpx
import pytest
from langgraph_sdk.client import LangGraphClient
from langgraph_sdk.errors import APIStatusError
from tests.compat.langgraph_clients import options

RUNS = ("create", "stream", "wait")
HOOK = "https://example.com/hook"


@dataclass
class Asking:
    """One of the methods that start runs, and what it left behind."""

    client: LangGraphClient
    plain: httpx.Client
    method: str
    thread: str = ""

    async def new_thread(self) -> str:
        return str((await self.client.threads.create())["thread_id"])

    async def run(self, agent: str = "lgr-steps", **more: Any) -> Any:
        """What the method gives, on a new thread unless one is named; a stream is read to its end."""
        thread = more.pop("thread_id", None) or await self.new_thread()
        self.thread = thread
        if self.method != "stream":
            return await getattr(self.client.runs, self.method)(thread, agent, **({"input": {}} | more))
        return [part async for part in self.client.runs.stream(thread, agent, **({"input": {}} | more))]

    async def begun(self, agent: str = "lgr-steps", **more: Any) -> dict[str, Any]:
        """The run that the method started, as girih itself shows it once it has settled."""
        await self.run(agent, **more)
        for _ in range(200):
            found = self.plain.get(f"/v1/threads/{self.thread}/runs", params={"limit": 1}).json()["items"]
            if found and found[0]["status"] not in ("queued", "running"):
                run: dict[str, Any] = found[0]
                return run
            await asyncio.sleep(0.05)
        raise TimeoutError("the run did not settle")

    async def refused(self, named: str, status: int = 422, **more: Any) -> None:
        # The client's own error; `wait` gives the plain one, with the answer in its notes.
        with pytest.raises((APIStatusError, httpx.HTTPStatusError)) as refused:
            await self.run(**more)
        assert refused.value.response.status_code == status
        assert named in "".join([str(refused.value), *getattr(refused.value, "__notes__", ())])

    @property
    def values(self) -> dict[str, Any]:
        found: dict[str, Any] = self.plain.get(f"/langgraph/threads/{self.thread}").json()["values"]
        return found


async def thread_id(asking: Asking) -> None:
    run = await asking.begun()
    assert run["thread_id"] == asking.thread


async def assistant_id(asking: Asking) -> None:
    assert (await asking.begun("lgr-steps"))["agent"] == "lgr-steps"


async def given_input(asking: Asking) -> None:
    await asking.begun(input={"word": "salt"})
    assert "salt" in str(asking.values)


async def command(asking: Asking) -> None:
    await asking.begun(input={"word": "a"})
    run = await asking.begun(thread_id=asking.thread, input=None, command={"update": {"seen": ["written"]}})
    assert (run["status"], "written" in str(asking.values)) == ("succeeded", True)
    again: dict[str, Any] = {"thread_id": asking.thread, "input": None}
    await asking.refused("command.goto", command={"goto": "nowhere"}, **again)
    await asking.refused("command.update", command={"update": {"seen": []}, "resume": 1}, **again)
    await asking.refused("command.update", command={"update": "words"}, **again)


async def stream_mode(asking: Asking) -> None:
    if asking.method == "stream":
        parts = await asking.run(stream_mode=["updates", "tasks"])
        assert {part.event for part in parts} == {"metadata", "updates", "tasks", "end"}
    if asking.method != "wait":
        # Whoever goes on with it and says nothing is told what was wanted in the beginning.
        run = await asking.begun(stream_mode=["debug"])
        rest = [part.event async for part in asking.client.runs.join_stream(asking.thread, run["id"])]
        assert {"debug"} < set(rest) <= {"metadata", "debug", "end"}
        shown = await asking.client.runs.get(asking.thread, run["id"])
        assert shown["metadata"] == {}


async def stream_subgraphs(asking: Asking) -> None:
    run = await asking.begun("lg-outer", input={"word": "x"}, stream_subgraphs=True, stream_mode=["values", "updates"])
    rest = [part.event async for part in asking.client.runs.join_stream(asking.thread, run["id"])]
    assert [name for name in rest if name.startswith("updates|")]
    if asking.method == "stream":
        parts = await asking.run("lg-outer", input={"word": "x"}, stream_subgraphs=True, stream_mode=["updates"])
        assert [part for part in parts if part.event.startswith("updates|")]


async def stream_resumable(asking: Asking) -> None:
    """Every stream is."""
    for wanted in (True, False):
        run = await asking.begun(stream_resumable=wanted)
        join: Any = {"stream_mode": ["values", "updates"]}
        whole = [part async for part in asking.client.runs.join_stream(asking.thread, run["id"], **join)]
        more: Any = join | {"last_event_id": whole[1].id}
        assert [part async for part in asking.client.runs.join_stream(asking.thread, run["id"], **more)] == whole[2:]


async def metadata(asking: Asking) -> None:
    assert (await asking.begun(metadata={"team": "a"}))["metadata"] == {"team": "a"}


async def config(asking: Asking) -> None:
    given = {"tags": ["t"], "metadata": {"m": 1}, "configurable": {"user_id": "u"}, "recursion_limit": 7}
    run = await asking.begun(config=given)
    assert (run["tags"], run["metadata"], run["user"], run["max_steps"]) == (["t"], {"m": 1}, "u", 7)
    await asking.refused("config.configurable.colour", config={"configurable": {"colour": "red"}})


async def context(asking: Asking) -> None:
    """What the graph declares as an input."""
    await asking.begun(input={}, context={"word": "pepper"})
    assert "pepper" in str(asking.values)
    await asking.refused("context.colour", context={"colour": "red"})
    await asking.refused("context.word", input={"word": "a"}, context={"word": "b"})


async def checkpoint(asking: Asking) -> None:
    await asking.begun(input={"word": "a"})
    first = (await asking.client.threads.get_state(asking.thread))["checkpoint"]
    await asking.begun(thread_id=asking.thread, input={"word": "b"})
    at: Any = {name: first[name] for name in ("thread_id", "checkpoint_id", "checkpoint_ns")}
    await asking.begun(thread_id=asking.thread, input={"word": "c"}, checkpoint=at)
    assert ("a" in str(asking.values["seen"]), "b!" in str(asking.values["seen"])) == (True, False)


async def checkpoint_id(asking: Asking) -> None:
    await asking.begun(input={"word": "a"})
    first: Any = (await asking.client.threads.get_state(asking.thread))["checkpoint"]["checkpoint_id"]
    await asking.begun(thread_id=asking.thread, input={"word": "b"})
    await asking.begun(thread_id=asking.thread, input={"word": "c"}, checkpoint_id=first)
    assert "b!" not in str(asking.values["seen"])


async def checkpoint_during(asking: Asking) -> None:
    """Every step is kept."""
    run = await asking.begun(checkpoint_during=True)
    assert run["status"] == "succeeded"
    assert len(await asking.client.threads.get_history(asking.thread)) > 2
    await asking.refused("checkpoint_during", checkpoint_during=False)


async def interrupt_before(asking: Asking) -> None:
    run = await asking.begun(interrupt_before=["second"], agent="lgr-steps", input={"word": "x"})
    assert run["status"] == "interrupted"
    assert (await asking.client.threads.get_state(asking.thread))["next"] == ["second"]


async def interrupt_after(asking: Asking) -> None:
    run = await asking.begun(interrupt_after=["first"], agent="lgr-steps", input={"word": "x"})
    assert (run["status"], run["interrupt_after"]) == ("interrupted", ["first"])
    assert (await asking.client.threads.get_state(asking.thread))["next"] == ["second"]
    ended = await asking.begun("lgr-steps", thread_id=asking.thread, input=None)
    assert (ended["id"], ended["status"]) == (run["id"], "succeeded")


async def feedback_keys(asking: Asking) -> None:
    parts = await asking.run(feedback_keys=["liked"])
    assert list(next(part for part in parts if part.event == "feedback").data) == ["liked"]


async def webhook(asking: Asking) -> None:
    assert (await asking.begun(webhook=HOOK))["webhook"] == "https://example.com"


async def multitask_strategy(asking: Asking) -> None:
    thread = await asking.new_thread()
    waits = await asking.client.runs.create(thread, "lg-patient", input={"n": 1})
    await asking.refused("", 409, thread_id=thread, multitask_strategy="reject")
    run = await asking.begun(thread_id=thread, multitask_strategy="interrupt")
    stopped = await asking.client.runs.get(thread, waits["run_id"])
    assert (run["status"], stopped["status"]) == ("succeeded", "interrupted")


async def if_not_exists(asking: Asking) -> None:
    asking.thread = str(uuid.uuid4())
    run = await asking.begun(thread_id=asking.thread, if_not_exists="create")
    assert (run["thread_id"], run["status"]) == (asking.thread, "succeeded")


async def on_disconnect(asking: Asking) -> None:
    """The client that leaves: see the tests of runs. Here, that it may stay."""
    for wanted in ("cancel", "continue"):
        assert (await asking.begun(on_disconnect=wanted))["status"] == "succeeded"


async def on_completion(asking: Asking) -> None:
    await asking.refused("on_completion", on_completion="delete")
    call = getattr(asking.client.runs, asking.method)
    made: Any = call(None, "lgr-steps", input={}, on_completion="keep", metadata={"kept": str(uuid.uuid4())})
    told = [part async for part in made] if asking.method == "stream" else await made
    if asking.method == "create":
        assert (await asking.client.threads.get(told["thread_id"]))["thread_id"] == told["thread_id"]
    elif asking.method == "stream":
        run = asking.plain.get(f"/v1/runs/{told[0].data['run_id']}").json()
        assert run["thread_id"] == told[0].data["thread_id"] or run["thread_id"]


async def after_seconds(asking: Asking) -> None:
    run = await asking.begun(after_seconds=1)
    assert run["not_before"] is not None


async def langsmith_tracing(asking: Asking) -> None:
    await asking.refused("langsmith_tracer", langsmith_tracing={"project_name": "p"})


async def on_run_created(asking: Asking) -> None:
    seen: list[Any] = []
    run = await asking.begun(on_run_created=seen.append)
    assert [one["run_id"] for one in seen] == [run["id"]]


async def durability(asking: Asking) -> None:
    for served in ("sync", "async"):
        assert (await asking.begun(durability=served))["status"] == "succeeded"
    await asking.refused("durability", durability="exit")


async def strict_resume(asking: Asking) -> None:
    assert (await asking.begun(strict_resume=True))["status"] == "succeeded"
    await asking.refused("strict_resume", strict_resume=False)


async def raise_error(asking: Asking) -> None:
    told: Any = await asking.run("lg-broken", raise_error=False)
    assert "__error__" in told


async def version(asking: Asking) -> None:
    parts: Any = await asking.run(version="v2")
    assert {"metadata", "values"} <= {part["type"] for part in parts}


PROBES: Mapping[str, Callable[[Asking], Awaitable[None]]] = {
    probe.__name__: probe
    for probe in (
        thread_id, assistant_id, command, stream_mode, stream_subgraphs, stream_resumable, metadata, config, context,
        checkpoint, checkpoint_id, checkpoint_during, interrupt_before, interrupt_after, feedback_keys, webhook,
        multitask_strategy, if_not_exists, on_disconnect, on_completion, after_seconds, langsmith_tracing,
        on_run_created, durability, strict_resume, raise_error, version,
    )
} | {"input": given_input}  # fmt: skip


@pytest.mark.filterwarnings("ignore:`checkpoint_during` is deprecated")
@pytest.mark.parametrize(("method", "option"), [(one, name) for one in RUNS for name in options("runs", one)])
async def test_every_option_of_a_run(alang: LangGraphClient, plain: httpx.Client, method: str, option: str) -> None:
    await PROBES[option](Asking(alang, plain, method))

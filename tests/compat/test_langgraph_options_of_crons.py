"""Every option of a cron that LangGraph's Python client has: served, with its effect looked at, or refused by its name."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from datetime import UTC, datetime
from typing import Any

import httpx
import pytest
from langgraph_sdk.client import LangGraphClient
from langgraph_sdk.errors import APIStatusError
from tests.compat.langgraph_clients import options

CRONS = ("create", "create_for_thread", "update")
HOOK = "https://example.com/hook"
RUN: Mapping[str, tuple[Any, Callable[[dict[str, Any]], bool]]] = {
    "input": ({"word": "tick"}, lambda run: run["inputs"] == {"word": "tick"}),
    "config": ({"tags": ["t"], "recursion_limit": 9}, lambda run: (run["tags"], run["max_steps"]) == (["t"], 9)),
    "interrupt_before": (["second"], lambda run: run["interrupt_before"] == ["second"]),
    "interrupt_after": (["first"], lambda run: run["interrupt_after"] == ["first"]),
    "webhook": (HOOK, lambda run: str(run["webhook"]).startswith("https://example.com")),
    "multitask_strategy": ("reject", lambda run: run["multitask"] == "reject"),
    "stream_mode": (["debug"], lambda run: "debug" in str(run["metadata"])),
    "stream_subgraphs": (True, lambda run: "subgraphs" in str(run["metadata"])),
}
"""Options of a cron's runs: what is given, and what its schedule's run then is."""
SHOWN: Mapping[str, tuple[Any, Callable[[dict[str, Any]], bool]]] = {
    "schedule": ("0 8 * * *", lambda cron: cron["schedule"] == "0 8 * * *"),
    "metadata": ({"team": "a"}, lambda cron: cron["metadata"] == {"team": "a"}),
    "end_time": (datetime(2041, 1, 1, tzinfo=UTC), lambda cron: str(cron["end_time"]).startswith("2041-01-01")),
    "enabled": (False, lambda cron: cron["enabled"] is False),
    "timezone": ("Europe/Berlin", lambda cron: cron["timezone"] == "Europe/Berlin"),
}
"""What a cron shows of itself."""
TAKEN: Mapping[str, tuple[Any, Any]] = {
    "checkpoint_during": (True, False),
    "durability": ("sync", "exit"),
    "stream_resumable": (True, None),
}
"""What is so in any case: what may be said, and what is refused by name, if anything is. Every stream is resumable."""
NAMED = frozenset({"cron_id", "assistant_id", "thread_id"})


async def cron_of(client: LangGraphClient, method: str, **given: Any) -> dict[str, Any]:
    base: dict[str, Any] = {"schedule": "0 9 * * 1-5"}
    if method == "create_for_thread":
        thread = (await client.threads.create())["thread_id"]
        return dict(await client.crons.create_for_thread(thread, "lgr-steps", **(base | given)))  # type: ignore[call-overload] - as given
    if method == "create":
        return dict(await client.crons.create("lgr-steps", **(base | given)))  # type: ignore[call-overload] - as given
    made = await client.crons.create("lgr-steps", **base)
    return dict(await client.crons.update(made["cron_id"], **given))  # type: ignore[call-overload] - as given


@pytest.mark.filterwarnings("ignore:`checkpoint_during` is deprecated")
@pytest.mark.parametrize(("method", "option"), [(one, name) for one in CRONS for name in options("crons", one)])
async def test_every_option_of_a_cron(alang: LangGraphClient, plain: httpx.Client, method: str, option: str) -> None:
    if option in NAMED:
        cron = await cron_of(alang, method)
        assert bool(cron["thread_id"]) == (method == "create_for_thread")
        assert cron["assistant_id"] == (await alang.assistants.get("lgr-steps"))["assistant_id"]
    elif option in RUN:
        given, is_so = RUN[option]
        cron = await cron_of(alang, method, **{option: given})
        assert is_so(plain.get(f"/v1/schedules/{cron['cron_id']}").json()["run"])
        assert "girih.langgraph" not in str(cron)
    elif option in SHOWN:
        given, is_so = SHOWN[option]
        assert is_so(await cron_of(alang, method, **{option: given}))
    elif option in TAKEN:
        said, refused = TAKEN[option]
        await cron_of(alang, method, **{option: said})
        if refused is not None:
            with pytest.raises(APIStatusError, match=option):
                await cron_of(alang, method, **{option: refused})
    elif option == "context":
        cron = await cron_of(alang, method, input={}, context={"word": "tock"})
        assert plain.get(f"/v1/schedules/{cron['cron_id']}").json()["run"]["inputs"] == {"word": "tock"}
        with pytest.raises(APIStatusError, match="context"):
            await cron_of(alang, method, context={"colour": "red"})
    else:
        assert option == "on_run_completed"
        for wanted in ("keep", "delete"):
            assert (await cron_of(alang, method, on_run_completed=wanted))["on_run_completed"] == wanted


async def test_what_a_cron_says_of_streams_is_how_its_runs_are_told(
    alang: LangGraphClient, plain: httpx.Client
) -> None:
    cron = await cron_of(alang, "create_for_thread", stream_mode=["debug"])
    run = plain.post(f"/v1/schedules/{cron['cron_id']}/run").json()
    told = {part.event async for part in alang.runs.join_stream(cron["thread_id"], run["id"])}
    assert "debug" in told
    assert "values" not in told
    changed = await alang.crons.update(cron["cron_id"], stream_mode=["tasks"], metadata={"team": "b"})
    assert changed["payload"]["stream_mode"] == ["tasks"]
    assert changed["payload"]["metadata"] == {"team": "b"}

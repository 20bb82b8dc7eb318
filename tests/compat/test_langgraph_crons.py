"""Crons of the LangGraph server protocol, seen by LangGraph's own clients: schedules by another name."""

from __future__ import annotations

import time
import uuid
from datetime import UTC, datetime, timedelta
from typing import Any
from zoneinfo import ZoneInfo

import httpx
import pytest
from langgraph_sdk.client import LangGraphClient, SyncLangGraphClient
from langgraph_sdk.errors import NotFoundError, UnprocessableEntityError


def made(lang: SyncLangGraphClient, agent: str = "lgr-steps", **more: Any) -> dict[str, Any]:
    cron: Any = lang.crons.create(agent, **({"schedule": "0 9 * * 1-5"} | more))
    return dict(cron)


def schedule(plain: httpx.Client, cron: dict[str, Any]) -> dict[str, Any]:
    found: dict[str, Any] = plain.get(f"/v1/schedules/{cron['cron_id']}").json()
    return found


def test_a_cron_is_a_schedule(lang: SyncLangGraphClient, plain: httpx.Client) -> None:
    end = datetime(2031, 5, 1, 12, tzinfo=UTC)
    cron = made(
        lang,
        input={"word": "tick"},
        metadata={"team": "a"},
        timezone=ZoneInfo("Europe/Berlin"),
        end_time=end,
        interrupt_before=["second"],
        config={"tags": ["nightly"]},
        multitask_strategy="enqueue",
    )
    assert cron["assistant_id"] == lang.assistants.get("lgr-steps")["assistant_id"]
    assert (cron["schedule"], cron["timezone"], cron["enabled"]) == ("0 9 * * 1-5", "Europe/Berlin", True)
    assert datetime.fromisoformat(cron["end_time"]) == end
    assert cron["next_run_date"]
    assert cron["thread_id"] is None
    assert cron["metadata"] == {"team": "a"}
    assert cron["payload"]["input"] == {"word": "tick"}
    kept = schedule(plain, cron)
    assert (kept["cron"], kept["timezone"], kept["metadata"]) == ("0 9 * * 1-5", "Europe/Berlin", {"team": "a"})
    assert kept["run"]["inputs"] == {"word": "tick"}
    assert (kept["run"]["tags"], kept["run"]["interrupt_before"]) == (["nightly"], ["second"])
    assert kept["run"]["metadata"] == {"team": "a"}


def test_a_cron_of_a_thread_runs_there(lang: SyncLangGraphClient, plain: httpx.Client) -> None:
    thread = lang.threads.create()["thread_id"]
    cron: Any = lang.crons.create_for_thread(thread, "lgr-steps", schedule="0 0 1 1 *", input={"word": "x"})
    assert cron["thread_id"] == thread
    run = plain.post(f"/v1/schedules/{cron['cron_id']}/run").json()
    assert run["thread_id"] == thread
    assert settled(plain, run["id"])["status"] == "succeeded"
    assert lang.threads.get(thread)["values"]["seen"] == ["x", "x!"]
    with pytest.raises(NotFoundError):
        lang.crons.create_for_thread(str(uuid.uuid4()), "lgr-steps", schedule="0 0 1 1 *")
    with pytest.raises(UnprocessableEntityError, match="on_run_completed"):
        lang.crons.update(cron["cron_id"], on_run_completed="keep")


def test_each_run_may_keep_a_thread_of_its_own(lang: SyncLangGraphClient, plain: httpx.Client) -> None:
    cron = made(lang, input={"word": "own"}, on_run_completed="keep")
    assert cron["on_run_completed"] == "keep"
    runs = [plain.post(f"/v1/schedules/{cron['cron_id']}/run").json() for _ in range(2)]
    threads = {run["thread_id"] for run in runs}
    assert len(threads) == 2
    for run in runs:
        settled(plain, run["id"])
    for thread in threads:
        assert lang.threads.get(thread)["values"]["seen"] == ["own", "own!"]
    alone = made(lang, on_run_completed="delete")
    assert schedule(plain, alone)["run"]["on_completion"] == "delete"


async def test_crons_are_found_counted_and_paged(alang: LangGraphClient) -> None:
    mark = uuid.uuid4().hex
    ids: list[str] = []
    for hour in range(4):
        agent = "lgr-gate" if hour == 3 else "lgr-steps"
        cron: Any = await alang.crons.create(
            agent, schedule=f"0 {hour} * * *", metadata={"mark": mark}, enabled=hour != 1
        )
        ids.append(cron["cron_id"])
    assert await alang.crons.count(metadata={"mark": mark}) == 4
    assert await alang.crons.count(assistant_id="lgr-gate", metadata={"mark": mark}) == 1
    assert await alang.crons.count(assistant_id="no-such-agent", metadata={"mark": mark}) == 0
    off = await alang.crons.search(metadata={"mark": mark}, enabled=False)
    assert [one["cron_id"] for one in off] == [ids[1]]
    assert off[0]["next_run_date"] is None
    seen = []
    for offset in (0, 3):
        page = await alang.crons.search(
            metadata={"mark": mark}, sort_by="created_at", sort_order="asc", limit=3, offset=offset
        )
        seen += [one["cron_id"] for one in page]
    assert seen == ids
    (short,) = await alang.crons.search(metadata={"mark": mark}, enabled=False, select=["cron_id", "schedule"])
    assert short == {"cron_id": ids[1], "schedule": "0 1 * * *"}
    for order in ("next_run_date", "end_time", "assistant_id", "thread_id", "cron_id", "updated_at"):
        assert len(await alang.crons.search(metadata={"mark": mark}, sort_by=order)) == 4  # type: ignore[arg-type] - each is one of them


def test_a_cron_is_changed_in_parts(lang: SyncLangGraphClient, plain: httpx.Client) -> None:
    end = datetime.now(UTC) + timedelta(days=400)
    cron = made(lang, input={"word": "a"}, metadata={"a": 1}, config={"tags": ["t"]})
    changed: Any = lang.crons.update(cron["cron_id"], schedule="30 6 * * *", end_time=end, enabled=False)
    assert (changed["schedule"], changed["enabled"], changed["next_run_date"]) == ("30 6 * * *", False, None)
    assert datetime.fromisoformat(changed["end_time"]) == end
    assert changed["payload"]["input"] == {"word": "a"}
    assert changed["updated_at"] > cron["updated_at"]
    changed = lang.crons.update(cron["cron_id"], input={"word": "b"}, enabled=True, timezone="Asia/Tokyo")
    assert changed["payload"]["input"] == {"word": "b"}
    assert (changed["schedule"], changed["timezone"], changed["metadata"]) == ("30 6 * * *", "Asia/Tokyo", {"a": 1})
    assert changed["next_run_date"] is not None
    assert lang.crons.update(cron["cron_id"], end_time=None)["end_time"] is None
    assert schedule(plain, cron)["run"]["tags"] == ["t"]
    lang.crons.delete(cron["cron_id"])
    with pytest.raises(NotFoundError):
        lang.crons.delete(cron["cron_id"])


def test_crons_of_others_are_not_there(lang: SyncLangGraphClient, strange: SyncLangGraphClient) -> None:
    cron = made(lang, metadata={"secret": "yes"})["cron_id"]
    for ask in (strange.crons.delete, lambda number: strange.crons.update(number, enabled=False)):
        for number in (cron, str(uuid.uuid4())):
            with pytest.raises(NotFoundError):
                ask(number)
    assert strange.crons.search() == []
    assert strange.crons.count() == 0
    assert lang.crons.search(metadata={"secret": "yes"})


@pytest.mark.parametrize(
    ("wrong", "said"),
    [
        ({"schedule": "every day"}, "cron expression"),
        ({"schedule": "99 9 * * *"}, "cron expression"),
        ({"timezone": "Mars/Olympus"}, "time zone"),
        ({"end_time": datetime(2001, 1, 1, tzinfo=UTC)}, "end before its first moment"),
        ({"context": {"a": 1}}, "context"),
        ({"durability": "exit"}, "durability"),
        ({"config": {"configurable": {"model": "x"}}}, "config.configurable.model"),
        ({"multitask_strategy": "queue"}, "multitask_strategy"),
        ({"input": [1, 2]}, "input"),
    ],
)
def test_what_cannot_be_done_is_refused_by_name(lang: SyncLangGraphClient, wrong: dict[str, Any], said: str) -> None:
    with pytest.raises(UnprocessableEntityError, match=said):
        made(lang, **wrong)


def test_an_unknown_assistant_is_not_found(lang: SyncLangGraphClient) -> None:
    with pytest.raises(NotFoundError):
        made(lang, "no-such-agent")


def settled(plain: httpx.Client, run_id: str) -> dict[str, Any]:
    while True:
        run: dict[str, Any] = plain.get(f"/v1/runs/{run_id}").json()
        if run["status"] in {"succeeded", "failed", "cancelled", "interrupted"}:
            return run
        time.sleep(0.05)

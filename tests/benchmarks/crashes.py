"""Reliability scenarios about graphs that nest and wait: processes that end at named points, and versions that change."""

from __future__ import annotations

import json
import random
import signal
import time
from contextlib import ExitStack, suppress

import httpx
from nested import ASKING, FILES, Shop, count, shop, wrong_with
from place import Found, Place, place
from tests.acceptance.fleet import begin, events, publish, until

POINTS = {
    "run.claimed": 1,
    "events.before": 12,
    "events.after": 12,
    "checkpoint.before": 10,
    "checkpoint.after": 10,
    "writes.before": 2,
    "writes.after": 2,
    "record.before": 6,
    "record.after": 6,
    "finish.before": 1,
    "finish.after": 1,
}
"""Where a process ends in a run of the nested graph: up to the so manieth time it comes by."""

ENDED = ("succeeded", "failed", "cancelled")


def status(at: Place, run: str) -> str:
    """The run's state."""
    return str(at.client.get(f"/v1/runs/{run}").json()["status"])


def nested(n: int) -> Found:
    """The executor ends at a named point within forks, lists, subgraphs and agents; another goes on."""
    found, rolled = Found(), random.Random(1)
    with ExitStack() as stack:
        sold: Shop = stack.enter_context(shop())
        at = stack.enter_context(place(n, GIRIH_ENDPOINTS=json.dumps({"shop": sold.url})))
        publish(at.client, FILES)
        rescuer = at.fleet.worker()
        expected = count(events(at.client, begin(at.client, "nested")), "node.finished")
        crashed: dict[str, int] = {}
        for turn in range(n):
            point = list(POINTS)[turn % len(POINTS)]
            named = f"{point}@{rolled.randint(1, POINTS[point])}"
            rescuer.send(signal.SIGSTOP)
            victim = at.fleet.worker(GIRIH_TEST_BUILD="1", GIRIH_CRASH_AT=named)
            run = begin(at.client, "nested")
            until(lambda v=victim, r=run: v.process.poll() is not None or status(at, r) in ENDED, 90)
            if victim.process.poll() == 9:
                crashed[point] = crashed.get(point, 0) + 1
            victim.kill()
            rescuer.send(signal.SIGCONT)
            for wrong in wrong_with(events(at.client, run), expected):
                found.check(False, f"{named}: {run}: {wrong}")
            found.tried += 1
        found.check(len(sold.asked) == n + 1, f"{len(sold.asked)} effects of {n + 1} runs")
        found.check(max(sold.asked.values()) <= 2, f"the tool was asked {max(sold.asked.values())} times with one key")
        found.check(set(crashed) >= POINTS.keys() - {"writes.before", "writes.after"} or n < 50, f"ended at {crashed}")
        found.figures |= {"ended at a point": sum(crashed.values()), "asked the tool": sum(sold.asked.values())}
    return found


def pauses(n: int) -> Found:
    """Processes end around a question: as it is asked, as it is answered, as the run goes on."""
    found = Found()
    with place(n) as at:
        publish(at.client, FILES_THAT_ASK)
        rescuer = at.fleet.worker()
        run = begin(at.client, "asking")
        until(lambda: status(at, run) == "interrupted")
        answer(at.client, run)
        expected = count(events(at.client, run), "node.finished")
        play = [_asked("interrupt.before"), _asked("interrupt.after"), _answered, _going_on, _asked("writes.before")]
        for turn in range(n):
            run = begin(at.client, "quick")  # the rescuer is there
            events(at.client, run)
            run = play[turn % len(play)](at, rescuer, found)
            for wrong in wrong_with(events(at.client, run), expected):
                found.check(False, f"{turn}: {run}: {wrong}")
            found.tried += 1
    return found


FILES_THAT_ASK = {"asking.yaml": ASKING}


def answer(client: httpx.Client, run: str) -> int:
    """Say yes."""
    return client.post(f"/v1/runs/{run}/resume", json={"answer": {"yes": True}}).status_code


def _asked(point: str):
    def play(at: Place, rescuer, found: Found) -> str:
        rescuer.send(signal.SIGSTOP)
        victim = at.fleet.worker(GIRIH_TEST_BUILD="1", GIRIH_CRASH_AT=point)
        run = begin(at.client, "asking")
        until(lambda: victim.process.poll() is not None or status(at, run) == "interrupted", 90)
        found.check(victim.process.poll() == 9 or point == "writes.before", f"{point}: not reached")
        victim.kill()
        rescuer.send(signal.SIGCONT)
        until(lambda: status(at, run) == "interrupted", 90)
        found.check(answer(at.client, run) == 200, f"{point}: the answer was refused")
        return run

    return play


def _answered(at: Place, rescuer, found: Found) -> str:
    """An API ends when it has recorded the answer and told nobody."""
    run = begin(at.client, "asking")
    until(lambda: status(at, run) == "interrupted", 90)
    victim = at.fleet.api(GIRIH_TEST_BUILD="1", GIRIH_CRASH_AT="answer.after", GIRIH_RUN_SLOTS="0")
    with at.fleet.client(victim) as there, suppress(httpx.TransportError):
        found.check(answer(there, run) == 0, "answer.after: not reached")
    found.check(victim.process.wait(60) == 9, "answer.after: not reached")
    return run


def _going_on(at: Place, rescuer, found: Found) -> str:
    """A worker ends as it takes the run that was answered."""
    run = begin(at.client, "asking")
    until(lambda: status(at, run) == "interrupted", 90)
    rescuer.send(signal.SIGSTOP)
    victim = at.fleet.worker(GIRIH_TEST_BUILD="1", GIRIH_CRASH_AT="run.claimed")
    found.check(answer(at.client, run) == 200, "the answer was refused")
    found.check(victim.process.wait(90) == 9, "run.claimed: not reached")
    rescuer.send(signal.SIGCONT)
    return run


def r21(n: int) -> Found:
    """A new version is published while runs of the old one wait: they finish on theirs, new ones on the new one."""
    found = Found()
    with place(n) as at:
        publish(at.client, FILES_THAT_ASK)
        at.workers(2)
        old = [begin(at.client, "asking") for _ in range(n)]
        for run in old:
            until(lambda run=run: status(at, run) == "interrupted", 120)
        before = {run: at.client.get(f"/v1/runs/{run}").json() for run in old}
        publish(at.client, {"asking.yaml": ASKING.replace("outputs: {", 'outputs: { by: "the new one",')})
        new = begin(at.client, "asking")
        until(lambda: status(at, new) == "interrupted", 120)
        began = time.monotonic()
        for run in [*old, new]:
            found.check(answer(at.client, run) == 200, f"{run}: the answer was refused")
        for run in old:
            seen = events(at.client, run)
            now = at.client.get(f"/v1/runs/{run}").json()
            found.check(now["outputs"] == {"yes": True}, f"{run}: {now['outputs']} {seen[-1]['type']}")
            found.check(now["version"] == before[run]["version"], f"{run}: another version")
            found.tried += 1
        events(at.client, new)
        now = at.client.get(f"/v1/runs/{new}").json()
        found.check(now["outputs"] == {"yes": True, "by": "the new one"}, f"the new one: {now['outputs']}")
        found.check(now["version"] != before[old[0]]["version"], "the new one has the old version")
        found.figures["all answered and finished (s)"] = round(time.monotonic() - began, 1)
    return found

"""Reliability scenarios about processes and databases that end, each played at several places side by side."""

from __future__ import annotations

import random
import signal
import time
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from subprocess import TimeoutExpired
from uuid import UUID

import httpx
from place import GIVEN_UP, Found, Place
from tests.acceptance.fleet import Member, begin, events, line, publish, until

from girih.cli.stream import frames

POINTS = (
    ("quick", "run.created"),
    ("quick", "run.found"),
    ("quick", "run.claimed"),
    ("slow", "events.before"),
    ("slow", "events.after"),
    ("quick", "checkpoint.before"),
    ("quick", "checkpoint.after"),
    ("quick", "checkpoint.before@2"),
    ("quick", "checkpoint.after@3"),
    ("forked", "checkpoint.before@2"),
    ("forked", "checkpoint.after@2"),
    ("quick", "finish.before"),
    ("quick", "finish.after"),
    ("on a thread", "finish.before"),
    ("on a thread", "finish.after"),
)
"""What is run, and where the process that executes it ends. What is asked, answered and taken up is in R1-pauses; lists,
agents and the writes of single branches, which are not kept in every run, are in R1-nested."""
AT_ONCE = 3
"""So many runs are under way when a process is killed."""

FORKED = line("forked", 4, 0).replace("nodes:\n", "nodes:\n  f: { parallel: [a, b], join: all, next: c }\n")
FORKED = FORKED.replace("    next: b\n", "").replace("    next: c\n", "", 1)
FORKED = FORKED.replace("delay_ms: 0", "delay_ms: 100", 2).replace("delay_ms: 100", "delay_ms: 0", 1)
"""The branch `a` has ended, and its writes are kept, long before `b` has."""


def r1(at: Place, turns: Sequence[int]) -> Found:
    """kill -9 of the executor of several runs: at random moments; and once at each named point."""
    found, slowest = Found(), 0.0
    for _ in turns:
        at.workers(2)
        runs = [begin(at.client, "slow") for _ in range(AT_ONCE)]
        until(lambda runs=runs: at.fleet.holder(runs[0]))
        time.sleep(random.uniform(0, 1.5))
        holder = at.fleet.holder(runs[0])
        if holder is not None:
            holder.kill()
        began = time.monotonic()
        for run in runs:
            at.whole(found, run)
        slowest = max(slowest, time.monotonic() - began)
        found.tried += 1
    found.figures["slowest end after a kill (s)"] = round(slowest, 1)
    return found


def at_points(at: Place, turns: Sequence[int]) -> Found:
    """kill -9 of the executor at each named point in turn, or of the API as it has accepted a run."""
    found = Found()
    publish(at.client, {"forked.yaml": FORKED})
    (rescuer,) = at.workers(1)
    for turn in turns:
        what, point = POINTS[turn % len(POINTS)]
        if point == "run.created":
            at.whole(found, _accepted(at, found))
        else:
            _executed(at, found, rescuer, what, point)
        found.tried += 1
    return found


def _accepted(at: Place, found: Found) -> str:
    """The API ends as it has recorded the run and told nobody: the same request to another one gives that run."""
    body, key = {"agent": "quick", "background": True}, {"idempotency-key": f"key-{time.monotonic_ns()}"}
    victim = at.fleet.api(GIRIH_TEST_BUILD="1", GIRIH_CRASH_AT="run.created", GIRIH_RUN_SLOTS="0")
    with at.fleet.client(victim) as there, suppress(httpx.TransportError):
        found.check(there.post("/v1/runs", json=body, headers=key).status_code == 0, "run.created: it answered")
    found.check(victim.process.wait(60) == 9, "run.created: the API did not end there")
    ((run, count),) = at.fleet.sql("SELECT max(id::text), count(*) FROM runs WHERE idempotency_key = $1", *key.values())
    again = at.client.post("/v1/runs", json=body, headers=key).json()
    found.check((again.get("id"), count) == (run, 1), f"run.created: {count} runs, then {again}")
    return str(run)


def _executed(at: Place, found: Found, rescuer: Member, what: str, point: str) -> None:
    rescuer.send(signal.SIGSTOP)
    victim = at.fleet.worker(GIRIH_TEST_BUILD="1", GIRIH_CRASH_AT=point)
    if what == "on a thread":
        thread = at.client.post("/v1/threads", json={}).json()["id"]
        runs = [begin(at.client, "quick", thread_id=thread, multitask="enqueue") for _ in range(2)]
    else:
        thread, runs = None, [begin(at.client, what)]
    with suppress(TimeoutExpired):
        victim.process.wait(60)
    found.check(victim.process.poll() == 9, f"{what}, {point}: the worker did not end there")
    victim.kill()
    rescuer.send(signal.SIGCONT)
    for run in runs:
        if what == "forked":
            _whole_fork(at, found, run)
        else:
            at.whole(found, run)
    if thread is not None:
        began = at.fleet.sql("SELECT id::text FROM runs WHERE thread_id = $1 ORDER BY started_at", UUID(thread))
        found.check([row[0] for row in began] == runs, f"{point}: the runs of a thread began as {began}")
        until(lambda: at.client.get(f"/v1/threads/{thread}").json()["status"] == "idle")


def _whole_fork(at: Place, found: Found, run: str) -> None:
    seen = events(at.client, run)
    found.check([e["seq"] for e in seen] == list(range(1, len(seen) + 1)), f"{run}: gaps or doubles")
    found.check([e["type"] for e in seen if e["type"] in GIVEN_UP] == ["run.finished"], f"{run}: {seen[-1]['type']}")
    done = [e["node"] for e in seen if e["type"] == "node.finished" and e["node"] in "abcd"]
    found.check((sorted(done[:2]), done[2:]) == (["a", "b"], ["c", "d"]), f"{run}: results {done}")


def r5(at: Place, turns: Sequence[int]) -> Found:
    """The database restarted, fast and at once, while runs are executed, read and accepted."""
    found, refused = Found(), 0
    at.workers(2)
    runs: list[str] = []
    for turn in turns:
        runs += [begin(at.client, "slow"), begin(at.client, "slow", background=False)]
        at.fleet.in_the_middle(runs[-2])
        at.fleet.restart_postgres(signal.SIGINT if turn % 2 else signal.SIGQUIT)
        answer = at.client.post("/v1/runs", json={"agent": "quick"})
        if answer.status_code == 201:
            runs.append(answer.json()["id"])
        else:
            refused += 1
            found.check(answer.status_code == 503, f"{answer.status_code} while the database was away")
            found.check("retry-after" in answer.headers, "a 503 without Retry-After")
        until(lambda: at.client.get("/readyz").status_code == 200)
        found.tried += 1
    for run in runs:
        at.whole(found, run)
    found.figures |= {"runs": len(runs), "refused with 503 meanwhile": refused}
    found.check(at.api.process.poll() is None, "the API needed a restart")
    return found


def r11(at: Place, turns: Sequence[int]) -> Found:
    """SIGTERM for an API and a worker with runs and streams open."""
    found, slowest = Found(), 0.0
    for _ in turns:
        at.workers(2)
        other = at.fleet.api()
        with at.fleet.client(other) as there, ThreadPoolExecutor() as pool:
            runs = ["", begin(at.client, "slow")]
            until(lambda runs=runs: at.fleet.holder(runs[1]))
            runs[0], holder = begin(there, "slow", background=False), at.fleet.in_the_middle(runs[1])
            reading = pool.submit(lambda there=there, runs=runs: there.get(f"/v1/runs/{runs[0]}/events").content)
            time.sleep(0.2)
            for member in (other, holder):
                began = time.monotonic()
                code = member.stop()
                slowest = max(slowest, time.monotonic() - began)
                found.check(code == 0, f"{member.name} exited with {code}")
            part = list(frames([reading.result()]))
            found.check(not part or part[-1]["type"] not in GIVEN_UP, "a stop looked like an end")
        for run in runs:
            at.whole(found, run)
        found.tried += 1
    found.figures["slowest stop (s)"] = round(slowest, 1)
    crashes = at.fleet.sql("SELECT coalesce(sum(crashes), 0) FROM runs")
    found.check(crashes == [(0,)], f"counted as crashes: {crashes}")
    return found

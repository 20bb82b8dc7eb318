"""What happens to runs and readers when processes, the broker and the database fail: named scenarios, and what held.

    python tests/benchmarks/reliability.py [R1 R3 …] [--n 10] [--write docs/explanation/performance.md]

Real processes on one machine: an API or two, workers, PostgreSQL and Valkey of their own. Prints a table; exits with 1
if something did not hold. Leases are two seconds here, so that nobody waits for thirty. Some scenarios are played at
three places side by side, each with processes of its own: most of the time everybody waits for a lease to run out.
"""

from __future__ import annotations

import argparse
import asyncio
import os
import random
import re
import signal
import socket
import sys
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any
from uuid import UUID

sys.path.insert(0, str(Path(__file__).parents[2]))
sys.path.insert(0, str(Path(__file__).parent))

import crashes
import httpx
import kills
import misbehaving
import psutil
from place import GIVEN_UP, Found, Place, place, side_by_side
from tests.acceptance.fleet import LEASE, Member, begin, events, publish, until

from girih.cli.stream import frames
from girih.jobs import RUN, make_client


def r3(n: int) -> Found:
    """SIGSTOP past the lease, another takes over, SIGCONT."""
    found = Found()
    rows = " UNION ALL ".join(
        f"SELECT xmin::text || ctid::text FROM {table} WHERE {key} = $1"
        for table, key in (
            ("runs", "id"),
            ("run_events", "run_id"),
            ("run_checkpoints", "run_id"),
            ("run_checkpoint_writes", "run_id"),
        )
    )
    with place(n) as at:
        for _ in range(n):
            at.workers(2)
            run = begin(at.client, "slow")
            holder = at.fleet.in_the_middle(run)
            holder.send(signal.SIGSTOP)
            at.whole(found, run)
            before = sorted(at.fleet.sql(rows, UUID(run)))
            said = holder.said().count("taken this run over")
            holder.send(signal.SIGCONT)
            until(lambda holder=holder, said=said: holder.said().count("taken this run over") > said)
            found.check(sorted(at.fleet.sql(rows, UUID(run))) == before, f"{run}: the thawed one changed something")
            found.tried += 1
    return found


def r4(n: int) -> Found:
    """The broker killed, kept away, and flushed, while work comes in."""
    found = Found()
    with place(n) as at:
        at.workers(2)
        runs = []
        for turn in range(n):
            runs.append(begin(at.client, "slow"))
            at.fleet.kill_valkey()
            runs += [begin(at.client, "quick") for _ in range(3)]
            time.sleep(1)
            at.fleet.restart_valkey(flushed=turn % 2 == 0)
            runs.append(begin(at.client, "quick"))
        for run in runs:
            at.whole(found, run)
        found.tried = len(runs)
    return found


def r6(n: int) -> Found:
    """Streams cut at every event boundary and in the middle of frames, resumed here and in another process."""
    found = Found()
    with place(n) as at:
        at.workers(1)
        other = at.fleet.api(GIRIH_RUN_SLOTS="0")
        with at.fleet.client(other) as there:
            for _ in range(max(1, n // 5)):
                run = begin(at.client, "slow")
                seen: list[dict[str, Any]] = []
                while not seen or seen[-1]["type"] not in GIVEN_UP:
                    client = random.choice([at.client, there])
                    after = seen[-1]["seq"] if seen else 0
                    with client.stream(
                        "GET", f"/v1/runs/{run}/events", headers={"last-event-id": str(after)}
                    ) as answer:
                        part, limit = b"", random.randint(20, 900)
                        for chunk in answer.iter_bytes(64):
                            part += chunk
                            if len(part) > limit:
                                break
                    seen += frames([part])
                    found.tried += 1
                found.check([e["seq"] for e in seen] == list(range(1, len(seen) + 1)), f"{run}: gaps or doubles")
                for after in range(len(seen) + 1):
                    rest = [e["seq"] for e in frames([there.get(f"/v1/runs/{run}/events?from={after}").content])]
                    found.check(rest == list(range(after + 1, len(seen) + 1)), f"{run}: from {after}: {rest[:3]}")
                    found.tried += 1
            for bad in ("-1", "abc", str(len(seen) + 1), f"{run}:3"):
                for client in (at.client, there):
                    status = client.get(f"/v1/runs/{run}/events", headers={"last-event-id": bad}).status_code
                    found.check(status == 400, f"Last-Event-ID {bad}: {status}")
    return found


def _socket(at: Place, run: str, after: int = 0) -> socket.socket:
    """A reader that asks and, by itself, reads nothing."""
    port = int(at.api.url.rsplit(":", 1)[1])
    reader = socket.socket()
    reader.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
    reader.connect(("127.0.0.1", port))
    head = f"GET /v1/runs/{run}/events?from={after} HTTP/1.1\r\nhost: x\r\nauthorization: Bearer {at.fleet.key}\r\n\r\n"
    reader.sendall(head.encode())
    return reader


def _read(reader: socket.socket, until: bytes) -> None:
    """Read a stream until that has come."""
    said = b""
    while until not in said:
        more = reader.recv(1000)
        assert more, f"the stream ended: {said!r}"
        said += more


def cpu_seconds(pid: int) -> float:
    """Processor time of a process, user and system."""
    times = psutil.Process(pid).cpu_times()
    return times.user + times.system


def _rss(member: Member) -> float:
    return psutil.Process(member.process.pid).memory_info().rss / 2**20


BIG = (
    "kind: graph/v1\nname: big\nuse: { model: model://demo }\nnodes:\n  a:\n    llm: model\n    prompt: x\n"
    '    params: { tokens: 20000, delay_ms: 0 }\n    next: $end\noutputs: { text: "${ a.text }" }\n'
)
IDLE = BIG.replace("big", "idle").replace("tokens: 20000, delay_ms: 0", "tokens: 3, delay_ms: 60000")


def r7(n: int) -> Found:
    """Readers that stop reading: the process's memory stays, and others read on."""
    found = Found()
    with place(n) as at:
        publish(at.client, {"big.yaml": BIG})
        at.workers(1)
        events(at.client, begin(at.client, "big"))
        before = _rss(at.api)
        run = begin(at.client, "big")
        stalled = [_socket(at, run) for _ in range(10 * n)]
        seen = events(at.client, run)
        found.check([e["seq"] for e in seen] == list(range(1, len(seen) + 1)), "the other reader missed something")
        after = _rss(at.api)
        for reader in stalled:
            reader.close()
        found.tried = len(stalled)
        found.figures |= {"events": len(seen), "RSS before, after (MB)": f"{before:.0f}, {after:.0f}"}
        found.check(after - before < 100, f"the API grew by {after - before:.0f} MB")
    return found


def r8(n: int) -> Found:
    """Readers that disconnect: descriptors and streams go back to where they were."""
    found = Found()
    with place(n) as at:
        at.workers(1)
        run = begin(at.client, "long")
        process = psutil.Process(at.api.process.pid)
        events_of = [_socket(at, run) for _ in range(20)]
        time.sleep(1)
        for reader in events_of:
            reader.close()
        time.sleep(2)
        before = process.num_fds()
        for _ in range(n):
            readers = [_socket(at, run) for _ in range(100)]
            for reader in readers:
                reader.recv(100)
                reader.close()
            found.tried += len(readers)
        began = time.monotonic()
        until(lambda: process.num_fds() <= before + 2, 30)
        found.figures |= {"descriptors": before, "back after (s)": round(time.monotonic() - began, 1)}
        found.check(time.monotonic() - began <= 5, "it took longer than 5 s")
        at.client.post(f"/v1/runs/{run}/cancel")
    return found


def r9(n: int) -> Found:
    """Idle streams: memory per stream, and how fast health answers beside them."""
    found = Found()
    with place(n) as at:
        at.workers(1)
        publish(at.client, {"idle.yaml": IDLE})
        run = begin(at.client, "idle")
        readers = [_socket(at, run)]
        _read(readers[0], b"run.started")
        before = _rss(at.api)
        began = time.monotonic()
        for _ in range(n):
            readers += [_socket(at, run, 1) for _ in range(100)]
            for reader in readers[-100:]:
                reader.settimeout(30)
                _read(reader, b"retry: ")
        opened = time.monotonic() - began
        took = []
        used, asked = cpu_seconds(at.api.process.pid), time.monotonic()
        with httpx.Client(trust_env=False, timeout=30) as asking:
            for _ in range(300):
                began = time.monotonic()
                asking.get(f"{at.api.url}/healthz")
                took.append((time.monotonic() - began) * 1000)
                time.sleep(0.01)
        busy = (cpu_seconds(at.api.process.pid) - used) / (time.monotonic() - asked)
        after = _rss(at.api)
        for reader in readers:
            reader.close()
        found.tried = len(readers)
        found.figures |= {
            "RSS (MB)": f"{before:.0f} → {after:.0f}",
            "opened a second": round(len(readers) / opened),
            "KB a stream": round((after - before) * 1024 / len(readers), 1),
            "health p50, p99 (ms)": f"{sorted(took)[150]:.1f}, {sorted(took)[297]:.1f}",
            "processor meanwhile (%)": round(100 * busy),
        }
        found.check(after <= 400, f"{after:.0f} MB")
        at.client.post(f"/v1/runs/{run}/cancel")
    return found


def r13(n: int) -> Found:
    """Every connection of the database taken: 503 within the pool's time-out, health answers, and it recovers."""
    found = Found()
    with place(n, GIRIH_DATABASE_POOL="1") as at:
        lock = "LOCK TABLE agents, api_keys IN ACCESS EXCLUSIVE MODE"
        with ThreadPoolExecutor(30) as pool:
            holding = pool.submit(at.fleet.sql, f"DO $$ BEGIN {lock}; PERFORM pg_sleep(12); END $$")
            time.sleep(0.5)

            def ask() -> tuple[int, float]:
                began = time.monotonic()
                return at.client.get("/v1/agents").status_code, time.monotonic() - began

            asked = [pool.submit(ask) for _ in range(2 * n)]
            time.sleep(1)
            began = time.monotonic()
            health = at.client.get("/healthz").status_code
            found.check((health, time.monotonic() - began < 1) == (200, True), "health did not answer")
            answers = [one.result() for one in asked]
            holding.result()
        refused = [took for status, took in answers if status == 503]
        found.tried = len(answers)
        found.figures |= {"503": len(refused), "slowest 503 (s)": round(max(refused, default=0), 1)}
        found.check(bool(refused) and max(refused) < 8, "503 did not come within the pool's time-out")
        found.check({status for status, _ in answers} <= {200, 503}, f"{answers}")
        found.check(ask()[0] == 200, "it did not recover")
    return found


def r18(n: int) -> Found:
    """Every ring three times, and none at all."""
    found = Found()
    with place(n) as at:
        at.workers(2)
        bell = make_client(at.fleet.valkey.url)
        runs = [begin(at.client, "quick") for _ in range(n)]
        for run in runs * 3:
            bell.send_task(RUN, args=[run])
        silent = at.fleet.api(GIRIH_REDIS_URL="", GIRIH_RUN_SLOTS="0")
        with at.fleet.client(silent) as there:
            runs += [begin(there, "quick") for _ in range(n)]
        for run in runs:
            at.whole(found, run)
        for run in runs * 3:
            bell.send_task(RUN, args=[run])
        at.whole(found, begin(at.client, "quick"))
        ((taken_over, count),) = at.fleet.sql("SELECT count(*) FILTER (WHERE attempt > 1), count(*) FROM runs")
        found.check(count == 2 * n + 1, f"{count} runs")
        found.figures["taken over (a machine that stalls for a lease)"] = taken_over
        found.tried = len(runs)
    return found


def r19(n: int) -> Found:
    """50 identical POSTs with one Idempotency-Key, to two APIs; then another body."""
    found = Found()
    with place(n) as at:
        at.workers(1)
        other = at.fleet.api()

        async def storm(key: str) -> set[str]:
            headers = {"authorization": f"Bearer {at.fleet.key}", "idempotency-key": key}
            async with httpx.AsyncClient(headers=headers, timeout=60, trust_env=False) as client:
                urls = [f"{api.url}/v1/runs" for api in (at.api, other) for _ in range(25)]
                answers = await asyncio.gather(*(client.post(url, json={"agent": "quick"}) for url in urls))
                found.check({a.status_code for a in answers} == {201}, f"{ {a.status_code for a in answers} }")
                changed = await client.post(urls[0], json={"agent": "slow"})
                found.check(changed.status_code == 422, f"another body: {changed.status_code}")
                return {str(answer.json().get("id")) for answer in answers}

        for turn in range(n):
            ids = asyncio.run(storm(f"key-{turn}"))
            found.check(len(ids) == 1, f"{len(ids)} runs of one key")
            at.whole(found, ids.pop())
            found.tried += 50
        found.check(at.fleet.sql("SELECT count(*) FROM runs") == [(n,)], "more runs than keys")
    return found


SCENARIOS: dict[str, Callable[[int], Found]] = {
    "R1": side_by_side(kills.r1, place), "R1-points": side_by_side(kills.at_points, place), "R3": r3, "R4": r4,
    "R5": side_by_side(kills.r5, place), "R6": r6, "R7": r7, "R8": r8, "R9": r9, "R11": side_by_side(kills.r11, place), "R13": r13,
    "R18": r18, "R19": r19, "R1-nested": crashes.nested, "R1-pauses": crashes.pauses, "R20": misbehaving.r20,
    "R21": crashes.r21,
}  # fmt: skip


HEAD = ("id", "what happens", "n", "tried", "held", "seconds", "figures", "when")
"""The columns of the table."""


def row(name: str, n: int) -> tuple[str, list[str]]:
    """Play a scenario: its line of the table, and what did not hold."""
    began, play = time.monotonic(), SCENARIOS[name]
    try:
        found = play(n)
    except Exception as fault:
        found = Found(wrong=[f"{type(fault).__name__}: {fault}"])
    figures = " · ".join(f"{key}: {value}" for key, value in found.figures.items())
    what, took = (play.__doc__ or "").rstrip("."), time.monotonic() - began
    held, today = "no" if found.wrong else "yes", time.strftime("%Y-%m-%d")
    return f"| {name} | {what} | {n} | {found.tried} | {held} | {took:.0f} | {figures} | {today} |", found.wrong


def write(page: Path, lines: dict[str, str]) -> None:
    """Put these lines into the page's table, beside those of other scenarios that it has already."""
    marked = re.compile(r"(<!-- reliability -->\n).*?(<!-- /reliability -->)", re.DOTALL)
    text = page.read_text()
    there = marked.search(text)
    assert there is not None, f"{page} has no place for the table"
    known = {line.split("|")[1].strip(): line for line in there[0].splitlines() if line.startswith("| R")} | lines
    table = [f"| {' | '.join(HEAD)} |", "|---" * len(HEAD) + "|", *(known[name] for name in SCENARIOS if name in known)]
    page.write_text(text.replace(there[0], there[1] + "\n".join(table) + "\n" + there[2]))


def main() -> int:
    """Play the scenarios that were named, or all."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("scenarios", nargs="*", metavar="R", help=", ".join(SCENARIOS))
    parser.add_argument("--n", type=int, default=5, help="how often each scenario's fault happens (default 5)")
    parser.add_argument("--write", type=Path, help="the page to put the table into; other scenarios' lines stay")
    given = parser.parse_args()
    unknown = set(given.scenarios) - SCENARIOS.keys()
    if unknown:
        parser.error(f"there is no {', '.join(sorted(unknown))}")
    print(f"{os.cpu_count()} cores, leases of {LEASE:.0f} s\n\n| {' | '.join(HEAD)} |\n{'| --- ' * len(HEAD)}|")
    failed = False
    for name in given.scenarios or SCENARIOS:
        line, wrong = row(name, given.n)
        print(line)
        for each in wrong[:5]:
            print(f"    {each}")
        sys.stdout.flush()
        failed |= bool(wrong)
        if given.write is not None:
            write(given.write, {name: line})
    return int(failed)


if __name__ == "__main__":
    sys.exit(main())

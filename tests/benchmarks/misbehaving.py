"""A reliability scenario about models: a provider that hangs, drips, breaks off, refuses and talks nonsense."""

from __future__ import annotations

import asyncio
import threading
from collections import Counter, defaultdict
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass, field
from itertools import pairwise
from time import monotonic
from typing import Any

from place import Found, Place, place
from tests.acceptance.fleet import begin, events, publish
from tests.providers.servers import (
    Answer,
    Asked,
    breaks_off,
    chunk,
    cuts,
    drips,
    hangs,
    says,
    serving,
    streams,
    used,
)

AGENT = """kind: graph/v1
name: patient
inputs: { q: string }
use: { model: model://remote }
nodes:
  a:
    llm: model
    prompt: "${ inputs.q }"
    timeout: { attempt: 5s, total: 25s }
    retry: { max: 2, on: [timeout, unavailable, rate_limit] }
    next: $end
outputs: { text: "${ a.text }" }
"""
MODEL = "kind: model/v1\nname: remote\nprovider: openai\nmodel: test-model\n"

GOOD = streams(chunk("Hel"), chunk("lo"), chunk(finish="stop"), used(7, 2))
HALF = streams(chunk("half"), finish=False)
NONSENSE = streams("data: {not json\n\n")
LIMITED = says(429, {"error": {"message": "slow down"}})
LIMITED_SHORTLY = says(429, {"error": {"message": "slow down"}}, retry_after="1")
LIMITED_FOR_LONG = says(429, {"error": {"message": "slow down"}}, retry_after="3600")

CASES: dict[str, tuple[list[Answer], str]] = {
    "answers": ([GOOD], ""),
    "hangs": ([hangs], "timeout"),
    "hangs once": ([hangs, GOOD], ""),
    "drips": ([drips], "timeout"),
    "drips once": ([drips, GOOD], ""),
    "closes in the head": ([cuts], "unavailable"),
    "closes in the body": ([breaks_off], "unavailable"),
    "closes in the stream": ([HALF], "unavailable"),
    "closes in the stream once": ([HALF, GOOD], ""),
    "429": ([LIMITED], "rate_limit"),
    "429 once": ([LIMITED, GOOD], ""),
    "429 once, wait a second": ([LIMITED_SHORTLY, GOOD], ""),
    "429, wait an hour": ([LIMITED_FOR_LONG], "timeout"),
    "bad JSON": ([NONSENSE], "unavailable"),
    "bad JSON once": ([NONSENSE, GOOD], ""),
    "500": ([says(500, "oops")], "unavailable"),
}
"""What the provider does, one answer a request and the last again, and the kind of error the run fails with, if any."""

MOST_REQUESTS = 6
"""Of one run: three attempts, each of which may repeat a 429 once."""


@dataclass
class Provider:
    """It behaves as the prompt asks, and notes when it was asked."""

    url: str = ""
    moments: defaultdict[str, list[float]] = field(default_factory=lambda: defaultdict(list))

    async def answer(self, asked: Asked, writer: asyncio.StreamWriter) -> None:
        """Answer one request."""
        prompt = str(asked.json()["messages"][-1]["content"])
        answers, _ = CASES[prompt.partition("#")[0]]
        self.moments[prompt].append(monotonic())
        await answers[min(len(self.moments[prompt]), len(answers)) - 1](asked, writer)


@contextmanager
def provider() -> Iterator[Provider]:
    """The provider, in a thread of its own."""
    made, ready, over = Provider(), threading.Event(), asyncio.Event()
    loop = asyncio.new_event_loop()

    async def live() -> None:
        async with serving(made.answer) as server:
            made.url = server.url
            ready.set()
            await over.wait()
        for task in asyncio.all_tasks() - {asyncio.current_task()}:
            task.cancel()  # what it still hangs on
        await asyncio.sleep(0)

    thread = threading.Thread(target=lambda: loop.run_until_complete(live()), daemon=True)
    thread.start()
    ready.wait(10)
    try:
        yield made
    finally:
        loop.call_soon_threadsafe(over.set)
        thread.join(10)


def r20(n: int) -> Found:
    """A provider that hangs, drips, closes early, answers 429 or bad JSON: a typed error, or a bounded repetition."""
    found = Found()
    with provider() as remote, place(n, GIRIH_OPENAI_API_KEY="sk-test", GIRIH_OPENAI_BASE_URL=f"{remote.url}/v1") as at:
        at.workers(1)
        warm = AGENT.replace("name: patient", "name: warm").replace("attempt: 5s", "attempt: 55s")
        publish(at.client, {"patient.yaml": AGENT, "warm.yaml": warm, "models/remote.yaml": MODEL})
        # The first call of a process loads the provider's library.
        events(at.client, begin(at.client, "warm", inputs={"q": "answers#warm"}))
        remote.moments.clear()
        turns = [f"{name}#{turn}" for turn in range(max(1, n // len(CASES) + 1)) for name in CASES]
        with ThreadPoolExecutor(8) as pool:
            for prompt, wrong in zip(turns, pool.map(lambda prompt: _one(at, remote, prompt), turns), strict=True):
                found.tried += 1
                for each in wrong:
                    found.check(False, f"{prompt}: {each}")
        found.figures["requests"] = sum(len(moments) for moments in remote.moments.values())
        found.check(at.api.process.poll() is None, "the API ended")
    return found


def _one(at: Place, remote: Provider, prompt: str) -> list[str]:
    name = prompt.partition("#")[0]
    answers, kind = CASES[name]
    with at.fleet.client(at.api) as client:
        run = begin(client, "patient", inputs={"q": prompt})
        seen = events(client, run)
        row = client.get(f"/v1/runs/{run}").json()
    return [*_outcome(seen, row, kind), *_requests(remote.moments[prompt], name, len(answers), kind)]


def _outcome(seen: list[dict[str, Any]], row: dict[str, Any], kind: str) -> Iterator[str]:
    ends = Counter(event["type"] for event in seen if event["type"] in ("run.finished", "run.failed"))
    if ends != Counter(["run.failed" if kind else "run.finished"]):
        yield f"ended as {dict(ends)} {row.get('error')}"
    elif kind and row["error"]["kind"] != kind:
        yield f"failed with {row['error']}"
    elif not kind and row["outputs"] != {"text": "Hello"}:
        yield f"gave {row['outputs']}"
    if not kind and (row["usage"]["input_tokens"], row["usage"]["output_tokens"]) != (7, 2):
        yield f"counted {row['usage']}"
    if "sk-test" in str(seen) + str(row):
        yield "told the key"


def _requests(moments: list[float], name: str, answers: int, kind: str) -> Iterator[str]:
    if not (answers if not kind else 1) <= len(moments) <= MOST_REQUESTS:
        yield f"asked {len(moments)} times"
    if not kind and len(moments) != answers:
        yield f"asked {len(moments)} times for {answers} answers"
    if "wait a second" in name and any(b - a < 0.95 for a, b in pairwise(moments)):
        yield "did not wait as it was asked to"
    if "an hour" in name and len(moments) > 1 and moments[-1] - moments[0] > 30:
        yield "went on for too long"

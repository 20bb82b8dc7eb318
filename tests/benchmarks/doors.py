"""What each door costs beside `/v1`: the same runs through all of them, in turns, on one server."""

from __future__ import annotations

import asyncio
import statistics
import sys
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field

import protocols
from load import Figures, Target, load
from protocols import Server
from servers import cpu_seconds

HEAD = [
    "| asked at | what | beside | runs/s | first event p50, ms | CPU per run, ms (+ database) | CPU beside it |",
    "|---|---|---|---|---|---|---|",
]


@dataclass
class Way:
    """One way of asking for the same run, and what was measured of it. `beside` is the one it is compared with."""

    place: str
    what: str
    prefix: str
    ask: Callable[[Server, str], Target]
    agent: str = "chat50"
    beside: int = 0
    figures: Figures = field(default_factory=Figures)
    api: list[float] = field(default_factory=list)
    """CPU milliseconds per run of girih's process, by round."""
    database: list[float] = field(default_factory=list)
    ratios: list[float] = field(default_factory=list)
    """What a run costs beside the other way's, measured just before, by round."""

    @property
    def cost(self) -> float:
        """CPU milliseconds per run in the last round."""
        return self.api[-1] + self.database[-1]

    async def measure(self, server: Server, pids: Sequence[int], streams: int, seconds: float) -> None:
        """One more round."""
        target = self.ask(Server(server.host, server.port, self.prefix, server.headers), self.agent)
        before = [cpu_seconds(pid) for pid in pids]
        figures = await load(target, streams, seconds)
        api, database = (
            (cpu_seconds(pid) - used) * 1000 / figures.runs for pid, used in zip(pids, before, strict=True)
        )
        self.figures.add(figures)
        self.api.append(api)
        self.database.append(database)

    def row(self, number: int) -> str:
        """Its line of the table, with the medians of all rounds."""
        beside = f"{self.beside + 1}" if self.ratios else ""
        ratio = f"{statistics.median(self.ratios):.2f}" if self.ratios else ""
        return (
            f"| {number}. {self.place} | {self.what} | {beside} | {self.figures.rate:.0f} | "
            f"{self.figures.first_ms:.1f} | {statistics.median(self.api):.1f} + {statistics.median(self.database):.1f} | "
            f"{ratio} |"
        )


def ways() -> list[Way]:
    """All of them; a door's runs are compared with the same ones of `/v1`."""
    return [
        Way("`/v1`", "inputs", "/v1", protocols.v1, "echo50", 0),
        Way("`/v1`", "inputs, new thread", "/v1", protocols.v1_thread, "echo50", 1),
        Way("`/v1`", "a message", "/v1", protocols.v1_chat, beside=2),
        Way("`/v1`", "a message, new thread", "/v1", protocols.v1_chat_thread, beside=3),
        Way("`/langgraph`", "inputs", "/langgraph", protocols.langgraph, "echo50", 0),
        Way("`/langgraph`", "inputs, new thread", "/langgraph", protocols.langgraph_thread, "echo50", 1),
        Way("`/langgraph`", "inputs, thread made with the run", "/langgraph", protocols.langgraph_create, "echo50", 1),
        Way("`/openai/v1`", "chat completion", "/openai/v1", protocols.openai_chat, beside=2),
        Way("`/openai/v1`", "response, stored: new thread", "/openai/v1", protocols.openai_responses, beside=3),
        Way("`/ai-sdk`", "new chat", "/ai-sdk", protocols.ai_sdk, beside=3),
        Way("`/ag-ui`", "new thread", "/ag-ui", protocols.ag_ui, beside=3),
    ]


async def compare(server: Server, pids: Sequence[int], streams: int, seconds: float, rounds: int) -> list[str]:
    """The table: so many rounds over all doors, each right after the way it is compared with.

    So what else the machine does meets both of them.
    """
    measured = ways()
    for way in measured:
        await load(way.ask(Server(server.host, server.port, way.prefix, server.headers), way.agent), 4, 1)
    for number in range(rounds):
        for way in measured:
            other = measured[way.beside]
            if other is not way:
                for one in (other, way):
                    await one.measure(server, pids, streams, seconds)
                    # What the last runs leave to be done belongs to them.
                    await asyncio.sleep(0.2)
                way.ratios.append(way.cost / other.cost)
        print(f"round {number + 1} of {rounds}", file=sys.stderr, flush=True)
    return [*HEAD, *(way.row(number) for number, way in enumerate(measured, 1))]

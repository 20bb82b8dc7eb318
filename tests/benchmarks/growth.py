"""What a step costs in a long run, and beside a large state: `python tests/benchmarks/growth.py [--steps 2000] [--mb 1]`.

Real graphs, compiled and executed in this process, with checkpoints that are counted and then kept in memory. Each
figure is given for the first and for the last tenth of the steps: where they are alike, cost grows with the steps;
where they are not, with their square. Time is processor time, so other work on the machine hardly counts.

A chain of many nodes is a graph with many channels, and LangGraph looks at each of them in each step. So the same chain
is measured beside it as LangGraph alone, with nodes that do nothing and a saver that keeps nothing: no run can be
flatter than that.
"""

from __future__ import annotations

import argparse
import asyncio
import itertools
import statistics
import sys
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, TypedDict

sys.path[:0] = [str(Path(__file__).parents[2] / "backend"), str(Path(__file__).parents[2])]

from langchain_core.runnables import RunnableConfig  # noqa: E402
from langgraph.checkpoint.base import BaseCheckpointSaver, CheckpointTuple  # noqa: E402
from langgraph.graph import START, StateGraph  # noqa: E402
from langgraph.types import Command  # noqa: E402
from tests.engine.plans import World  # noqa: E402

from girih.engine.checkpoints import Write  # noqa: E402
from girih.engine.memory_store import MemoryCheckpointStore  # noqa: E402
from girih.engine.parts import Blob  # noqa: E402
from girih.language.compiler.pipeline import compile_workspace  # noqa: E402
from girih.language.compiler.plan import Plan  # noqa: E402
from girih.language.compiler.workspace import Workspace  # noqa: E402

LOOP = """
kind: graph/v1
name: growing
inputs: { big: string, last: integer }
STATE
nodes:
  first:
    set: { n: 1 }
    ONCE
    next: count
  count:
    set: { n: "${ visits('count') + 1 }" }
    WRITE
    next:
      - { if: "count.n < inputs.last", to: count }
      - { else: done }
  done:
    set: { n: "${ count.n }" }
    next: $end
outputs: { n: "${ done.n }" }
limits: { steps: 100000 }
"""

MOST_NODES = 1000
"""So many nodes a graph may have; longer runs are loops."""


@dataclass
class Counted(MemoryCheckpointStore):
    """Notes how much was written and when."""

    written: list[int] = field(default_factory=list)
    moments: list[float] = field(default_factory=list)

    async def put(
        self,
        ns: str,
        checkpoint_id: str,
        parent_id: str | None,
        checkpoint: bytes,
        metadata: bytes,
        blobs: Sequence[Blob],
    ) -> None:
        """Count a checkpoint and its new blobs."""
        self._count(len(checkpoint) + len(metadata) + sum(len(blob[3]) for blob in blobs))
        await super().put(ns, checkpoint_id, parent_id, checkpoint, metadata, blobs)

    async def put_writes(
        self, ns: str, checkpoint_id: str, task_id: str, task_path: str, writes: Sequence[Write]
    ) -> None:
        """Count a task's writes."""
        self._count(sum(len(write[3]) for write in writes))
        await super().put_writes(ns, checkpoint_id, task_id, task_path, writes)

    async def record(self, ns: str, entries: Mapping[str, bytes]) -> None:
        """Count what was recorded."""
        self._count(sum(map(len, entries.values())))
        await super().record(ns, entries)

    def _count(self, size: int) -> None:
        self.written.append(size)
        self.moments.append(time.process_time())


def compiled(text: str) -> Plan:
    """The plan of the one graph."""
    compilation = compile_workspace(Workspace({"a.yaml": text}))
    if compilation.diagnostics:
        raise SystemExit("\n".join(f"{one.code}: {one.message}" for one in compilation.diagnostics))
    (plan,) = compilation.plans.values()
    return plan


def loop(state: str = "", write: str = "", once: str = "") -> Plan:
    """A node that runs again and again, with this state and what it writes of it; `once` is written before."""
    return compiled(LOOP.replace("STATE", state).replace("WRITE", write).replace("ONCE", once))


def chain(nodes: int) -> Plan:
    """So many nodes, one after another."""
    steps = "".join(
        f"  n{i}:\n    set: {{ n: {i} }}\n    next: {f'n{i + 1}' if i + 1 < nodes else '$end'}\n" for i in range(nodes)
    )
    return compiled(
        f"kind: graph/v1\nname: growing\ninputs: {{ big: string, last: integer }}\nnodes:\n{steps}"
        f'outputs: {{ n: "${{ n{nodes - 1}.n }}" }}\nlimits: {{ steps: 100000 }}\n'
    )


class Timed(BaseCheckpointSaver[str]):
    """Keeps nothing; notes when a checkpoint was made."""

    def __init__(self) -> None:
        super().__init__()
        self.moments: list[float] = []

    def get_next_version(self, current: str | None, channel: None = None) -> str:
        """As a run's saver counts."""
        return f"{int(current or 0) + 1:010d}"

    async def aget_tuple(self, config: RunnableConfig) -> CheckpointTuple | None:
        """Nothing is kept."""

    async def aput(self, config: RunnableConfig, checkpoint: Any, *_: Any) -> RunnableConfig:
        """A step is done."""
        self.moments.append(time.process_time())
        thread = config["configurable"]["thread_id"]
        return {"configurable": {"thread_id": thread, "checkpoint_ns": "", "checkpoint_id": checkpoint["id"]}}

    async def aput_writes(self, *_: Any) -> None:
        """Nothing is kept."""


def bare_node(number: int, nodes: int) -> Any:
    """Writes its own channel and says what is next."""
    update, way = {f"out.n{number}": {"n": number}}, [f"n{number + 1}"] if number + 1 < nodes else []

    async def run(state: Any) -> Command[Any]:
        return Command(update=update, goto=way)

    return run


async def bare(nodes: int) -> str:
    """One line of the table: a chain as LangGraph alone runs it."""
    channels: Any = {f"out.n{i}": dict[str, Any] for i in range(nodes)}
    nothing = TypedDict("nothing", {"out.n0": dict[str, Any]})
    graph: Any = StateGraph(TypedDict("channels", channels))  # type: ignore[misc]  # - made as the graph is long
    for i in range(nodes):
        graph.add_node(f"n{i}", bare_node(i, nodes), input_schema=nothing)
    graph.add_edge(START, "n0")
    saver = Timed()
    compiled = graph.compile(checkpointer=saver)
    config = {"configurable": {"thread_id": "1"}, "recursion_limit": nodes + 10}
    began = time.process_time()
    await compiled.ainvoke({"out.n0": {}}, config, durability="sync", stream_mode="values", output_keys=["out.n0"])
    took = time.process_time() - began
    return f"| LangGraph alone, {nodes} nodes | {len(saver.moments)} | | | | {pace(saver.moments)} | {took:.1f} |"


def pace(moments: Sequence[float]) -> str:
    """Two columns: milliseconds a step at the beginning and at the end, and their ratio."""
    gaps = [after - before for before, after in itertools.pairwise(moments)]
    tenth = max(1, len(gaps) // 10)
    early, late = (statistics.median(part) * 1000 for part in (gaps[:tenth], gaps[-tenth:]))
    return f"{early:.2f} → {late:.2f} | {late / early:.2f}"


async def measured(name: str, plan: Plan, steps: int, big: str) -> str:
    """One line of the table."""
    world, store = World(), Counted()
    world.store = store
    began = time.process_time()
    outcome = await world.run(plan, {"big": big, "last": steps})
    took = time.process_time() - began
    if outcome.status != "succeeded":
        raise SystemExit(f"{name}: {outcome}")
    tenth = max(1, len(store.written) // 10)
    first, last = (statistics.mean(part) for part in (store.written[1:tenth], store.written[-tenth:-1]))
    total = sum(store.written) / 1e6
    return (
        f"| {name} | {len(store.written)} | {total:.1f} | {first:.0f} → {last:.0f} | {last / first:.2f} "
        f"| {pace(store.moments)} | {took:.1f} |"
    )


async def table(steps: int, mb: float) -> None:
    """Measure and print."""
    big, long = "x" * round(mb * 1_000_000), min(steps, MOST_NODES)
    print("| run | commits | MB written | bytes a step | × | ms a step | × | seconds |")
    print("|---|---|---|---|---|---|---|---|")
    cases: list[tuple[str, Plan, int, str]] = [
        (f"a loop of {steps} steps", loop(), steps, "x"),
        (f"the same with {mb:g} MB of inputs", loop(), steps, big),
        (
            f"the same with {mb:g} MB in `state:`, written once",
            loop(
                "state: { kept: { type: string, default: '' }, n: { type: integer, default: 0 } }",
                'write: { n: "${ count.n }" }',
                'write: { kept: "${ inputs.big }" }',
            ),
            steps,
            big,
        ),
        (
            "a list in `state:` that each step adds to",
            loop("state: { all: { type: [integer], merge: append, default: [] } }", 'write: { all: ["${ count.n }"] }'),
            steps,
            "x",
        ),
        (f"a chain of {long // 4} nodes", chain(long // 4), steps, "x"),
        (f"a chain of {long} nodes", chain(long), steps, "x"),
    ]
    for name, plan, length, value in cases:
        print(await measured(name, plan, length, value), flush=True)
    for nodes in (long // 4, long):
        print(await bare(nodes), flush=True)


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--steps", type=int, default=2000)
    parser.add_argument("--mb", type=float, default=1.0, help="the size of the large value, in megabytes")
    options = parser.parse_args()
    asyncio.run(table(options.steps, options.mb))


if __name__ == "__main__":
    main()

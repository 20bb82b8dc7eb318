"""One test of a graph, run: nothing of it is kept, and what is not mocked is done for real."""

from __future__ import annotations

import time
import uuid
from collections import Counter
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from typing import Any

from girih.engine.context import OpenPause, Outcome, ResultCache, RunContext
from girih.engine.engine import Engine
from girih.engine.events import NewEvent
from girih.engine.memory_store import MemoryCheckpointStore
from girih.engine.trials.coverage import Seen, seen_in
from girih.engine.trials.mocks import VERB, MockNode, mocked
from girih.engine.trials.places import own_node
from girih.engine.trials.verdict import misses_of
from girih.errors import InvalidInput
from girih.language.compiler.plan import Plan
from girih.language.nodes.base import NodeKind
from girih.language.nodes.memories import Memory
from girih.language.nodes.pausing import Reply
from girih.language.nodes.ports import Events, Models, Retriever, Sandbox, Scanner, Tools
from girih.language.spec.graph_tests import GraphTest
from girih.language.spec.model import END, FAIL
from girih.language.spec.tree import JsonObject

STEPS = frozenset({"node.finished", "node.failed", "node.skipped"})
"""Each execution of a node ends with one of these, also one that has waited meanwhile."""

MOST_ANSWERS = 100
"""How often one test may come to wait."""


@dataclass(frozen=True)
class Surroundings:
    """What the nodes of one test reach. Memory, events and cache are the test's own."""

    models: Models
    retriever: Retriever
    tools: Tools
    memory: Memory
    sandbox: Sandbox
    scanner: Scanner
    events: Events
    cache: ResultCache
    plans: Callable[[str], Awaitable[Plan]]


@dataclass(frozen=True)
class Report:
    """What came of a test. `misses` says in sentences what was not as expected; none: it passed."""

    name: str
    misses: tuple[str, ...]
    path: tuple[str, ...] = ()
    outputs: JsonObject | None = None
    error: JsonObject | None = None
    waits_for: tuple[str, ...] = ()
    steps: int = 0
    usage: JsonObject = field(default_factory=dict)
    seconds: float = 0.0
    events: tuple[NewEvent, ...] = ()
    seen: Seen = Seen()  # noqa: RUF009 - immutable

    @property
    def passed(self) -> bool:
        """Whether everything was as expected."""
        return not self.misses


async def run_trial(kinds: Mapping[str, NodeKind[Any]], plan: Plan, test: GraphTest, around: Surroundings) -> Report:
    """Run a test of a graph. Never raises for what the graph or the test says."""
    began, events = time.perf_counter(), list[NewEvent]()
    engine = Engine({**kinds, VERB: MockNode()})
    ready = mocked(plan, test.mock, kinds)
    try:
        outcome = await _to_its_end(engine, ready, test, around, events)
    except InvalidInput as fault:
        return Report(test.name, (f"the inputs do not fit: {fault.message}",), seconds=time.perf_counter() - began)
    done = [name for event in events if event.type == "node.finished" and (name := own_node(event.node)) is not None]
    report = Report(
        name=test.name,
        misses=(),
        path=tuple(done),
        outputs=outcome.outputs,
        error=outcome.error,
        waits_for=tuple(own_node(pause.node) or pause.node for pause in outcome.pauses),
        steps=sum(event.type in STEPS for event in events),
        usage=outcome.usage,
        seconds=time.perf_counter() - began,
        events=tuple(events),
        seen=seen_in(plan, events, _end_of(outcome)),
    )
    return replace(report, misses=tuple(misses_of(plan, test, outcome, report.path, events, report.steps)))


def _end_of(outcome: Outcome) -> str | None:
    if outcome.status == "succeeded":
        return END
    return FAIL if outcome.error is not None and outcome.error["kind"] == "refused" else None


async def _to_its_end(
    engine: Engine, plan: Plan, test: GraphTest, around: Surroundings, events: list[NewEvent]
) -> Outcome:
    """Run, and give the test's answers where the run waits, until it ends or nobody answers."""
    run_id, replies, given = str(uuid.uuid5(uuid.NAMESPACE_OID, test.name)), dict[str, Reply](), Counter[str]()
    store = MemoryCheckpointStore()
    for attempt in range(1, MOST_ANSWERS + 2):
        context = RunContext(
            run_id=run_id,
            inputs=test.given,
            models=around.models,
            retriever=around.retriever,
            tools=around.tools,
            memory=around.memory,
            sandbox=around.sandbox,
            scanner=around.scanner,
            events=around.events,
            cache=around.cache,
            plans=around.plans,
            checkpoints=store,
            emit=events.append,
            resume=attempt > 1,
            started_at=datetime.now(UTC),
            attempt=attempt,
            state=test.state,
            replies=replies,
        )
        outcome = await engine.execute(plan, context)
        answered = {pause.id: reply for pause in outcome.pauses if (reply := _reply(pause, test, given)) is not None}
        if not answered:
            return outcome
        replies.update(answered)
    return outcome


def _reply(pause: OpenPause, test: GraphTest, given: Counter[str]) -> Reply | None:
    """The test's next answer for the node; a timer is over at once."""
    if pause.request.kind == "timer":
        return Reply("timed_out")
    name = own_node(pause.node)
    if name is None or name not in test.answers:
        return None
    written = test.answers[name]
    several = written if isinstance(written, list) else [written]
    given[name] += 1
    if given[name] > len(several):
        return None
    return Reply("answered", several[given[name] - 1], by="test")
